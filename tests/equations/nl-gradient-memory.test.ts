import { describe, expect, it } from "vitest";
import { scope } from "../../src/array/index.ts";
import {
  gradientMemoryObjective,
  momentumDescent,
  surpriseDescent,
  surpriseMemoryObjective,
} from "../../src/nl/index.ts";
import { exact, expectExact, inner, matrixOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(10);
const start = random.normalMatrix(3, 4);
const gradients = Array.from({ length: 6 }, () => random.normalMatrix(3, 4));
const steps = [0.1, 0.3, 0.2, 0.05, 0.4, 0.15];
const zero = oracle.zeroMatrix(3, 4);

describe("momentum as a memory of gradients", () => {
  it("NL Eq. 10-11: momentumDescent sums every gradient once for each step since, W_1 - sum (T - s + 1) eta_s g_s", () => {
    scope(() => {
      let state = { weights: exact(start), momentum: exact(zero) };
      gradients.forEach((g, t) => {
        state = momentumDescent(state, exact(g), steps[t]!);
      });
      const expected = gradients.reduce(
        (w, g, s) => oracle.addMatrix(w, oracle.scaleMatrix(-(gradients.length - s) * steps[s]!, g)),
        start,
      );
      expectExact(state.weights, expected);
    });
  });

  it("NL Eq. 10-11: momentumDescent descends on a quadratic; the conference version's two minus signs ascend", () => {
    scope(() => {
      // The gradient of half the squared size is the weights themselves.
      let state = { weights: exact(start), momentum: exact(zero) };
      let [w, m] = [start, zero];
      for (let t = 0; t < 3; t++) {
        state = momentumDescent(state, state.weights, 0.1);
        m = oracle.addMatrix(m, oracle.scaleMatrix(-0.1, w));
        w = oracle.addMatrix(w, oracle.scaleMatrix(-1, m));
      }
      expect(oracle.treeNorm(matrixOf(state.weights))).toBeLessThan(oracle.treeNorm(start));
      expect(oracle.treeNorm(w)).toBeGreaterThan(oracle.treeNorm(start));
    });
  });

  it("NL Eq. 10-11: momentumDescent that starts each step without momentum is surpriseDescent", () => {
    scope(() => {
      const [input, surprise] = [random.normalVector(4), random.normalVector(3)];
      const g = oracle.outer(surprise, input);
      const { weights, momentum } = momentumDescent({ weights: exact(start), momentum: exact(zero) }, exact(g), 0.3);
      expectExact(weights, matrixOf(surpriseDescent(exact(start), exact(input), exact(surprise), 0.3)));
      expectExact(momentum, oracle.scaleMatrix(0.3, g));
    });
  });

  it("NL Eq. 12-13: momentumDescent moves its momentum to the minimum of gradientMemoryObjective, found from plain values", () => {
    scope(() => {
      const [m, g, eta] = [gradients[0]!, gradients[1]!, 0.3];
      const objective = (at: oracle.Matrix) => -inner(at, g) + squaredDistance(at, m) / (2 * eta);
      const next = momentumDescent({ weights: exact(start), momentum: exact(m) }, exact(g), eta);
      expectExact(next.momentum, oracle.quadraticMinimum(objective, m), 1e-10);
      expectExact(next.weights, oracle.addMatrix(start, oracle.scaleMatrix(-1, matrixOf(next.momentum))));
      expectExact(gradientMemoryObjective(exact(start), exact(m), exact(g), eta), objective(start));
      // Vectorised, the optimum is the same.
      const flat = (x: oracle.Matrix) => x.flat();
      const vector = oracle.quadraticMinimum(
        (at: oracle.Vector) => -oracle.dot(at, flat(g)) + oracle.norm(oracle.subtract(at, flat(m))) ** 2 / (2 * eta),
        flat(m),
      );
      expectExact(exact(vector), flat(matrixOf(next.momentum)), 1e-10);
    });
  });

  it("NL Eq. 13: surpriseMemoryObjective, from inputs to surprises, is gradientMemoryObjective of their outer product; momentumDescent reaches its minimum", () => {
    scope(() => {
      const [input, surprise, m, eta] = [random.normalVector(4), random.normalVector(3), gradients[2]!, 0.2];
      const g = oracle.outer(surprise, input);
      const keyed = (at: oracle.Matrix) =>
        -oracle.dot(oracle.matVec(at, input), surprise) + squaredDistance(at, m) / (2 * eta);
      const value = surpriseMemoryObjective(exact(start), exact(m), exact(input), exact(surprise), eta);
      expectExact(value, keyed(start));
      expectExact(gradientMemoryObjective(exact(start), exact(m), exact(g), eta), keyed(start));
      const { momentum } = momentumDescent({ weights: exact(start), momentum: exact(m) }, exact(g), eta);
      expectExact(momentum, oracle.quadraticMinimum(keyed, m), 1e-10);
    });
  });

  it("NL Eq. 10-13: momentumDescent takes any tree", () => {
    scope(() => {
      const state = { weights: { a: exact([1, 2]), b: [exact(3)] }, momentum: { a: exact([0.5, 0]), b: [exact(-1)] } };
      const next = momentumDescent(state, { a: exact([2, 4]), b: [exact(10)] }, 0.25);
      expectExact(next, { momentum: { a: [1, 1], b: [1.5] }, weights: { a: [0, 1], b: [1.5] } });
    });
  });
});
