/** Inverse of a square matrix by elimination with row exchanges. */

import { identity, type Matrix, scale, subtract } from "./matrix.ts";

/** `a⁻¹`. Throws a RangeError on a zero pivot. */
export function inverse(a: Matrix): Matrix {
  const rows = a.map((row, i) => [...row, ...identity(a.length)[i]!]);
  for (let column = 0; column < a.length; column++) {
    let best = column;
    for (let i = column + 1; i < a.length; i++) {
      if (Math.abs(rows[i]![column]!) > Math.abs(rows[best]![column]!)) best = i;
    }
    [rows[column], rows[best]] = [rows[best]!, rows[column]!];
    const pivot = rows[column]![column]!;
    if (pivot === 0) throw new RangeError(`inverse: no pivot in column ${column}`);
    rows[column] = scale(1 / pivot, rows[column]!);
    for (let i = 0; i < a.length; i++) {
      if (i !== column) rows[i] = subtract(rows[i]!, scale(rows[i]![column]!, rows[column]!));
    }
  }
  return rows.map((row) => row.slice(a.length));
}
