/** How exact float32 reductions are, against sums in float64 of the same float32 numbers. */
import { describe, expect, it } from "vitest";
import { jit, nn, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { randomSource } from "../oracles/random.ts";
import { type Errors, errorsOf } from "./errors.ts";

const random = randomSource(11);
const normal = (count: number, deviation = 1) => Float32Array.from(random.normalVector(count, deviation));
const uniform = (count: number) => Float32Array.from(random.uniformVector(count, 0, 1));

type Exact = (x: Float32Array) => readonly number[];

/** Errors of a function eagerly and jitted. */
function measure(f: (x: Tensor) => Tensor, exact: Exact, x: Float32Array, shape: number[] = [x.length]): Errors[] {
  const expected = exact(x);
  return [f, jit(f)].map((variant) =>
    errorsOf(
      scope(() => readSync(variant(tensor(x, shape)))),
      expected,
    ),
  );
}

function rowsOf(x: Float32Array, width: number): number[][] {
  return Array.from({ length: x.length / width }, (_, i) => [...x.subarray(i * width, (i + 1) * width)]);
}

const logSumExp = (row: number[]) => {
  const largest = Math.max(...row);
  return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
};

describe("sums, one number after another", () => {
  // Rounding errors of n additions wander: about sqrt(n) of them add up, and half as many digits again where all have one sign.
  it.each([
    [64, 2e-7],
    [1000, 1e-6],
    [100_000, 3e-5],
  ])("mean and sum of %i uniform numbers: relative error at most %f", (count, bound) => {
    const x = uniform(count);
    const total = x.reduce((sum, value) => sum + value, 0);
    for (const { relative } of measure(
      (t) => np.sum(t),
      () => [total],
      x,
    ))
      expect(relative).toBeLessThan(bound);
    for (const { relative } of measure(
      (t) => np.mean(t),
      () => [total / count],
      x,
    ))
      expect(relative).toBeLessThan(bound);
  });

  it.each([64, 1000, 4096])("cumsum of %i uniform numbers: relative error at most 1e-6 (blocks of 256)", (count) => {
    const exact: Exact = (x) => {
      let sum = 0;
      return Array.from(x, (value) => (sum += value));
    };
    for (const { relative } of measure((t) => np.cumsum(t, 0), exact, uniform(count)))
      expect(relative).toBeLessThan(1e-6);
  });

  it("cumsum runs along the axis it is told", () => {
    scope(() => expect([...readSync(np.cumsum(tensor([1, 2, 3, 4, 5, 6], [2, 3]), 0))]).toEqual([1, 2, 3, 5, 7, 9]));
    scope(() => expect([...readSync(np.cumsum(tensor([1, 2, 3, 4, 5, 6], [2, 3]), -1))]).toEqual([1, 3, 6, 4, 9, 15]));
  });
});

describe("softmax and its logarithms", () => {
  const width = 257;
  const logits = normal(20 * width, 5);
  const rows = (x: Float32Array) => rowsOf(x, width);

  it("softmax: relative error at most 6e-6 (that of exp, and of a sum of 257)", () => {
    const exact: Exact = (x) => rows(x).flatMap((row) => row.map((value) => Math.exp(value - logSumExp(row))));
    for (const { relative } of measure((t) => nn.softmax(t), exact, logits, [20, width]))
      expect(relative).toBeLessThan(6e-6);
  });

  it("logSoftmax: absolute error at most 2e-5 (that of log, at sums just below a power of two)", () => {
    const exact: Exact = (x) => rows(x).flatMap((row) => row.map((value) => value - logSumExp(row)));
    for (const { absolute } of measure((t) => nn.logSoftmax(t), exact, logits, [20, width]))
      expect(absolute).toBeLessThan(2e-5);
  });

  it("logsumexp: absolute error at most 2e-5 (that of log)", () => {
    const exact: Exact = (x) => rows(x).map(logSumExp);
    for (const { absolute } of measure((t) => nn.logsumexp(t, -1), exact, logits, [20, width]))
      expect(absolute).toBeLessThan(2e-5);
  });

  it("stay finite for logits whose exponentials are not", () => {
    const large = Float32Array.of(1000, 999, -1000);
    for (const f of [nn.softmax, nn.logSoftmax]) {
      expect([...scope(() => readSync(f(tensor(large))))].every(Number.isFinite)).toBe(true);
    }
  });
});

describe("matmul", () => {
  it.each([
    [7, 64, 5],
    [33, 75, 60],
    [1, 1, 1],
    [4, 16384, 4],
  ])("[%i, %i] by [.., %i]: error at most 1e-6 of the sum of absolute products", (rows, inner, columns) => {
    const a = normal(rows * inner);
    const b = normal(inner * columns);
    const entry = (i: number, j: number, of: (p: number) => number) => {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += of(a[i * inner + k]! * b[k * columns + j]!);
      return sum;
    };
    const multiply = (x: Tensor, y: Tensor) => np.matmul(x, y);
    for (const f of [multiply, jit(multiply)]) {
      const actual = scope(() => readSync(f(tensor(a, [rows, inner]), tensor(b, [inner, columns]))));
      actual.forEach((value, at) => {
        const [i, j] = [Math.floor(at / columns), at % columns];
        const error = Math.abs(value - entry(i, j, (p) => p)) / entry(i, j, Math.abs);
        expect(error).toBeLessThan(1e-6);
      });
    }
  });

  it.each([
    [
      [2, 1, 3, 4],
      [5, 4, 6],
      [2, 5, 3, 6],
    ],
    [
      [5, 3, 4],
      [2, 5, 4, 6],
      [2, 5, 3, 6],
    ],
    [
      [3, 4],
      [2, 5, 4, 6],
      [2, 5, 3, 6],
    ],
    [
      [2, 5, 3, 4],
      [4, 6],
      [2, 5, 3, 6],
    ],
    [[2, 5, 3, 4], [4], [2, 5, 3]],
    [[4], [2, 5, 4, 6], [2, 5, 6]],
  ])(
    "batches over leading axes as NumPy does: %j by %j is %j (regression: the library permutes axes where ranks differ)",
    (left, right, shape) => {
      const size = (s: number[]) => s.reduce((product, n) => product * n, 1);
      const a = normal(size(left));
      const b = normal(size(right));
      const vectorLeft = left.length === 1;
      const vectorRight = right.length === 1;
      const rows = vectorLeft ? [1, ...left] : left;
      const columns = vectorRight ? [...right, 1] : right;
      const [m, inner, n] = [rows.at(-2)!, rows.at(-1)!, columns.at(-1)!];
      const batch = shape.slice(0, shape.length - (vectorLeft ? 0 : 1) - (vectorRight ? 0 : 1));
      /** Where the matrix of a batch index starts in an operand whose missing or unit axes repeat. */
      const start = (index: number[], axes: number[], matrix: number) => {
        const own = axes.slice(0, -2);
        const mine = index.slice(index.length - own.length);
        return own.reduce((at, length, i) => at * length + (length === 1 ? 0 : mine[i]!), 0) * matrix;
      };
      const expected: number[] = [];
      for (let flat = 0; flat < size(batch); flat++) {
        const index = batch.map((length, i) => Math.floor(flat / size(batch.slice(i + 1))) % length);
        const [atLeft, atRight] = [start(index, rows, m * inner), start(index, columns, inner * n)];
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let k = 0; k < inner; k++) sum += a[atLeft + i * inner + k]! * b[atRight + k * n + j]!;
            expected.push(sum);
          }
      }
      const multiply = (x: Tensor, y: Tensor) => np.matmul(x, y);
      for (const f of [multiply, jit(multiply)]) {
        const product = scope(() => f(tensor(a, left), tensor(b, right)));
        expect(product.shape).toEqual(shape);
        expect(errorsOf(readSync(product), expected).absolute).toBeLessThan(1e-5);
      }
    },
  );
});

