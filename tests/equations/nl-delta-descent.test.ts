import { describe, expect, it } from "vitest";
import { np, scope, type Tensor } from "../../src/array/index.ts";
import {
  collectedDeltaDescent,
  deltaDescent,
  deltaDescentObjective,
  deltaStepSize,
  derivedDeltaDescent,
  dotProductAnswerLoss,
  expandedDeltaDescent,
  gatedDeltaDescent,
  generalizedObjective,
  normalEquation,
  proximity,
  regressionAnswerLoss,
  selfGeneratedValue,
  shermanMorrison,
  solvedDeltaDescent,
  stationarityResidual,
} from "../../src/nl/index.ts";
import { exact, expectExact, inner, matrixOf, numberOf, squaredDistance } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(56);
const [w, slope, other] = [random.normalMatrix(3, 4), random.normalVector(3), random.normalVector(4)];
const direction = random.unitVector(4);
const lambdas = [1, 2.3, 0.2];

/** A write whose input has the norm lambda. */
const writeOf = (lambda: number, stepSize = 0.7) => ({
  weights: exact(w),
  input: exact(oracle.scale(lambda, direction)),
  outputGradient: exact(slope),
  stepSize: exact(stepSize),
});

/** The objective in plain numbers; u is the negative gradient, held fixed. */
function objective(at: oracle.Matrix, lambda: number, stepSize = 0.7): number {
  const error = oracle.add(oracle.matVec(at, oracle.scale(lambda, direction)), slope);
  return oracle.norm(error) ** 2 / 2 + squaredDistance(at, w) / (2 * stepSize);
}

/** `W (I - a x xᵀ) - b g xᵀ` with any two coefficients. */
function withCoefficients(lambda: number, erase: number, write: number): oracle.Matrix {
  const x = oracle.scale(lambda, direction);
  const erased = oracle.addMatrix(w, oracle.scaleMatrix(-erase, oracle.outer(oracle.matVec(w, x), x)));
  return oracle.addMatrix(erased, oracle.scaleMatrix(-write, oracle.outer(slope, x)));
}

describe("delta gradient descent", () => {
  it.each(lambdas)(
    "NL Eq. 56-57, 113: deltaDescent goes where deltaDescentObjective is smallest, for an input of norm %f",
    (lambda) => {
      scope(() => {
        expect(numberOf(deltaDescentObjective(exact(w), writeOf(lambda)))).toBeCloseTo(objective(w, lambda), 12);
        const elsewhere = random.normalMatrix(3, 4);
        const value = numberOf(deltaDescentObjective(exact(elsewhere), writeOf(lambda)));
        expect(value).toBeCloseTo(objective(elsewhere, lambda), 11);
        const minimum = oracle.quadraticMinimum((at: oracle.Matrix) => objective(at, lambda), w);
        expectExact(deltaDescent(writeOf(lambda)), minimum);
      });
    },
  );

  it("NL Eq. 57: deltaStepSize is the printed eta/(1+eta) for inputs of norm one alone, where only then the print is the minimum", () => {
    scope(() => {
      for (const lambda of lambdas) {
        const printed = 0.7 / (1 + 0.7);
        const found = numberOf(deltaStepSize(exact(oracle.scale(lambda, direction)), 0.7));
        const minimum = oracle.quadraticMinimum((at: oracle.Matrix) => objective(at, lambda), w);
        const distance = oracle.maxDifference(withCoefficients(lambda, printed, printed), minimum);
        if (lambda === 1) {
          expect(found).toBeCloseTo(printed, 14);
          expect(distance).toBeLessThan(1e-12);
        } else {
          expect(Math.abs(found - printed)).toBeGreaterThan(0.05);
          expect(distance).toBeGreaterThan(0.01);
        }
      }
    });
  });

  it.each(lambdas)(
    "NL Eq. 57: deltaDescent answers with a mean of old answer and value, and leaves orthogonal inputs alone, norm %f",
    (lambda) => {
      scope(() => {
        const x = oracle.scale(lambda, direction);
        const next = matrixOf(deltaDescent(writeOf(lambda)));
        const share = (0.7 * lambda ** 2) / (1 + 0.7 * lambda ** 2);
        const mean = oracle.add(oracle.scale(1 - share, oracle.matVec(w, x)), oracle.scale(-share, slope));
        expect(oracle.maxDifference(oracle.matVec(next, x), mean)).toBeLessThan(1e-12);
        const z = oracle.subtract(other, oracle.scale(oracle.dot(other, direction), direction));
        expect(oracle.maxDifference(oracle.matVec(next, z), oracle.matVec(w, z))).toBeLessThan(1e-12);
        // The limits: all of the value, and nothing.
        const [far, near] = [1e12, 1e-12].map((eta) => matrixOf(deltaDescent(writeOf(lambda, eta))));
        expect(oracle.maxDifference(oracle.matVec(far!, x), oracle.scale(-1, slope))).toBeLessThan(1e-9);
        expect(oracle.maxDifference(near, w)).toBeLessThan(1e-9);
      });
    },
  );

  it("NL Eq. 57: deltaDescent is plain descent, with deltaStepSize, on the loss plus half the answer's square, and stops elsewhere than descent", () => {
    scope(() => {
      const x = oracle.scale(2.3, direction);
      const target = [1, -2, 0.5];
      const loss = (at: oracle.Matrix) => {
        const answer = oracle.matVec(at, x);
        return oracle.norm(oracle.subtract(answer, target)) ** 2 / 2 + oracle.norm(answer) ** 2 / 2;
      };
      const gradientAt = (at: oracle.Matrix) => oracle.subtract(oracle.matVec(at, x), target);
      const rate = numberOf(deltaStepSize(exact(x), 0.7));
      const descent = oracle.centralGradientTree(loss, w, { step: 1 });
      const write = { ...writeOf(2.3), outputGradient: exact(gradientAt(w)) };
      expectExact(deltaDescent(write), oracle.addMatrix(w, oracle.scaleMatrix(-rate, descent)));

      let now = w;
      for (let step = 0; step < 100; step++)
        now = matrixOf(deltaDescent({ ...write, weights: exact(now), outputGradient: exact(gradientAt(now)) }));
      const answer = oracle.matVec(now, x);
      expect(oracle.maxDifference(answer, oracle.scale(-1, gradientAt(now)))).toBeLessThan(1e-9);
      expect(oracle.maxDifference(answer, oracle.scale(0.5, target))).toBeLessThan(1e-9);
    });
  });

  it("NL Eq. 57: deltaDescent is plain descent with deltaStepSize where the weights answer nothing yet", () => {
    scope(() => {
      const zero = oracle.zeroMatrix(3, 4);
      const rate = numberOf(deltaStepSize(exact(oracle.scale(2.3, direction)), 0.7));
      const expected = oracle.scaleMatrix(-rate, oracle.outer(slope, oracle.scale(2.3, direction)));
      expectExact(deltaDescent({ ...writeOf(2.3), weights: exact(zero) }), expected);
    });
  });
});

