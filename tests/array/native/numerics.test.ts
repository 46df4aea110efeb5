/** Every elementwise function and sum of the engine against plain numbers: float64 to its last digits. */
import { expect, it } from "vitest";
import {
  grad,
  lax,
  nn,
  np,
  readSync,
  release,
  slice,
  type Tensor,
  type Tree,
  tensor,
} from "../../../src/array/index.ts";
import { describeNative, generator, hasNative, nativeEngine, results } from "./support.ts";

const engine = await nativeEngine();

const arguments_ = [-700, -90, -20, -3.3, -1, -0.5, -0.1, -1e-8, 0, 1e-12, 0.25, 0.499, 0.5, 1, 2, 4.7, 33, 95, 690];
const positive = [1e-300, 1e-12, 0.001, 0.5, 0.999999, 1, 1.000001, 2, 1e5, 1e300];
const small = [-1.5, -1, -0.9, -0.3, -1e-9, 0, 1e-4, 0.2, 0.75, 1, 1.5];

/** x, erf(x) and erfc(x), computed with 40 digits. */
const erfTable: readonly (readonly [number, number, number])[] = [
  [-6, -1, 2],
  [-2.5, -0.999593047982555, 1.999593047982555],
  [-1, -0.8427007929497149, 1.842700792949715],
  [-0.5, -0.5204998778130465, 1.5204998778130465],
  [-0.1, -0.1124629160182849, 1.1124629160182848],
  [-1e-8, -1.1283791670955126e-8, 1.0000000112837917],
  [0, 0, 1],
  [1e-20, 1.1283791670955125e-20, 1],
  [0.25, 0.27632639016823696, 0.7236736098317631],
  [0.4999999, 0.5204997899347843, 0.47950021006521576],
  [0.5, 0.5204998778130465, 0.4795001221869535],
  [0.75, 0.7111556336535151, 0.28884436634648486],
  [1.5, 0.9661051464753108, 0.03389485352468927],
  [2, 0.9953222650189527, 0.004677734981047266],
  [3, 0.9999779095030014, 2.209049699858544e-5],
  [4, 0.9999999845827421, 1.541725790028002e-8],
  [5.5, 0.9999999999999926, 7.357847917974398e-15],
  [9, 1, 4.13703174651381e-37],
];

const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const functions: Record<string, [f: (x: Tensor) => Tensor, exact: (x: number) => number, at: readonly number[]]> = {
  negative: [(x) => np.negative(x), (x) => -x, arguments_],
  abs: [(x) => np.abs(x), Math.abs, arguments_],
  reciprocal: [(x) => np.reciprocal(x), (x) => 1 / x, positive],
  floor: [(x) => np.floor(x), Math.floor, arguments_],
  ceil: [(x) => np.ceil(x), Math.ceil, arguments_],
  sqrt: [(x) => np.sqrt(x), Math.sqrt, positive],
  exp: [(x) => np.exp(x), Math.exp, arguments_],
  log: [(x) => np.log(x), Math.log, positive],
  sin: [(x) => np.sin(x), Math.sin, small],
  cos: [(x) => np.cos(x), Math.cos, small],
  square: [(x) => np.square(x), (x) => x * x, arguments_],
  sigmoid: [(x) => nn.sigmoid(x), sigmoid, arguments_],
  silu: [(x) => nn.silu(x), (x) => x * sigmoid(x), arguments_],
  softplus: [(x) => nn.softplus(x), softplus, arguments_],
  logSigmoid: [(x) => nn.logSigmoid(x), (x) => -softplus(-x), arguments_],
  "tenth added": [(x) => np.add(x, 0.1), (x) => x + 0.1, small],
  "third of it": [(x) => np.multiply(x, 1 / 3), (x) => x / 3, small],
  "remainder by 0.4": [(x) => np.fmod(x, 0.4), (x) => x % 0.4, small],
  "largest of it and 0.1": [(x) => np.maximum(x, 0.1), (x) => Math.max(x, 0.1), small],
  "smallest of it and 0.1": [(x) => np.minimum(x, 0.1), (x) => Math.min(x, 0.1), small],
  "choice at 0.1": [(x) => np.where(np.less(x, 0.1), x, 0.1), (x) => (x < 0.1 ? x : 0.1), small],
};

async function at(f: (x: Tensor) => Tensor, numbers: readonly number[]): Promise<number[]> {
  const x = tensor(Float64Array.from(numbers));
  const [result] = await results(engine, f as never, [x]);
  release(x);
  return result!.numbers;
}

/** The largest error relative to the exact number. */
function relative(actual: readonly number[], expected: readonly number[]): number {
  return actual.reduce((worst, x, i) => {
    const y = expected[i]!;
    return x === y ? worst : Math.max(worst, Math.abs(x - y) / Math.max(Math.abs(y), Number.MIN_VALUE));
  }, 0);
}

