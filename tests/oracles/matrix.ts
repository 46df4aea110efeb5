/** Vectors and matrices as plain float64 arrays: a matrix is a list of rows. */

export type Vector = number[];
export type Matrix = number[][];

export function zeroVector(length: number): Vector {
  return new Array<number>(length).fill(0);
}

export function zeroMatrix(rows: number, columns: number): Matrix {
  return Array.from({ length: rows }, () => zeroVector(columns));
}

export function identity(size: number): Matrix {
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)));
}

export function dot(a: Vector, b: Vector): number {
  if (a.length !== b.length) throw new RangeError(`dot: lengths ${a.length} and ${b.length} differ`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Euclidean norm. */
export function norm(a: Vector): number {
  return Math.sqrt(dot(a, a));
}

export function add(a: Vector, b: Vector): Vector {
  if (a.length !== b.length) throw new RangeError(`add: lengths ${a.length} and ${b.length} differ`);
  return a.map((value, i) => value + b[i]!);
}

export function scale(factor: number, a: Vector): Vector {
  return a.map((value) => factor * value);
}

export function subtract(a: Vector, b: Vector): Vector {
  return add(a, scale(-1, b));
}

/** Elementwise product. */
export function hadamard(a: Vector, b: Vector): Vector {
  if (a.length !== b.length) throw new RangeError(`hadamard: lengths ${a.length} and ${b.length} differ`);
  return a.map((value, i) => value * b[i]!);
}

/** `W x` for a column x: W is [out, in]. */
export function matVec(w: Matrix, x: Vector): Vector {
  return w.map((row) => dot(row, x));
}

/** `x W` for a row x: W is [in, out]. */
export function vecMat(x: Vector, w: Matrix): Vector {
  return matVec(transpose(w), x);
}

export function matMul(a: Matrix, b: Matrix): Matrix {
  const columns = transpose(b);
  return a.map((row) => columns.map((column) => dot(row, column)));
}

/** `a bᵀ`, shape [a.length, b.length]. */
export function outer(a: Vector, b: Vector): Matrix {
  return a.map((value) => scale(value, b));
}

export function transpose(a: Matrix): Matrix {
  const columns = a[0]?.length ?? 0;
  return Array.from({ length: columns }, (_, j) => a.map((row) => row[j]!));
}

export function addMatrix(a: Matrix, b: Matrix): Matrix {
  if (a.length !== b.length) throw new RangeError(`addMatrix: ${a.length} and ${b.length} rows differ`);
  return a.map((row, i) => add(row, b[i]!));
}

export function scaleMatrix(factor: number, a: Matrix): Matrix {
  return a.map((row) => scale(factor, row));
}

/** Multiplies row i of `a` by `factors[i]`: `diag(factors) a`. */
export function scaleRows(factors: Vector, a: Matrix): Matrix {
  return a.map((row, i) => scale(factors[i]!, row));
}

/** Columns `[head * size, (head + 1) * size)` of every row. */
export function headColumns(a: Matrix, head: number, size: number): Matrix {
  return a.map((row) => row.slice(head * size, (head + 1) * size));
}
