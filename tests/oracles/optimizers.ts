/** Optimisers in plain numbers, one parameter at a time: each keeps its own memory between calls. */

import {
  addMatrix,
  type Matrix,
  matMul,
  matVec,
  outer,
  scaleMatrix,
  transpose,
  type Vector,
  zeroMatrix,
  zeroVector,
} from "./matrix.ts";

/** One step on one parameter, its numbers in row-major order. */
export type ParameterStepper = (parameter: Vector, gradient: Vector, learningRate: number) => Vector;

/** What a stepper needs to know: the parameter's shape, and its decoupled decay. */
export interface ParameterFacts {
  readonly shape: readonly number[];
  readonly weightDecay: number;
}

/** The stepper that subtracts the learning rate times a direction and times the decayed parameter. */
function stepping(
  facts: ParameterFacts,
  directionOf: (g: Vector, p: Vector, rate: number) => Vector,
): ParameterStepper {
  return (p, g, rate) => {
    const direction = directionOf(g, p, rate);
    return p.map((value, i) => value - rate * direction[i]! - rate * facts.weightDecay * value);
  };
}

export function sgdStepper(facts: ParameterFacts): ParameterStepper {
  return stepping(facts, (g) => g);
}

/** `buf = mu buf + g`; the step is `buf`, or `g + mu buf` with Nesterov. */
export function momentumStepper(facts: ParameterFacts, mu: number, nesterov = false): ParameterStepper {
  const buffer: Vector = [];
  return stepping(facts, (g) =>
    g.map((value, i) => {
      buffer[i] = mu * (buffer[i] ?? 0) + value;
      return nesterov ? value + mu * buffer[i] : buffer[i];
    }),
  );
}

export function adaGradStepper(facts: ParameterFacts, epsilon: number): ParameterStepper {
  const sums: Vector = [];
  return stepping(facts, (g) =>
    g.map((value, i) => {
      sums[i] = (sums[i] ?? 0) + value ** 2;
      return value / (Math.sqrt(sums[i]) + epsilon);
    }),
  );
}

export interface AdamStepperOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly biasCorrection?: boolean;
}

export function adamStepper(facts: ParameterFacts, options: AdamStepperOptions): ParameterStepper {
  const { beta1, beta2, epsilon, biasCorrection = true } = options;
  const [first, second]: Vector[] = [[], []];
  let [power1, power2] = [1, 1];
  return stepping(facts, (g) => {
    power1 *= beta1;
    power2 *= beta2;
    return g.map((value, i) => {
      first![i] = beta1 * (first![i] ?? 0) + (1 - beta1) * value;
      second![i] = beta2 * (second![i] ?? 0) + (1 - beta2) * value * value;
      const mean = biasCorrection ? first![i]! / (1 - power1) : first![i]!;
      const square = biasCorrection ? second![i]! / (1 - power2) : second![i]!;
      return mean / (Math.sqrt(square) + epsilon);
    });
  });
}

/** Matrices [rows, columns] of a parameter of any shape: one for each leading index; a vector is one row. */
export function matricesOf(numbers: Vector, shape: readonly number[]): Matrix[] {
  const columns = shape.at(-1) ?? 1;
  const rows = shape.length >= 2 ? shape.at(-2)! : 1;
  return Array.from({ length: numbers.length / (rows * columns) }, (_, k) =>
    Array.from({ length: rows }, (_, i) => numbers.slice((k * rows + i) * columns, (k * rows + i + 1) * columns)),
  );
}

/** A stepper from a rule for matrices, with a memory of its own for each. */
function matrixStepping<M>(
  facts: ParameterFacts,
  start: (rows: number, columns: number) => M,
  directionOf: (g: Matrix, memory: M, p: Matrix, rate: number) => [Matrix, M],
): ParameterStepper {
  const memories: M[] = [];
  return stepping(facts, (g, p, rate) => {
    const parameters = matricesOf(p, facts.shape);
    return matricesOf(g, facts.shape).flatMap((gradient, k) => {
      const memory = memories[k] ?? start(gradient.length, gradient[0]!.length);
      const [direction, next] = directionOf(gradient, memory, parameters[k]!, rate);
      memories[k] = next;
      return direction.flat();
    });
  });
}

/** A matrix's orthogonalisation, its input normalised: zero stays zero. */
export type Orthogonalisation = (matrix: Matrix) => Matrix;

export function frobenius(matrix: Matrix): number {
  return Math.sqrt(matrix.flat().reduce((sum, x) => sum + x * x, 0));
}

/** The cubic Newton-Schulz iteration. */
export function cubicOrthogonalise(matrix: Matrix, steps: number): Matrix {
  const size = frobenius(matrix);
  if (size === 0) return matrix;
  let x = scaleMatrix(1 / size, matrix);
  for (let step = 0; step < steps; step++)
    x = addMatrix(scaleMatrix(1.5, x), scaleMatrix(-0.5, matMul(matMul(x, transpose(x)), x)));
  return x;
}

/** Muon; `rms` is the root mean square that a matrix with all singular values one is scaled to, 0 for none. */
export function muonStepper(
  facts: ParameterFacts,
  options: { mu: number; nesterov: boolean; rms: number; orthogonalise: Orthogonalisation },
): ParameterStepper {
  return matrixStepping(facts, zeroMatrix, (g, before) => {
    const buffer = addMatrix(scaleMatrix(options.mu, before), g);
    const ahead = options.nesterov ? addMatrix(g, scaleMatrix(options.mu, buffer)) : buffer;
    const factor = options.rms === 0 ? 1 : options.rms * Math.sqrt(Math.max(g.length, g[0]!.length));
    return [scaleMatrix(factor, options.orthogonalise(ahead)), buffer];
  });
}