describe("generalised gradient descent", () => {
  const x = oracle.scale(2.3, direction);
  const u = oracle.scale(-1, slope);
  const regression = (at: oracle.Matrix) => oracle.norm(oracle.subtract(oracle.matVec(at, x), u)) ** 2 / 2;

  it("NL Eq. 60: selfGeneratedValue is the negative gradient of the loss at the weights' own answer", () => {
    scope(() => {
      const target = [1, -2, 0.5];
      const loss = (answer: oracle.Vector) => oracle.norm(oracle.subtract(answer, target)) ** 2 / 2;
      const expected = oracle.scale(-1, oracle.centralGradient(loss, oracle.matVec(w, x), { step: 1 }));
      const found = selfGeneratedValue(exact(w), exact(x), (answer) => np.subtract(answer, exact(target)));
      expectExact(found, expected);
    });
  });

  it.each([
    ["dot product", (at: oracle.Matrix) => -inner(oracle.matVec(at, x), u), dotProductAnswerLoss, 1],
    ["regression", regression, regressionAnswerLoss, 1],
    ["regression that forgets", regression, regressionAnswerLoss, 0.6],
  ] as const)(
    "NL Eq. 59: generalizedObjective is smallest where its instance goes: %s",
    (name, loss, innerLoss, retain) => {
      scope(() => {
        const plain = (at: oracle.Matrix) => loss(at) + squaredDistance(at, oracle.scaleMatrix(retain, w)) / (2 * 0.7);
        const at = random.normalMatrix(3, 4);
        const retention = proximity([{ weights: exact(w), share: 1 }], 0.7, retain);
        const value = numberOf(generalizedObjective(exact(at), exact(x), exact(u), innerLoss, retention));
        expect(value).toBeCloseTo(plain(at), 11);
        const minimum = oracle.quadraticMinimum(plain, w);
        if (name === "dot product")
          expectExact(exact(minimum), oracle.addMatrix(w, oracle.scaleMatrix(0.7, oracle.outer(u, x))));
        else expectExact(exact(minimum), matrixOf(gated(retain)));
      });
    },
  );

  const gated = (retain: number): Tensor => gatedDeltaDescent(writeOf(2.3), retain);

  it("NL Eq. 59: gatedDeltaDescent is deltaDescent at full retention, and the minimum of the objective with faded weights", () => {
    scope(() => {
      expectExact(gated(1), matrixOf(deltaDescent(writeOf(2.3))), 0);
      const plain = (at: oracle.Matrix) => regression(at) + squaredDistance(at, oracle.scaleMatrix(0.6, w)) / (2 * 0.7);
      expectExact(gated(0.6), oracle.quadraticMinimum(plain, w));
    });
  });

  it("NL Eq. 59: generalizedObjective with several past states is the one with their mean", () => {
    scope(() => {
      const states = [0.2, 0.3, 0.5].map((share) => ({ share, weights: random.normalMatrix(3, 4) }));
      const retention = proximity(
        states.map(({ share, weights }) => ({ share, weights: exact(weights) })),
        0.7,
      );
      const at = (weights: oracle.Matrix) =>
        numberOf(generalizedObjective(exact(weights), exact(x), exact(u), regressionAnswerLoss, retention));
      const mean = states
        .map(({ share, weights }) => oracle.scaleMatrix(share, weights))
        .reduce((sum, term) => oracle.addMatrix(sum, term));
      expectExact(deltaDescent({ ...writeOf(2.3), weights: exact(mean) }), oracle.quadraticMinimum(at, w));
    });
  });
});