describeNative("float64 functions", () => {
  it.each(Object.entries(functions))("%s", async (_, [f, exact, points]) => {
    // A few roundings of 1.1e-16 each.
    expect(relative(await at(f, points), points.map(exact))).toBeLessThan(2e-15);
  });

  it("the logistic function's derivative is right to a rounding of 1, and finite everywhere", async () => {
    const points = [-1e300, -1000, ...arguments_, 1000, 1e300];
    const slope = (x: number) => Math.exp(-Math.abs(x)) / (1 + Math.exp(-Math.abs(x))) ** 2;
    const derivative = await at((x) => grad((z: Tensor) => np.sum(nn.sigmoid(z)))(x), points);
    for (const [i, y] of derivative.entries()) expect(Math.abs(y - slope(points[i]!))).toBeLessThan(2.3e-16);
  });

  it("erf and erfc are good to 1e-14 of their value, also where one is nearly 0", async () => {
    const points = erfTable.map(([x]) => x);
    expect(
      relative(
        await at((x) => lax.erf(x), points),
        erfTable.map((row) => row[1]),
      ),
    ).toBeLessThan(1e-14);
    expect(
      relative(
        await at((x) => lax.erfc(x), points),
        erfTable.map((row) => row[2]),
      ),
    ).toBeLessThan(1e-14);
  });

  it("means divide by their length exactly", async () => {
    const [mean] = await at((x) => np.mean(x, 0, { keepdims: true }), [0.1, 0.2, 0.4]);
    expect(mean).toBeCloseTo(0.7 / 3, 15);
  });
});

describeNative("float32 functions", () => {
  it.each(Object.entries(functions))("%s", async (_, [f, exact, points]) => {
    const inRange = points.filter((x) => Math.abs(x) < 80 && (x === 0 || Math.abs(x) > 1e-30));
    const x = tensor(Float32Array.from(inRange));
    const [result] = await results(engine, f as never, [x]);
    release(x);
    const expected = inRange.map((at) => exact(Math.fround(at)));
    // A float32 rounding is 6e-8 of the number; constants such as 0.1, remainders and sines of large numbers lose a few more.
    const errors = result!.numbers.map((y, i) => Math.abs(y - expected[i]!) / Math.max(Math.abs(expected[i]!), 1e-6));
    expect(Math.max(...errors)).toBeLessThan(3e-6);
  });
});

describeNative("sums against loops", () => {
  const [a, b, c] = [3, 4, 5];
  const next = generator(11);
  const x = Array.from({ length: a }, () => Array.from({ length: b }, () => Array.from({ length: c }, next)));
  const y = Array.from({ length: a }, () => Array.from({ length: c }, () => Array.from({ length: b }, next)));
  const tensors = () => [
    tensor(Float64Array.from(x.flat(2)), [a, b, c]),
    tensor(Float64Array.from(y.flat(2)), [a, c, b]),
  ];
  const [is, js, ks] = [a, b, c].map((n) => Array.from({ length: n }, (_, i) => i)) as [number[], number[], number[]];
  const sum = (terms: readonly number[]) => terms.reduce((total, term) => total + term, 0);

  const cases: Record<string, [f: (x: Tensor, y: Tensor) => Tree, exact: () => unknown]> = {
    "matrix products": [
      (x, y) => np.matmul(x, y),
      () => is.map((i) => js.map((j) => js.map((l) => sum(ks.map((k) => x[i]![j]![k]! * y[i]![k]![l]!))))),
    ],
    "products over batch and columns": [
      (x, y) => np.sum(np.multiply(np.expandDims(x, 3), np.expandDims(y, 1)), [0, 2]),
      () => js.map((j) => js.map((l) => sum(is.flatMap((i) => ks.map((k) => x[i]![j]![k]! * y[i]![k]![l]!))))),
    ],
    "sums of squares": [
      (x) => np.sum(np.square(x), 1),
      () => is.map((i) => ks.map((k) => sum(js.map((j) => x[i]![j]![k]! ** 2)))),
    ],
    "a product with the transposed": [
      (x, y) => np.sum(np.multiply(x, np.transpose(y, [0, 2, 1])), -1),
      () => is.map((i) => js.map((j) => sum(ks.map((k) => x[i]![j]![k]! * y[i]![k]![j]!)))),
    ],
    "running sums": [
      (x) => np.cumsum(x, 2),
      () => is.map((i) => js.map((j) => ks.map((k) => sum(x[i]![j]!.slice(0, k + 1))))),
    ],
    "running sums from the end": [
      (x) => np.flip(np.cumsum(np.flip(x, 1), 1), 1),
      () => is.map((i) => js.map((j) => ks.map((k) => sum(x[i]!.slice(j).map((row) => row[k]!))))),
    ],
    "largest and smallest": [
      (x) => np.subtract(np.max(x, [0, 2]), np.min(x, [0, 2])),
      () =>
        js.map((j) => {
          const all = is.flatMap((i) => x[i]![j]!);
          return Math.max(...all) - Math.min(...all);
        }),
    ],
    products: [(x) => np.prod(x, 1), () => is.map((i) => ks.map((k) => js.reduce((p, j) => p * x[i]![j]![k]!, 1)))],
    "a part, turned": [
      (x) => np.transpose(slice(x, [], [1, 3], 2)),
      () => [1, 2].map((j) => is.map((i) => x[i]![j]![2]!)),
    ],
  };

  it.each(Object.entries(cases))("%s", async (_, [f, exact]) => {
    const args = tensors();
    const [result] = await results(engine, f as never, args);
    release(args);
    const expected = (exact() as number[]).flat(3) as number[];
    expect(result!.numbers).toHaveLength(expected.length);
    // Sums of at most 15 products of size 1.
    for (const [i, number] of result!.numbers.entries()) expect(Math.abs(number - expected[i]!)).toBeLessThan(1e-14);
  });
});

it.skipIf(!hasNative)("reads what it wrote: the float64 numbers of a tensor are not rounded", async () => {
  const x = tensor(Float64Array.of(0.1, 1e-300));
  const y = await engine.compile("same", (t: Tensor) => t)(x);
  expect([...readSync(y)]).toEqual([0.1, 1e-300]);
  release(x, y);
});