export interface M3StepperOptions {
  readonly mode: "sum" | "ema";
  readonly beta1: number;
  readonly beta2: number;
  readonly beta3: number;
  readonly alpha: number;
  readonly epsilon: number;
  readonly period: number;
  readonly orthogonalise: Orthogonalisation;
  readonly epsilonInside?: boolean;
  /** Rescales each update to this root mean square; 0 leaves it. */
  readonly rms?: number;
}

/** Algorithm 1 as a loop over periods, as it is listed: the slow buffer takes in all gradients of the period before, at a period's start. */
export function m3Stepper(facts: ParameterFacts, options: M3StepperOptions): ParameterStepper {
  const { mode, beta1, beta2, beta3, alpha, epsilon, period, orthogonalise, rms = 0 } = options;
  const take = (beta: number, old: Matrix, value: Matrix) =>
    mode === "sum"
      ? addMatrix(old, scaleMatrix(beta, value))
      : addMatrix(scaleMatrix(beta, old), scaleMatrix(1 - beta, value));
  return matrixStepping(
    facts,
    (rows, columns) => {
      const zero = zeroMatrix(rows, columns);
      return { m1: zero, m2: zero, v: zero, o2: zero, gradients: [] as Matrix[], taken: 0 };
    },
    (g, { m1, m2, v, o2, gradients, taken }) => {
      if (gradients.length === period) {
        const sum = gradients.reduce(addMatrix);
        m2 = take(beta3, m2, scaleMatrix(mode === "sum" ? 1 : 1 / period, sum));
        o2 = orthogonalise(m2);
        gradients = [];
      }
      const square = g.map((row) => row.map((x) => x * x));
      m1 = take(beta1, m1, g);
      v = take(beta2, v, square);
      const o1 = orthogonalise(m1);
      const direction = o1.map((row, i) =>
        row.map((x, j) => {
          const root = options.epsilonInside ? Math.sqrt(v[i]![j]! + epsilon) : Math.sqrt(v[i]![j]!) + epsilon;
          const numerator = x + alpha * o2[i]![j]!;
          return root === 0 ? numerator : numerator / root;
        }),
      );
      const size = frobenius(direction) / Math.sqrt(direction.flat().length);
      const scaled = rms === 0 || size === 0 ? direction : scaleMatrix(rms / size, direction);
      return [scaled, { m1, m2, v, o2, gradients: [...gradients, g], taken: taken + 1 }];
    },
  );
}

/** Momentum of gradients whose rows are divided by the root of their mean square's average. */
export function rowMomentumStepper(
  facts: ParameterFacts,
  { mu, beta2, epsilon }: { mu: number; beta2: number; epsilon: number },
): ParameterStepper {
  return matrixStepping(
    facts,
    (rows, columns) => ({ m: zeroMatrix(rows, columns), r: zeroVector(rows), power: 1 }),
    (g, { m, r, power }) => {
      const nextPower = power * beta2;
      const next = g.map((row, i) => beta2 * r[i]! + (1 - beta2) * (row.reduce((s, x) => s + x * x, 0) / row.length));
      const written = g.map((row, i) => row.map((x) => x / (Math.sqrt(next[i]! / (1 - nextPower)) + epsilon)));
      const momentum = addMatrix(scaleMatrix(mu, m), written);
      return [momentum, { m: momentum, r: next, power: nextPower }];
    },
  );
}

/** Delta momentum, `m (alpha I - erase GᵀG) - eta G`, for y = W x, or transposed where inputs are rows. */
export function deltaMomentumStepper(
  facts: ParameterFacts,
  options: { alpha: number; eta: number; erase: number; maxNorm: number; inputRows: boolean },
): ParameterStepper {
  const turned = options.inputRows && facts.shape.length >= 2;
  const turn = (x: Matrix) => (turned ? transpose(x) : x);
  return matrixStepping(facts, zeroMatrix, (gradient, before) => {
    const size = frobenius(gradient);
    const g = turn(size > options.maxNorm ? scaleMatrix(options.maxNorm / size, gradient) : gradient);
    const width = g[0]!.length;
    const square = matMul(transpose(g), g);
    const keep = square.map((row, i) =>
      row.map((x, j) => (i === j && i < width ? options.alpha : 0) - options.erase * x),
    );
    const momentum = turn(addMatrix(matMul(turn(before), keep), scaleMatrix(-options.eta, g)));
    return [scaleMatrix(-1, momentum), momentum];
  });
}

/** Delta gradient descent of a linear layer y = W x from sample and error themselves: `W (I - eta' x xᵀ) - eta' delta xᵀ`. */
export function deltaDescentStep(w: Matrix, x: Vector, delta: Vector, eta: number): Matrix {
  const rate = eta / (1 + eta * x.reduce((sum, value) => sum + value * value, 0));
  const answer = matVec(w, x);
  return addMatrix(
    w,
    scaleMatrix(
      -rate,
      outer(
        answer.map((y, i) => y + delta[i]!),
        x,
      ),
    ),
  );
}

/** The two-layer memory of deep momentum: [hidden, width] and [width, hidden]. */
export interface DeepMemory {
  readonly inner: Matrix;
  readonly outer: Matrix;
}

const silu = (z: number) => z / (1 + Math.exp(-z));

export function deepMemoryAnswer({ inner, outer }: DeepMemory, row: Vector): Vector {
  return matVec(outer, matVec(inner, row).map(silu));
}

/** Mean over rows of half the squared distance of a row's answer from its negative. */
export function deepMemoryLoss(memory: DeepMemory, rows: Matrix): number {
  const losses = rows.map((row) => {
    const answer = deepMemoryAnswer(memory, row);
    return answer.reduce((sum, value, i) => sum + (value + row[i]!) ** 2, 0) / 2;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / rows.length;
}
