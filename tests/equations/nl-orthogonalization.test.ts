import { describe, expect, it } from "vitest";
import { np, scope, type Tensor } from "../../src/array/index.ts";
import { muonStep, orthogonalityLoss, orthogonalizationObjective, orthogonalizationStep } from "../../src/nl/index.ts";
import { newtonSchulz } from "../../src/optim/index.ts";
import { exact, expectExact, matrixOf, numberOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(42);

describe("Muon", () => {
  it.each([
    [4, 3],
    [3, 5],
  ])("NL Eq. 42: muonStep equals momentum and cubic iterations in plain numbers, %i x %i", (rows, columns) => {
    scope(() => {
      let [w, m] = [random.normalMatrix(rows, columns), random.normalMatrix(rows, columns)];
      for (let step = 0; step < 4; step++) {
        const g = random.normalMatrix(rows, columns);
        const found = muonStep(exact(w), exact(m), exact(g), { retain: 0.8, stepSize: 0.3 }, { steps: 7, scale: 0.1 });
        m = oracle.addMatrix(oracle.scaleMatrix(0.8, m), oracle.scaleMatrix(-0.3, g));
        w = oracle.addMatrix(w, oracle.scaleMatrix(0.1, oracle.cubicOrthogonalise(m, 7)));
        expectExact(found.weights, w);
        expectExact(found.momentum, m);
      }
    });
  });

  it("NL Eq. 42: muonStep ends at a step of spectral norm one whatever its constant step size, so that the scale must stand outside", () => {
    scope(() => {
      const gradients = [1, 2, 3].map(() => random.normalMatrix(3, 4));
      const run = (stepSize: number, iteration: "cubic" | "quintic") => {
        let [weights, momentum] = [exact(oracle.zeroMatrix(3, 4)), exact(oracle.zeroMatrix(3, 4))];
        for (const g of gradients)
          ({ weights, momentum } = muonStep(
            weights,
            momentum,
            exact(g),
            { retain: 0.9, stepSize },
            { iteration, steps: 5 },
          ));
        return matrixOf(weights);
      };
      for (const iteration of ["cubic", "quintic"] as const)
        expect(oracle.maxDifference(run(1e-3, iteration), run(10, iteration))).toBeLessThan(1e-9);
      const zero = exact(oracle.zeroMatrix(3, 4));
      const still = muonStep(zero, zero, zero, { retain: 0.9, stepSize: 1 });
      expectExact(still.weights, oracle.zeroMatrix(3, 4), 0);
      const first = muonStep(zero, zero, exact(gradients[0]!), { retain: 0.9, stepSize: 1 }, { steps: 40 }).weights;
      const gram = oracle.matMul(matrixOf(first), oracle.transpose(matrixOf(first)));
      expect(oracle.maxDifference(gram, oracle.identity(3))).toBeLessThan(1e-8);
    });
  });
});

describe("orthogonalisation as an optimisation", () => {
  const [o, g] = [random.normalMatrix(4, 3, 0.6), random.normalMatrix(4, 3, 0.6)];
  const loss = (at: oracle.Matrix) => squaredDistance(oracle.matMul(oracle.transpose(at), at), oracle.identity(3));
  const slopeOf = (f: (at: oracle.Matrix) => number) => oracle.centralGradientTree(f, o, { richardson: true });

  it("NL Eq. 43: orthogonalityLoss is the squared distance of the Gram matrix from the identity", () => {
    scope(() => {
      expect(numberOf(orthogonalityLoss(exact(o)))).toBeCloseTo(loss(o), 12);
      expect(
        numberOf(
          orthogonalityLoss(
            exact([
              [0, 1, 0],
              [0, 0, -1],
              [1, 0, 0],
              [0, 0, 0],
            ]),
          ),
        ),
      ).toBe(0);
    });
  });

  it("NL Eq. 43-44: orthogonalizationStep descends the combined objective, by finite differences, and not orthogonalityLoss", () => {
    scope(() => {
      const combined = (at: oracle.Matrix) => squaredDistance(at, g) / 2 + loss(at) / 2;
      expect(numberOf(orthogonalizationObjective(exact(o), exact(g), true))).toBeCloseTo(combined(o), 12);
      expect(numberOf(orthogonalizationObjective(exact(o), exact(g), false))).toBeCloseTo(loss(o) / 2, 12);
      const step = (slope: oracle.Matrix) => oracle.addMatrix(o, oracle.scaleMatrix(-0.1, slope));
      expectExact(orthogonalizationStep(exact(o), exact(g), 0.1), step(slopeOf(combined)), 1e-9);
      expectExact(orthogonalizationStep(exact(o), exact(g), 0.1, false), step(slopeOf((at) => loss(at) / 2)), 1e-9);
      // The loss as it is printed has twice that gradient, and no proximity.
      const printed = step(slopeOf(loss));
      const found = matrixOf(orthogonalizationStep(exact(o), exact(g), 0.1));
      expect(oracle.maxDifference(found, printed)).toBeGreaterThan(0.01);
      expect(numberOf(orthogonalityLoss(exact(printed)))).toBeLessThan(loss(o));
    });
  });

  it("NL Eq. 44: orthogonalizationStep from the gradient with step 1/4 is the cubic Newton-Schulz step, with or without proximity", () => {
    scope(() => {
      const unit = oracle.scaleMatrix(1 / oracle.treeNorm(g), g);
      const expected = matrixOf(newtonSchulz(exact(g), 1, "cubic"));
      for (const proximity of [true, false])
        expectExact(orthogonalizationStep(exact(unit), exact(unit), 0.25, proximity), expected);
      expectExact(newtonSchulz(exact(g), 1, "cubic"), oracle.cubicOrthogonalise(g, 1));
    });
  });

  it("NL Eq. 44: orthogonalizationStep reaches orthonormal columns after 200 steps without proximity, and does not with it", () => {
    scope(() => {
      const run = (proximity: boolean) => {
        let now: Tensor = exact(g);
        for (let step = 0; step < 200; step++)
          now = exact(matrixOf(orthogonalizationStep(now, exact(g), 0.1, proximity)));
        return np.matmul(np.swapaxes(now, 0, 1), now);
      };
      expectExact(run(false), oracle.identity(3), 1e-9);
      expect(oracle.maxDifference(matrixOf(run(true)), oracle.identity(3))).toBeGreaterThan(0.05);
    });
  });
});
