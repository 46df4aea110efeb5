/** The activations that this room rewrites: their derivatives must be finite and right everywhere, or one large logit ends a training. */
import { describe, expect, it } from "vitest";
import {
  grad,
  jit,
  liveTensors,
  nn,
  np,
  readSync,
  release,
  scope,
  type Tensor,
  tensor,
  vmap,
} from "../../src/array/index.ts";
import { errorsOf, evenly } from "./errors.ts";

const s = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const slope = (x: number) => s(x) * s(-x);
const curve = (x: number) => slope(x) * (s(-x) - s(x));

type Activation = (x: Tensor) => Tensor;
const cases: [name: string, f: Activation, first: (x: number) => number, second: (x: number) => number][] = [
  ["sigmoid", (x) => nn.sigmoid(x), slope, curve],
  ["silu", (x) => nn.silu(x), (x) => s(x) + x * slope(x), (x) => 2 * slope(x) + x * curve(x)],
  ["swish", (x) => nn.swish(x), (x) => s(x) + x * slope(x), (x) => 2 * slope(x) + x * curve(x)],
  ["softplus", (x) => nn.softplus(x), s, slope],
  ["logSigmoid", (x) => nn.logSigmoid(x), (x) => s(-x), (x) => -slope(x)],
];

/** Zero (where |x| has a corner), moderate arguments, and those beyond 88 whose exponential overflows float32. */
const x = Float32Array.from([...evenly(-20, 20, 81), -1000, -100, -88.5, 88.5, 100, 1000]);

describe.each(cases)("%s", (_, f, first, second) => {
  const atEach = (derivative: Activation) => scope(() => readSync(jit(vmap(derivative))(tensor(x))));

  it("has the right first derivative, finite everywhere", () => {
    // Derivatives are of size 1; a quotient of exponentials loses a few float32 roundings of 6e-8.
    expect(errorsOf(atEach(grad(f)), Array.from(x, first)).absolute).toBeLessThan(1e-6);
  });

  it("has the right second derivative, finite everywhere", () => {
    expect(errorsOf(atEach(grad(grad(f))), Array.from(x, second)).absolute).toBeLessThan(2e-6);
  });

  it("frees its intermediate arrays, called outside a scope as well", () => {
    const argument = tensor([1, 2]);
    const alive = liveTensors();
    const y = f(argument);
    expect(liveTensors()).toBe(alive + 1);
    release(y, argument);
  });
});

it("softplus and logSigmoid keep the relative accuracy of slow gates: regression, the library's lost 1e-3 of it at -10", () => {
  const logits = evenly(-60, -5);
  const rates = scope(() => readSync(nn.softplus(tensor(logits))));
  const exact = Array.from(logits, (z) => Math.log1p(Math.exp(z)));
  expect(errorsOf(rates, exact).relative).toBeLessThan(5e-6);
});

it("takes numbers where it takes tensors", () => {
  scope(() => {
    expect(readSync(nn.sigmoid(0))[0]).toBe(0.5);
    expect(readSync(np.subtract(nn.softplus(3), nn.softplus(-3)))[0]).toBeCloseTo(3, 5);
  });
});