describe("the derivation of delta gradient descent", () => {
  it.each(lambdas)(
    "NL Eq. 114-116: stationarityResidual is zero at the minimum, normalEquation and solvedDeltaDescent give it, norm %f",
    (lambda) => {
      scope(() => {
        const write = writeOf(lambda);
        const minimum = oracle.quadraticMinimum((at: oracle.Matrix) => objective(at, lambda), w);
        expectExact(stationarityResidual(exact(minimum), write), oracle.zeroMatrix(3, 4));
        const elsewhere = random.normalMatrix(3, 4);
        const gradient = oracle.centralGradientTree((at: oracle.Matrix) => objective(at, lambda), elsewhere, {
          step: 1,
        });
        expectExact(stationarityResidual(exact(elsewhere), write), gradient);
        const { matrix, right } = normalEquation(write);
        expect(oracle.maxDifference(oracle.matMul(minimum, matrixOf(matrix)), matrixOf(right))).toBeLessThan(1e-11);
        expectExact(solvedDeltaDescent(write), minimum);
      });
    },
  );

  it.each(lambdas)("NL Eq. 117: shermanMorrison times the matrix is the identity, norm %f", (lambda) => {
    scope(() => {
      for (const ridge of [0.1, 1, 7]) {
        const x = oracle.scale(lambda, direction);
        const matrix = oracle.addMatrix(oracle.outer(x, x), oracle.scaleMatrix(ridge, oracle.identity(4)));
        const product = oracle.matMul(matrixOf(shermanMorrison(exact(x), exact(ridge))), matrix);
        expect(oracle.maxDifference(product, oracle.identity(4))).toBeLessThan(1e-12);
      }
    });
  });

  it.each(lambdas)(
    "NL Eq. 118-121: expandedDeltaDescent, collectedDeltaDescent and derivedDeltaDescent are the minimum, norm %f",
    (lambda) => {
      scope(() => {
        const minimum = oracle.quadraticMinimum((at: oracle.Matrix) => objective(at, lambda), w);
        for (const step of [expandedDeltaDescent, collectedDeltaDescent, derivedDeltaDescent])
          expectExact(step(writeOf(lambda)), minimum);
      });
    },
  );

  it("NL Eq. 121: derivedDeltaDescent has the coefficient eta/(1+eta) at norm one, and the printed coefficients are the minimum nowhere", () => {
    scope(() => {
      for (const lambda of lambdas) {
        const minimum = oracle.quadraticMinimum((at: oracle.Matrix) => objective(at, lambda), w);
        expectExact(derivedDeltaDescent(writeOf(lambda)), minimum);
        // As printed, with eta for 1/eta: erase 1/(lambda + eta) and write lambda/(lambda^2 eta + eta^2) - 1/eta, added as a descent step.
        const c = 1 / 0.7;
        const printedWrite = lambda / (lambda ** 2 * c + c ** 2) - 1 / c;
        const printed = withCoefficients(lambda, 1 / (lambda ** 2 + c), printedWrite);
        expect(oracle.maxDifference(printed, minimum)).toBeGreaterThan(0.05);
        // With lambda squared the printed coefficient becomes minus alpha: a step uphill.
        const repaired = lambda ** 2 / (lambda ** 2 * c + c ** 2) - 1 / c;
        expect(repaired).toBeCloseTo(-1 / (lambda ** 2 + c), 12);
      }
      expectExact(derivedDeltaDescent(writeOf(1)), withCoefficients(1, 0.7 / 1.7, 0.7 / 1.7));
    });
  });
});
