import { describe, expect, it } from "vitest";
import { mapTree, np, readSync, scope, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import { adam, hiddenMatrices, type M3Options, m3, muon, type Optimizer } from "../../src/optim/index.ts";
import { describeNative } from "../array/native/support.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { expectedTrajectory, expectSameTrajectory, shapes, trajectory } from "./trajectories.ts";

/** Small enough to be no epsilon at all in float64. */
const none = 1e-300;

const literal: M3Options = {
  weightDecay: 0,
  mode: "sum",
  scaling: "literal",
  iteration: "cubic",
  steps: 5,
  matrices: () => true,
};

/** A regression y = W x whose gradients depend on the weights: 4 x 3 weights, 8 samples. */
const random = oracle.randomSource(5);
const [x, y, start] = [random.normalMatrix(3, 8), random.normalMatrix(4, 8), random.normalMatrix(4, 3)];

function gradientAt(w: oracle.Matrix, scale = 1): oracle.Matrix {
  const error = oracle.addMatrix(oracle.matMul(w, x), oracle.scaleMatrix(-1, y));
  return oracle.scaleMatrix(scale / 8, oracle.matMul(error, oracle.transpose(x)));
}

function lossAt(w: oracle.Matrix): number {
  return oracle.treeNorm(oracle.addMatrix(oracle.matMul(w, x), oracle.scaleMatrix(-1, y))) ** 2 / 16;
}

function toMatrix(numbers: oracle.Matrix): Tensor {
  return tensor(Float64Array.from(numbers.flat()), [numbers.length, numbers[0]!.length]);
}

interface Run {
  readonly weights: oracle.Matrix[];
  readonly states: Record<string, oracle.Matrix>[];
}

/** The weights and the state after every step, in float64. */
function run(
  optimizer: Optimizer,
  steps: number,
  rate = 0.05,
  scale = 1,
  copy = <T extends Tree>(tree: T) => tree,
): Run {
  return scope(() => {
    let params = toMatrix(start);
    let state = optimizer.init(params);
    const done: Run = { weights: [], states: [] };
    for (let step = 0; step < steps; step++) {
      const gradient = toMatrix(gradientAt(toNumbers(params) as oracle.Matrix, scale));
      [params, state] = optimizer.update(copy(params), gradient, copy(state), tensor(Float64Array.of(rate), []));
      done.weights.push(toNumbers(params) as oracle.Matrix);
      done.states.push(toNumbers(state) as Record<string, oracle.Matrix>);
    }
    return done;
  });
}

const differs = (a: Run, b: Run) => oracle.maxDifference(a.weights, b.weights);

describe("m3", () => {
  it("NL Eq. 75: m3 in sum mode does not depend on beta1 and beta3: orthogonalisation removes their scale", () => {
    const one = run(m3({ ...literal, period: 3, beta1: 0.9, beta3: 0.9 }), 10);
    const other = run(m3({ ...literal, period: 3, beta1: 0.1, beta3: 0.37 }), 10);
    expect(differs(one, other)).toBeLessThan(1e-12);
    // The averages do depend on them.
    const ema = { ...literal, mode: "ema", period: 3 } as const;
    expect(differs(run(m3({ ...ema, beta1: 0.9 }), 10), run(m3({ ...ema, beta1: 0.1 }), 10))).toBeGreaterThan(0.01);
  });

  it("NL Eq. 75: m3 in sum mode with another beta2 is m3 with the learning rate rescaled by the root of the ratio", () => {
    const sum = { ...literal, period: 3, epsilon: none } as const;
    const one = run(m3({ ...sum, beta2: 0.8 }), 10, 0.05);
    const other = run(m3({ ...sum, beta2: 0.2 }), 10, 0.05 * Math.sqrt(0.2 / 0.8));
    expect(differs(one, other)).toBeLessThan(1e-12);
    expect(differs(one, run(m3({ ...sum, beta2: 0.2 }), 10, 0.05))).toBeGreaterThan(0.01);
  });

  it("NL Eq. 75: m3 does not depend on the slow weight for the first f steps, and does from then on", () => {
    const [off, on] = [0, 2].map((slowWeight) => run(m3({ ...literal, period: 4, slowWeight }), 6)) as [Run, Run];
    expect(oracle.maxDifference(on.weights.slice(0, 4), off.weights.slice(0, 4))).toBe(0);
    expect(oracle.maxDifference(on.weights[4], off.weights[4])).toBeGreaterThan(1e-3);
  });

  it("NL Eq. 75: m3 with a period longer than the run is m3 without the slow memory", () => {
    const one = run(m3({ ...literal, period: 1000, slowWeight: 3 }), 10);
    expect(differs(one, run(m3({ ...literal, period: 2, slowWeight: 0 }), 10))).toBe(0);
  });

  it("NL Eq. 75: m3 without slow memory and second moment is muon with momentum that never forgets", () => {
    // beta2 = 0 in sum mode leaves V at zero, so that the update is divided by epsilon = 1.
    const one = run(m3({ ...literal, slowWeight: 0, beta2: 0, epsilon: 1 }), 10);
    let sum = start.map((row) => row.map(() => 0));
    let w = start;
    for (const [step, weights] of one.weights.entries()) {
      sum = oracle.addMatrix(sum, gradientAt(w));
      w = oracle.addMatrix(w, oracle.scaleMatrix(-0.05, oracle.cubicOrthogonalise(sum, 5)));
      expect(oracle.maxDifference(weights, w), `step ${step + 1}`).toBeLessThan(1e-12);
    }
    const forgetting = { ...literal, momentum: 0.5, nesterov: false };
    expect(differs(one, run(muon(forgetting), 10))).toBeGreaterThan(1e-3);
  });

  it("NL Eq. 75: m3 in sum mode holds beta1 and beta3 times the sums of gradients, the slow buffer those of whole periods", () => {
    const { weights, states } = run(m3({ ...literal, period: 3, beta1: 0.7, beta3: 0.4 }), 11);
    const gradients = [start, ...weights].map((w) => gradientAt(w));
    const sumOf = (count: number) =>
      gradients.slice(0, count).reduce(
        oracle.addMatrix,
        start.map((row) => row.map(() => 0)),
      );
    for (const [i, { fastMomentum, slowMomentum, pending }] of states.entries()) {
      const taken = Math.floor((i + 1) / 3) * 3;
      expect(oracle.maxDifference(fastMomentum, oracle.scaleMatrix(0.7, sumOf(i + 1)))).toBeLessThan(1e-12);
      expect(oracle.maxDifference(slowMomentum, oracle.scaleMatrix(0.4, sumOf(taken)))).toBeLessThan(1e-12);
      const rest = oracle.addMatrix(sumOf(i + 1), oracle.scaleMatrix(-1, sumOf(taken)));
      expect(oracle.maxDifference(pending, rest)).toBeLessThan(1e-12);
    }
  });

  it("NL Eq. 75: m3 is not Adam: its literal update shrinks as gradients grow, and it moves an element that has no gradient of its own", () => {
    const sizes = [1, 10].map((scale) => {
      const { weights } = run(m3({ ...literal, epsilon: none }), 1, 0.05, scale);
      return oracle.treeNorm(oracle.addMatrix(weights[0]!, oracle.scaleMatrix(-1, start)));
    });
    expect(sizes[0]! / sizes[1]!).toBeCloseTo(10, 9);
    const adamSizes = [1, 10].map((scale) => {
      const { weights } = run(adam({ epsilon: none }), 1, 0.05, scale);
      return oracle.treeNorm(oracle.addMatrix(weights[0]!, oracle.scaleMatrix(-1, start)));
    });
    expect(adamSizes[0]! / adamSizes[1]!).toBeCloseTo(1, 9);

    scope(() => {
      const gradient = toMatrix([
        [1, 2],
        [3, 0],
      ]);
      const [w] = [m3({ ...literal, epsilon: 1 })].map((optimizer) =>
        optimizer.update(np.zerosLike(gradient), gradient, optimizer.init(gradient), tensor([1], [])),
      )[0]!;
      expect(Math.abs(readSync(w)[3]!)).toBeGreaterThan(0.1);
      const plain = adam();
      const [a] = plain.update(np.zerosLike(gradient), gradient, plain.init(gradient), tensor([1], []));
      expect(readSync(a)[3]).toBe(0);
    });
  });

  it("lowers a regression's loss in both modes, and continues exactly from a state that was written out", () => {
    for (const [mode, rate] of [
      ["sum", 0.02],
      ["ema", 0.3],
    ] as const) {
      const optimizer = m3({ mode, scaling: mode === "sum" ? "literal" : "rms", period: 5, matrices: () => true });
      const { weights } = run(optimizer, 30, rate);
      expect(lossAt(weights.at(-1)!)).toBeLessThan(0.9 * lossAt(start));
      const copied = run(optimizer, 30, rate, 1, (tree) => mapTree(tree, (leaf) => tensor(readSync(leaf), leaf.shape)));
      expect(copied.weights).toEqual(weights);
    }
  });

  it.each([
    [{ period: 0 }, "period must be a whole number of at least 1, not 0"],
    [{ beta3: 1 }, "beta3 must be at least 0 and less than 1, not 1"],
    [{ slowWeight: -1 }, "slowWeight must be at least 0, not -1"],
    [{ mode: "some" as never }, 'unknown mode "some"'],
    [{ iteration: "cubik" as never }, 'did you mean "cubic"'],
  ])("refuses %j", (bad, message) => {
    expect(() => m3(bad)).toThrow(message);
  });
});

describeNative("m3 in float64, 50 steps of awkward learning rates and zero gradients", () => {
  it.each([
    { mode: "sum", scaling: "literal", epsilon: 0.01, iteration: "cubic", epsilonPlace: "outside" },
    { mode: "sum", scaling: "literal", epsilon: 0.01, iteration: "quintic", epsilonPlace: "inside" },
    { mode: "ema", scaling: "rms", epsilon: 1e-4, iteration: "quintic", epsilonPlace: "outside" },
  ] as const)("NL Eq. 75 and NL Algorithm 1: m3 equals the listing as a loop over periods: %j", async (options) => {
    const numbers = { beta1: 0.9, beta2: 0.95, epsilon: options.epsilon };
    const expected = expectedTrajectory(0.1, (path, facts) =>
      hiddenMatrices(path, { ndim: shapes[path]!.length } as Tensor)
        ? oracle.m3Stepper(facts, {
            ...numbers,
            mode: options.mode,
            beta3: 0.8,
            alpha: 0.6,
            period: 7,
            orthogonalise: (matrix) =>
              options.iteration === "cubic" ? oracle.cubicOrthogonalise(matrix, 5) : oracle.orthogonalise(matrix),
            epsilonInside: options.epsilonPlace === "inside",
            rms: options.scaling === "rms" ? 0.2 : 0,
          })
        : oracle.adamStepper(facts, numbers),
    );
    const optimizer = m3({ ...options, beta3: 0.8, slowWeight: 0.6, period: 7, weightDecay: 0.1 });
    expectSameTrajectory(await trajectory(optimizer), expected);
  });
});
