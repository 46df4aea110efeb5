import { describe, expect, it } from "vitest";
import { np, scope, slice, type Tensor } from "../../src/array/index.ts";
import {
  bregmanDivergence,
  klObjective,
  leaderLeastSquares,
  learningRetainingObjective,
  type Potential,
  recursiveLeastSquares,
  regularizedLeaderObjective,
  retainedLeastSquares,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { toNumbers } from "../common/tensors.ts";
import { identity, type Matrix, matMul, randomSource, scaleMatrix, transpose, zeroMatrix } from "../oracles/index.ts";
import { distance, exactly, toExact } from "./exact.ts";
import { minimize } from "./minimize.ts";
import { example, exampleSimplexGradient } from "./retention-cases.ts";

const tokens = 30;
const eta = 0.7;
const random = randomSource(821);
const [keys, values] = [random.normalMatrix(tokens, 6), random.normalMatrix(tokens, 4)];

const halfSquares: Potential = (weights) => np.multiply(np.sum(np.square(weights)), 0.5);

/** Half the squared error of a linear memory for one pair. */
function squaredError(key: Tensor, value: Tensor): Potential {
  return (weights) => halfSquares(np.subtract(np.squeeze(np.matmul(weights, np.expandDims(key, -1)), -1), value));
}

describe("least squares in both viewpoints", () => {
  const inverse = (x: number) => scaleMatrix(x, identity(6));
  const start = zeroMatrix(4, 6);

  function compare(first: Matrix): { retained: number; recursive: number } {
    return scope(() => {
      const [k, v] = [toExact(keys), toExact(values)];
      let retained = { weights: toExact(first), curvature: toExact(inverse(1 / eta)) };
      let recursive = { weights: toExact(first), covariance: toExact(inverse(eta)) };
      let worst = { retained: 0, recursive: 0 };
      for (let t = 0; t < tokens; t++) {
        retained = retainedLeastSquares(retained, slice(k, t), slice(v, t));
        recursive = recursiveLeastSquares(recursive, slice(k, t), slice(v, t));
        const leader = toNumbers(leaderLeastSquares(slice(k, [0, t + 1]), slice(v, [0, t + 1]), eta));
        worst = {
          retained: Math.max(worst.retained, distance(toNumbers(retained.weights), leader)),
          recursive: Math.max(worst.recursive, distance(toNumbers(recursive.weights), leader)),
        };
      }
      const product = matMul(toNumbers(retained.curvature) as Matrix, toNumbers(recursive.covariance) as Matrix);
      expect(distance(product, identity(6))).toBeLessThan(1e-13);
      return worst;
    });
  }

  it("the leader, the learner that retains and the recursion without an inverse agree after each of 30 tokens (Proposition 3.2)", () => {
    const { retained, recursive } = compare(start);
    expect(retained).toBeLessThan(1e-13);
    expect(recursive).toBeLessThan(1e-13);
  });

  it("they part where the first weights do not minimise the regulariser", () => {
    const { retained, recursive } = compare(random.normalMatrix(4, 6));
    expect(retained).toBeGreaterThan(0.05);
    expect(recursive).toBeGreaterThan(0.05);
  });

  it("the leader solves the normal equations of ridge regression", () => {
    const weights = scope(() => toNumbers(leaderLeastSquares(toExact(keys), toExact(values), eta))) as Matrix;
    const curvature = matMul(transpose(keys), keys).map((row, i) => row.map((x, j) => x + (i === j ? 1 / eta : 0)));
    expect(distance(matMul(weights, curvature), matMul(transpose(values), keys))).toBeLessThan(1e-12);
  });

  it("memories in a batch are solved apart", () => {
    scope(() => {
      const [k, v] = [keys, values].map((x) => toExact([x.slice(0, 10), x.slice(10, 20)])) as [Tensor, Tensor];
      const both = leaderLeastSquares(k, v, eta);
      const state = { weights: both, covariance: toExact([inverse(eta), inverse(2)]) };
      const next = recursiveLeastSquares(state, slice(k, [], 3), slice(v, [], 3));
      const other = { weights: both, curvature: toExact([inverse(1 / eta), inverse(0.5)]) };
      const retained = retainedLeastSquares(other, slice(k, [], 3), slice(v, [], 3));
      for (const i of [0, 1]) {
        const alone = leaderLeastSquares(slice(k, i), slice(v, i), eta);
        expect(distance(toNumbers(slice(both, i)), toNumbers(alone))).toBeLessThan(1e-13);
        expect(distance(toNumbers(slice(next.weights, i)), toNumbers(slice(retained.weights, i)))).toBeLessThan(1e-13);
      }
    });
  });
});

describe("the viewpoints as objectives", () => {
  const few = 4;

  it("learning and retaining with the Bregman divergence of the leader's objective is least where the leader is (Proposition 3.2)", () => {
    scope(() => {
      const [k, v] = [toExact(keys), toExact(values)];
      const losses = Array.from({ length: few }, (_, t) => squaredError(slice(k, t), slice(v, t)));
      const leader = (t: number) => leaderLeastSquares(slice(k, [0, t]), slice(v, [0, t]), eta);
      const before = regularizedLeaderObjective(losses.slice(0, -1), halfSquares, eta);
      const objective = learningRetainingObjective(losses.at(-1)!, { local: bregmanDivergence(before), stepSize: 1 });
      const all = regularizedLeaderObjective(losses, halfSquares, eta);
      const [previous, next] = [leader(few - 1), leader(few)];
      // They differ by a constant: the leader's objective without the last token, at its own leader.
      const gap = (at: Tensor) => (toNumbers(all(at)) as number) - (toNumbers(objective(at, previous)) as number);
      const constant = toNumbers(before(previous)) as number;
      for (const at of [next, previous, toExact(random.normalMatrix(4, 6))])
        expect(Math.abs(gap(at) - constant)).toBeLessThan(1e-12);
      for (let i = 0; i < 50; i++) {
        const aside = np.add(next, toExact(random.normalMatrix(4, 6, 0.01)));
        expect(toNumbers(objective(aside, previous))).toBeGreaterThan(toNumbers(objective(next, previous)) as number);
      }
    });
  });

  it("a step of plain gradient descent is what a linearised loss and half the squared distance make least, from any start", () => {
    const gradient = random.normalVector(3);
    const from = random.normalVector(3);
    const objective = (at: number[]) =>
      scope(() => {
        const loss: Potential = (weights) => np.sum(np.multiply(weights, toExact(gradient)));
        const local = bregmanDivergence(halfSquares);
        return toNumbers(
          learningRetainingObjective(loss, { local, stepSize: 0.3 })(toExact(at), toExact(from)),
        ) as number;
      });
    const least = minimize(objective, from, { sweeps: 2 });
    expect(
      distance(
        least,
        from.map((w, i) => w - 0.3 * gradient[i]!),
      ),
    ).toBeLessThan(1e-6);
  });
});

describeNative("divergences in float64", () => {
  const entropy: Potential = (weights) => np.sum(np.multiply(weights, np.log(weights)));

  it("the Bregman divergence of half the squares is half the squared distance, that of the entropy is relative entropy", async () => {
    const other = random.uniformVector(6, 0.1, 1);
    const [w, p] = [example.simplex.flat(), other];
    const squares = await exactly<number>((a, b) => bregmanDivergence(halfSquares)(a!, b!), w, p);
    expect(Math.abs(squares - w.reduce((sum, x, i) => sum + (x - p[i]!) ** 2 / 2, 0))).toBeLessThan(1e-14);
    const relative = await exactly<number>((a, b) => bregmanDivergence(entropy)(a!, b!), w, p);
    const expected = w.reduce((sum, x, i) => sum + x * Math.log(x / p[i]!) - x + p[i]!, 0);
    expect(Math.abs(relative - expected)).toBeLessThan(1e-14);
    expect(await exactly<number>((a) => bregmanDivergence(entropy)(a!, a!), w)).toBeCloseTo(0, 14);
    const back = await exactly<number>((a, b) => bregmanDivergence(entropy)(b!, a!), w, p);
    expect(Math.abs(back - relative)).toBeGreaterThan(0.01);
  });

  it("the objective of relative entropy is one of learning and retaining, with a local and a global part", async () => {
    const at = [
      [0.3, 0.3, 0.4],
      [0.2, 0.5, 0.3],
    ];
    const retention = { local: bregmanDivergence(entropy), global: entropy, stepSize: 0.5, inverseGlobal: 2 };
    const general = await exactly<number>(
      (w, p, g) => {
        const loss: Potential = (weights) => np.sum(np.multiply(np.subtract(weights, p!), g!));
        return learningRetainingObjective(loss, retention)(w!, p!);
      },
      at,
      example.simplex,
      exampleSimplexGradient,
    );
    const [[own]] = (await exactly(
      (w, p, g) => klObjective(w!, p!, g!, { stepSize: 0.5, inverseGlobal: 2 }),
      at,
      example.simplex,
      exampleSimplexGradient,
    )) as [[number]];
    expect(Math.abs(general - own)).toBeLessThan(1e-14);
  });
});