describe("float64 arrays", () => {
  const x = Float64Array.of(1 / 3, 1e-9, 7.25, -2);
  const y = Float64Array.of(3, 1, -2.1, 1 / 7);
  const operations: [string, (a: Tensor, b: Tensor) => Tensor, (a: number, b: number) => number][] = [
    ["add", (a, b) => np.add(a, b), (a, b) => a + b],
    ["subtract", (a, b) => np.subtract(a, b), (a, b) => a - b],
    ["multiply", (a, b) => np.multiply(a, b), (a, b) => a * b],
    ["square root", (a) => np.sqrt(np.square(a)), (a) => Math.abs(a)],
  ];

  it.each(operations)("%s is truly double", (_, f, exact) => {
    for (const variant of [f, jit(f)]) {
      const result = scope(() => {
        const z = variant(tensor(x), tensor(y));
        expect(z.dtype).toBe("float64");
        return readSync(z);
      });
      result.forEach((value, i) => {
        expect(Math.abs(value - exact(x[i]!, y[i]!))).toBeLessThan(2e-16 * Math.max(1, Math.abs(value)));
      });
    }
  });

  it("sums and matrix products are truly double", () => {
    const exact = x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    const [product, sum] = scope(() => [
      readSync(np.matmul(tensor(x), tensor(y)))[0]!,
      readSync(np.sum(np.multiply(tensor(x), tensor(y))))[0]!,
    ]);
    expect(Math.abs(product - exact)).toBeLessThan(1e-14);
    expect(Math.abs(sum - exact)).toBeLessThan(1e-14);
  });

  it("numbers that meet float64 arrays are float64: regression, compiled functions rounded them to float32", () => {
    const third = (a: Tensor) => np.multiply(a, 1 / 3);
    const [eager, compiled] = [third, jit(third)].map((f) => scope(() => readSync(f(tensor(Float64Array.of(1))))[0]!));
    expect(eager).toBe(1 / 3);
    expect(compiled).toBe(1 / 3);
  });

  it("exp is not: it is computed in float32 whatever it is given", () => {
    const value = scope(() => readSync(np.exp(tensor(x)))[0]!);
    expect(Math.abs(value - Math.exp(1 / 3))).toBeGreaterThan(1e-9);
    expect(Math.abs(value - Math.exp(1 / 3))).toBeLessThan(1e-6);
  });
});
