import { describe, expect, it } from "vitest";
import { scope, type Tensor } from "../../src/array/index.ts";
import {
  averaging,
  type ElementGates,
  type ElementMemory,
  elementMemoryObjective,
  elementMemoryOptimum,
  elementMemoryStep,
  elementMemoryUpdate,
  rootTargetStep,
  squareTargetStep,
  summing,
} from "../../src/nl/index.ts";
import { adaGrad, adam } from "../../src/optim/index.ts";
import { exact, expectExact, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(101);
/** Seven gradients [2, 3]; the last element never has one. */
const gradients = Array.from({ length: 7 }, () => {
  const g = random.normalMatrix(2, 3);
  g[1]![2] = 0;
  return g;
});
const [w, target] = [random.normalMatrix(2, 3), random.normalMatrix(2, 3)];
const zero = oracle.zeroMatrix(2, 3);

function memoryOf(gates: ElementGates, count = gradients.length): ElementMemory {
  let memory: ElementMemory = { sum: exact(zero), squares: exact(zero) };
  for (const g of gradients.slice(0, count)) memory = elementMemoryUpdate(memory, exact(g), gates);
  return memory;
}

/** The regression's objective in plain numbers. */
function objective(m: oracle.Matrix, ridge: number, shares = gradients.map(() => 1), goal = target): number {
  const losses = gradients.map(
    (g, i) => shares[i]! * m.flat().reduce((sum, x, k) => sum + (x * g.flat()[k]! - goal.flat()[k]!) ** 2, 0),
  );
  return losses.reduce((a, b) => a + b) + ridge * oracle.treeNorm(m) ** 2;
}

const elementwise = (f: (i: number, j: number) => number) => zero.map((row, i) => row.map((_, j) => f(i, j)));
const total = (i: number, j: number) => gradients.reduce((sum, g) => sum + g[i]![j]!, 0);
const squares = (i: number, j: number) => gradients.reduce((sum, g) => sum + g[i]![j]! ** 2, 0);

describe("the element-wise memory", () => {
  it("NL Eq. 101-102: elementMemoryOptimum is where elementMemoryObjective is smallest, for weights of one", () => {
    scope(() => {
      const value = numberOf(elementMemoryObjective(exact(w), gradients.map(exact), exact(target), 0.4));
      expect(value).toBeCloseTo(objective(w, 0.4), 11);
      const minimum = oracle.quadraticMinimum((m: oracle.Matrix) => objective(m, 0.4), zero);
      expectExact(elementMemoryOptimum(memoryOf(summing(1, 1)), exact(target), 0.4), minimum);
    });
  });

  it("NL Eq. 102: elementMemoryOptimum with other weights is beta1/beta2 times the minimum with the ridge over beta2, and vanishes for a large ridge", () => {
    scope(() => {
      const memory = memoryOf(summing(0.9, 0.6));
      const minimum = oracle.quadraticMinimum((m: oracle.Matrix) => objective(m, 0.4 / 0.6), zero);
      expectExact(elementMemoryOptimum(memory, exact(target), 0.4), oracle.scaleMatrix(0.9 / 0.6, minimum));
      expectExact(elementMemoryOptimum(memory, exact(target), 1e15), zero);
    });
  });

  it("NL Eq. 102: elementMemoryUpdate sums gradients and squares; as printed, its sum would count each gradient's target too", () => {
    scope(() => {
      const memory = memoryOf(summing(0.9, 0.6));
      expectExact(
        memory.sum,
        elementwise((i, j) => 0.9 * total(i, j)),
      );
      expectExact(
        memory.squares,
        elementwise((i, j) => 0.6 * squares(i, j)),
      );
      // Printed: the new sum is M_i + beta1 g, where M_i = P times the sum so far.
      const printed = elementwise(
        (i, j) => 0.9 * (target[i]![j]! * (total(i, j) - gradients[6]![i]![j]!) + gradients[6]![i]![j]!),
      );
      expect(oracle.maxDifference(matrixOf(memory.sum), printed)).toBeGreaterThan(0.1);
    });
  });

  it("NL Eq. 103-104: elementMemoryStep with the sum of squares as target is squareTargetStep: undecayed momentum, with eta over beta2", () => {
    scope(() => {
      const memory = memoryOf(summing(1, 0.6));
      const goal = exact(elementwise(squares));
      const expected = elementwise((i, j) => w[i]![j]! - (0.3 / 0.6) * total(i, j));
      expectExact(elementMemoryStep(exact(w), memory, goal, 0, 0.3), expected);
      expectExact(squareTargetStep(exact(w), memory, 0.6, 0.3), expected);
      const printed = elementwise((i, j) => w[i]![j]! - 0.3 * 0.6 * total(i, j));
      expect(oracle.maxDifference(printed, expected)).toBeGreaterThan(0.1);
      expect(matrixOf(elementMemoryStep(exact(w), memory, goal, 0, 0.3))[1]![2]).toBe(w[1]![2]);
    });
  });

  it("NL Eq. 104: squareTargetStep with weights of one is momentum that never forgets, step by step", () => {
    scope(() => {
      let [weights, plain, momentum] = [exact(w), w, zero];
      gradients.forEach((g, t) => {
        weights = squareTargetStep(weights, memoryOf(summing(1, 1), t + 1), 1, 0.05);
        momentum = oracle.addMatrix(momentum, g);
        plain = oracle.addMatrix(plain, oracle.scaleMatrix(-0.05, momentum));
        expectExact(weights, plain);
      });
    });
  });

  it("NL Eq. 103, 105: rootTargetStep is elementMemoryStep with the root of the squares as target, exact without ridge, near it with one", () => {
    scope(() => {
      const memory = memoryOf(summing(0.9, 0.6));
      const goal = exact(elementwise((i, j) => Math.sqrt(squares(i, j))));
      const expected = elementwise((i, j) =>
        squares(i, j) === 0 ? w[i]![j]! : w[i]![j]! - (0.3 * 0.9 * total(i, j)) / (0.6 * Math.sqrt(squares(i, j))),
      );
      expectExact(rootTargetStep(exact(w), memory, 0.6, 0.3), expected);
      expectExact(elementMemoryStep(exact(w), memory, goal, 0, 0.3), expected);
      // A ridge acts as the epsilon lambda / sqrt(H), another one for every weight.
      const ridged = elementwise((i, j) => {
        const h = 0.6 * squares(i, j);
        const epsilon = h === 0 ? 1 : 0.2 / Math.sqrt(h);
        return w[i]![j]! - (0.3 / Math.sqrt(0.6)) * ((0.9 * total(i, j)) / (Math.sqrt(h) + epsilon));
      });
      expectExact(elementMemoryStep(exact(w), memory, goal, 0.2, 0.3), ridged);
    });
  });
});

describe("Adam as a memory", () => {
  /** Weights after all gradients by the library's memory, and by an independent optimiser. */
  function run(gates: ElementGates, epsilon: number): oracle.Matrix {
    let weights: Tensor = exact(w);
    gradients.forEach((_, t) => {
      weights = rootTargetStep(weights, memoryOf(gates, t + 1), 1, 0.1, epsilon);
    });
    return matrixOf(weights);
  }

  function byOracle(stepper: oracle.ParameterStepper): oracle.Matrix {
    let flat = w.flat();
    for (const g of gradients) flat = stepper(flat, g.flat(), 0.1);
    return [flat.slice(0, 3), flat.slice(3)];
  }

  const facts = { shape: [2, 3], weightDecay: 0 };
  /** Its epsilon keeps 0/0 away for the weight without gradients and nothing else. */
  const none = 1e-300;

  it.each([
    { beta1: 0.8, beta2: 0.8 },
    { beta1: 0.9, beta2: 0.95 },
  ])("NL Eq. 105: rootTargetStep with averages is Adam without bias correction: %j", ({ beta1, beta2 }) => {
    scope(() => {
      for (const epsilon of [none, 0.01]) {
        const expected = byOracle(oracle.adamStepper(facts, { beta1, beta2, epsilon, biasCorrection: false }));
        expect(oracle.maxDifference(run(averaging(beta1, beta2), epsilon), expected)).toBeLessThan(1e-12);
      }
    });
  });

  it("NL Eq. 101, 105: elementMemoryObjective weighted by powers of beta is smallest in the direction of rootTargetStep, Adam's, only if both betas are equal and only so weighted", () => {
    scope(() => {
      const directionOf = (beta1: number, beta2: number) => {
        const moved = oracle.addMatrix(
          w,
          oracle.scaleMatrix(-1, matrixOf(rootTargetStep(exact(w), memoryOf(averaging(beta1, beta2)), 1, 1))),
        );
        moved[1]![2] = 0;
        return moved;
      };
      const last = gradients.length - 1;
      const minimumOf = (beta: number, isWeighted: boolean) => {
        const shares = gradients.map((_, i) => (isWeighted ? beta ** (last - i) : 1));
        // The target is the root of Adam's second moment; the weight without gradients needs a ridge to have a minimum.
        const goal = elementwise((i, j) =>
          Math.sqrt((1 - beta) * gradients.reduce((sum, g, t) => sum + beta ** (last - t) * g[i]![j]! ** 2, 0)),
        );
        const value = numberOf(elementMemoryObjective(exact(w), gradients.map(exact), exact(goal), 0, shares));
        expect(value).toBeCloseTo(objective(w, 0, shares, goal), 11);
        const known = (m: oracle.Matrix) => objective(m, 0, shares, goal) + m[1]![2]! ** 2;
        return oracle.quadraticMinimum(known, zero);
      };
      expect(oracle.maxDifference(directionOf(0.8, 0.8), minimumOf(0.8, true))).toBeLessThan(1e-12);
      expect(oracle.maxDifference(directionOf(0.8, 0.8), minimumOf(0.8, false))).toBeGreaterThan(0.01);
      for (const beta of [0.8, 0.9])
        expect(oracle.maxDifference(directionOf(0.9, 0.8), minimumOf(beta, true))).toBeGreaterThan(0.01);
    });
  });

  it("NL Eq. 105: rootTargetStep with plain sums is not Adam, and its optimiser differs from Adam by the bias correction's factor", () => {
    scope(() => {
      const plain = byOracle(
        oracle.adamStepper(facts, { beta1: 0.9, beta2: 0.95, epsilon: none, biasCorrection: false }),
      );
      expect(oracle.maxDifference(run(summing(0.1, 0.05), none), plain)).toBeGreaterThan(0.01);
      // One step from the same weights, at step 7: the corrected direction is sqrt(1 - beta2^t) / (1 - beta1^t) times the other.
      const directions = [true, false].map((biasCorrection) => {
        const stepper = oracle.adamStepper(facts, { beta1: 0.9, beta2: 0.95, epsilon: none, biasCorrection });
        return gradients.map((g) => stepper(zero.flat(), g.flat(), 1)).at(-1)!;
      });
      const memory = rootTargetStep(exact(zero), memoryOf(averaging(0.9, 0.95)), 1, 1, none);
      expect(oracle.maxDifference(oracle.flatten(matrixOf(memory)), directions[1])).toBeLessThan(1e-12);
      const factor = Math.sqrt(1 - 0.95 ** 7) / (1 - 0.9 ** 7);
      expect(oracle.maxDifference(directions[0], oracle.scale(factor, directions[1]!))).toBeLessThan(1e-12);
    });
  });

  it("NL Eq. 105: rootTargetStep equals the library's adam without bias correction, and with a sum that keeps nothing adaGrad", () => {
    scope(() => {
      const optimizer = adam({ beta1: 0.9, beta2: 0.95, epsilon: 0.01, biasCorrection: false });
      const other = adaGrad({ epsilon: 0.01 });
      let [a, b, state, otherState] = [exact(w), exact(w), optimizer.init(exact(w)), other.init(exact(w))];
      let grown: Tensor = exact(w);
      gradients.forEach((g, t) => {
        [a, state] = optimizer.update(a, exact(g), state, exact(0.1));
        [b, otherState] = other.update(b, exact(g), otherState, exact(0.1));
        const latest = { sum: { keep: 0, write: 1 }, squares: { keep: 1, write: 1 } };
        grown = rootTargetStep(grown, memoryOf(latest, t + 1), 1, 0.1, 0.01);
      });
      expectExact(a, run(averaging(0.9, 0.95), 0.01));
      expectExact(b, matrixOf(grown));
    });
  });
});
