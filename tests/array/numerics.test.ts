/**
 * How exact float32 functions of one number are, against `Math` in float64 at the same float32 arguments.
 *
 * Half a unit in the last place is 6.0e-8 relative. Each bound is what was measured, rounded up, with the reason it is not smaller.
 */
import { describe, expect, it } from "vitest";
import { jit, lax, nn, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { type Errors, errorsOf, evenly, logarithmically } from "./errors.ts";

type Kind = "relative" | "absolute";
type Case = readonly [
  name: string,
  f: (x: Tensor) => Tensor,
  exact: (x: number) => number,
  x: Float32Array,
  kind: Kind,
  bound: number,
  reason: string,
];

function measure(f: (x: Tensor) => Tensor, exact: (x: number) => number, x: Float32Array): Errors[] {
  const expected = Array.from(x, exact);
  return [f, jit(f)].map((variant) =>
    errorsOf(
      scope(() => readSync(variant(tensor(x)))),
      expected,
    ),
  );
}

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** The error function by its Taylor series, which float64 sums to 1e-12 for arguments up to 3. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const rounding = "correctly rounded";
const polynomial = "a polynomial after range reduction, evaluated in float32";
const ln2 = "range reduction multiplies by ln 2 rounded to float32, so the error grows with the exponent";
const logSeries = "log's series stops at t^7: up to 1.1e-5 just below each power of two";

const cases: Case[] = [
  ["square", (x) => np.square(x), (x) => x * x, evenly(-1e3, 1e3), "relative", 6.0e-8, rounding],
  ["abs", (x) => np.abs(x), Math.abs, evenly(-5, 5), "absolute", 0, "exact"],
  ["negative", (x) => np.negative(x), (x) => -x, evenly(-5, 5), "absolute", 0, "exact"],
  ["sqrt", (x) => np.sqrt(x), Math.sqrt, logarithmically(1e-37, 1e37), "relative", 6.0e-8, rounding],
  ["reciprocal", (x) => np.reciprocal(x), (x) => 1 / x, logarithmically(1e-37, 1e37), "relative", 6.0e-8, rounding],
  [
    "reciprocal of sqrt",
    (x) => np.reciprocal(np.sqrt(x)),
    (x) => 1 / Math.sqrt(x),
    logarithmically(1e-30, 1e30),
    "relative",
    9e-8,
    "two roundings, the first halved by the root",
  ],
  [
    "divide",
    (x) => np.divide(3, x),
    (x) => 3 / x,
    logarithmically(1e-30, 1e30),
    "relative",
    1.2e-7,
    "multiplies by a reciprocal: two roundings",
  ],
  ["exp", (x) => np.exp(x), Math.exp, evenly(-10, 10), "relative", 1e-6, polynomial],
  ["exp", (x) => np.exp(x), Math.exp, evenly(-87, 88), "relative", 6e-6, ln2],
  ["expm1", (x) => np.expm1(x), Math.expm1, evenly(-10, 10), "relative", 1e-6, polynomial],
  ["expm1", (x) => np.expm1(x), Math.expm1, logarithmically(1e-6, 1), "relative", 1e-6, polynomial],
  ["log", (x) => np.log(x), Math.log, logarithmically(2, 1e6), "relative", 1e-5, logSeries],
  ["log", (x) => np.log(x), Math.log, logarithmically(1e-30, 1e30), "absolute", 2e-5, logSeries],
  ["log1p", (x) => np.log1p(x), Math.log1p, evenly(-0.2, 0.2), "relative", 2e-7, polynomial],
  ["log1p", (x) => np.log1p(x), Math.log1p, logarithmically(1e-6, 1e6), "relative", 2e-5, logSeries],
  ["log1p", (x) => np.log1p(x), Math.log1p, evenly(-0.99, -0.01), "relative", 2e-5, logSeries],
  ["softplus", (x) => nn.softplus(x), softplus, evenly(-10, 10), "relative", 1e-6, "that of exp"],
  ["softplus", (x) => nn.softplus(x), softplus, evenly(-80, -10), "relative", 6e-6, "that of exp"],
  ["softplus", (x) => nn.softplus(x), softplus, evenly(10, 1000), "relative", 6.1e-8, rounding],
  ["logSigmoid", (x) => nn.logSigmoid(x), (x) => -softplus(-x), evenly(-10, 10), "relative", 1e-6, "that of exp"],
  ["sigmoid", (x) => nn.sigmoid(x), sigmoid, evenly(-10, 10), "relative", 1e-6, "that of exp"],
  ["sigmoid", (x) => nn.sigmoid(x), sigmoid, evenly(-80, 1000), "relative", 6e-6, "that of exp"],
  ["silu", (x) => nn.silu(x), (x) => x * sigmoid(x), evenly(-10, 10), "relative", 1e-6, "that of exp"],
  ["silu", (x) => nn.silu(x), (x) => x * sigmoid(x), evenly(-80, 1000), "relative", 6e-6, "that of exp"],
  ["tanh", (x) => np.tanh(x), Math.tanh, evenly(0.1, 1000), "relative", 7e-7, polynomial],
  ["tanh", (x) => np.tanh(x), Math.tanh, evenly(-0.1, 0.1), "absolute", 1e-7, "e^-2x - 1 cancels near 0"],
  ["gelu", (x) => nn.gelu(x), gelu, evenly(-2, 30), "relative", 3e-6, "1 + tanh cancels below 0: a factor 20 at -2"],
  ["gelu", (x) => nn.gelu(x), gelu, evenly(-30, 0), "absolute", 3e-7, "1 + tanh cancels below 0"],
  [
    "erf",
    (x) => lax.erf(x),
    erf,
    evenly(-3, 3),
    "absolute",
    8e-7,
    "Abramowitz-Stegun 7.1.26 is good to 1.5e-7 in itself",
  ],
  [
    "sin",
    (x) => np.sin(x),
    Math.sin,
    evenly(-Math.PI, Math.PI),
    "absolute",
    5e-7,
    "Taylor series to z^7 at up to pi/4",
  ],
  [
    "cos",
    (x) => np.cos(x),
    Math.cos,
    evenly(-Math.PI, Math.PI),
    "absolute",
    5e-7,
    "Taylor series to z^8 at up to pi/4",
  ],
  ...[100, 4096].flatMap((reach): Case[] => {
    const bound = 5e-7 + 6e-8 * reach;
    const reason = "2 pi rounded to float32 is subtracted as often as it fits: 6e-8 of the argument";
    return [
      ["sin", (x) => np.sin(x), Math.sin, evenly(-reach, reach), "absolute", bound, reason],
      ["cos", (x) => np.cos(x), Math.cos, evenly(-reach, reach), "absolute", bound, reason],
    ];
  }),
];

describe("elementary functions in float32", () => {
  for (const [name, f, exact, x, kind, bound, reason] of cases) {
    const range = `[${x[0]!.toPrecision(3)}, ${x.at(-1)!.toPrecision(3)}]`;
    it(`${name} on ${range}: ${kind} error at most ${bound} (${reason})`, () => {
      for (const errors of measure(f, exact, x)) expect(errors[kind]).toBeLessThanOrEqual(bound);
    });
  }

  it("log just below 1 has no correct digit: log1p, softplus and logSigmoid are there for that", () => {
    const x = evenly(0.9, 0.9999);
    for (const errors of measure((t) => np.log(t), Math.log, x)) {
      expect(errors.absolute).toBeLessThan(2e-5);
      expect(errors.relative).toBeGreaterThan(0.01);
    }
    const below = x.map((value) => value - 1);
    for (const errors of measure((t) => np.log1p(t), Math.log1p, below)) expect(errors.relative).toBeLessThan(2e-7);
  });

  it("limits: functions of very large arguments are infinite, zero or one as they should be", () => {
    // Two numbers: the library computes what is one constant in JavaScript, not in its kernels.
    const at = (f: (x: Tensor) => Tensor, x: number) => scope(() => readSync(f(tensor([x, 0.5])))[0]);
    expect([at(np.exp, 89), at(np.exp, -104)]).toEqual([Infinity, 0]);
    expect([at(np.log, 0), at(np.log, Infinity)]).toEqual([-Infinity, Infinity]);
    expect(at(np.log, -1)).toBeNaN();
    expect([at(nn.sigmoid, -1e4), at(nn.sigmoid, 1e4)]).toEqual([0, 1]);
    expect([at(nn.silu, -1e4), at(nn.silu, 1e4)]).toEqual([-0, 1e4]);
    expect([at(nn.softplus, -1e4), at(nn.softplus, 1e4)]).toEqual([0, 1e4]);
    expect([at(nn.softplus, -Infinity), at(nn.softplus, Infinity)]).toEqual([0, Infinity]);
    expect([at(np.tanh, -1e4), at(np.tanh, 1e4)]).toEqual([-1, 1]);
  });
});
