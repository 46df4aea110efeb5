/** The two retentions of the paper that have no number: by an l_q norm, and by a Bregman divergence. */
import { describe, expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import {
  bregmanGenerators,
  bregmanUpdate,
  type LqOptions,
  lqRetention,
  lqWeights,
  onlineGradientStep,
  unitLq,
} from "../../src/miras/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import {
  addMatrix,
  type Matrix,
  matVec,
  outer,
  randomSource,
  scaleMatrix,
  subtract,
  type Vector,
  zeroMatrix,
} from "../oracles/index.ts";
import { distance, exactly, expectDerivatives } from "./exact.ts";
import { goldenSection, minimize } from "./minimize.ts";
import { example, exampleSimplexGradient, threeTokens } from "./retention-cases.ts";

const random = randomSource(861);

/** A l_p norm in plain numbers. */
const lpNorm = (matrix: Matrix, p: number) => matrix.flat().reduce((sum, x) => sum + Math.abs(x) ** p, 0) ** (1 / p);

/** The reference's accumulator after one token. */
const accumulator = [
  [0.519192, -0.18, 0.182256],
  [0.2628, 0.36, -0.5496],
];
const fixtures = {
  printed: [
    [1.198631928, -0.4155567632, 0.4207650747],
    [0.6067128743, 0.8311135265, -1.268833317],
  ],
  mirror: [
    [0.1077012072, -0.004488013043, 0.004658886161],
    [0.01396730696, 0.03590410434, -0.1277546649],
  ],
  bregman: [
    [0.2324917727, 0.5, 0.3563371203],
    [0.5188573285, 0.1, 0.2163105271],
  ],
};

describe("retention by an l_q norm", () => {
  it("gives the reference's weights, printed and exact, a norm a matrix", () => {
    scope(() => {
      expectClose(lqWeights(toTensor(accumulator)), fixtures.printed);
      expectClose(lqWeights(toTensor(accumulator), { map: "mirror" }), fixtures.mirror);
      const batch = [accumulator, scaleMatrix(10, accumulator)];
      expectClose(lqWeights(toTensor(batch)), [fixtures.printed, scaleMatrix(0.1, fixtures.printed)]);
    });
  });

  it("is exactly the identity at q = 2, zeros included", () => {
    scope(() => {
      for (const map of ["printed", "mirror"] as const)
        for (const a of [accumulator, zeroMatrix(2, 3)])
          expect(toNumbers(lqWeights(toTensor(a), { qDual: 2, map }))).toEqual(toNumbers(toTensor(a)));
    });
  });

  it("stays finite with its derivatives for an accumulator of zeros and one with some", () => {
    scope(() => {
      for (const map of ["printed", "mirror"] as const) {
        for (const qDual of [2.25, 3, 4]) {
          for (const a of [
            zeroMatrix(2, 2),
            [
              [0, 1],
              [0, -2],
            ],
          ]) {
            const slope = grad((x: Tensor) => np.sum(np.square(lqWeights(x, { qDual, map }))))(toTensor(a));
            for (const x of [...readSync(slope), ...readSync(lqWeights(toTensor(a), { qDual, map }))])
              expect(Number.isFinite(x)).toBe(true);
          }
        }
      }
    });
  });

  it("starts with matrices of norm one, however small the parameter, which the printed map then keeps", () => {
    scope(() => {
      for (const [qDual, tolerance] of [
        [2, 1e-6],
        // The reference engine's logarithm loses digits near 1.
        [3, 2e-5],
        [4, 1e-6],
      ] as const) {
        for (const scale of [1, 1e-7, 1e4]) {
          const parameter = scaleMatrix(scale, random.normalMatrix(2, 3));
          const start = lqRetention({ qDual }).start(toTensor([parameter, accumulator]));
          const [first, second] = toNumbers(start) as Matrix[];
          expect(Math.abs(lpNorm(first!, qDual) - 1)).toBeLessThan(tolerance);
          expect(Math.abs(lpNorm(second!, qDual) - 1)).toBeLessThan(tolerance);
          expectClose(lqWeights(start, { qDual }), start, tolerance);
        }
      }
      expect([...readSync(unitLq(np.zeros([2, 2])))]).toEqual([0, 0, 0, 0]);
    });
  });

  it("refuses an exponent below 2 and an unknown map", () => {
    expect(() => lqRetention({ qDual: 1.5 })).toThrow(ConfigError);
    expect(() => lqRetention({ map: "exact" as never })).toThrow(ConfigError);
  });
});

describeNative("retention by an l_q norm in float64", () => {
  const weightsOf = (a: Matrix, options: LqOptions) => exactly((x) => lqWeights(x!, options), a);
  const exponents = [2, 1.8, 1.5, 4 / 3, 1.2];

  it("gives the reference's weights to the digits that the guard leaves, and its three tokens", async () => {
    expect(distance(await weightsOf(accumulator, {}), fixtures.printed)).toBeLessThan(1e-9);
    expect(distance(await weightsOf(accumulator, { map: "mirror" }), fixtures.mirror)).toBeLessThan(1e-10);
    // Moneta's rule on one matrix: the cubed error's gradient at the weights, accumulated.
    let a: Matrix = example.weights;
    const { keys, values, retain, stepSize } = threeTokens;
    for (let t = 0; t < 3; t++) {
      const error = subtract(matVec(await weightsOf(a, {}), keys[t]!), values[t]!);
      const gradient = outer(
        error.map((r) => 3 * Math.abs(r) * r),
        keys[t]!,
      );
      a = addMatrix(scaleMatrix(retain[t]!, a), scaleMatrix(-stepSize[t]!, gradient));
    }
    // The guard of 1e-12 changes weights of size one by 1e-11.
    expect(
      distance(a, [
        [-1.455817088, -1.277121374, 0.0759390157],
        [-0.3145998891, -0.1433582941, -0.4073660508],
      ]),
    ).toBeLessThan(2e-9);
    expect(
      distance(await weightsOf(a, {}), [
        [-0.5429300961, -0.4762876023, 0.02832057504],
        [-0.1173263794, -0.05346381288, -0.1519224434],
      ]),
    ).toBeLessThan(1e-9);
  });

  it.each(exponents)(
    "the exact map is the minimum for the regulariser with exponent %d; the printed one is not, but at 2",
    async (q) => {
      const qDual = q / (q - 1);
      const a = random.normalMatrix(2, 3);
      const mirror = await weightsOf(a, { qDual, map: "mirror" });
      // The slope of -<W, A> + |W|_q^2 / (2 (q - 1)).
      const size = lpNorm(mirror, q);
      const slopes = mirror.map((row, i) =>
        row.map((w, j) => (size ** (2 - q) * Math.sign(w) * Math.abs(w) ** (q - 1)) / (q - 1) - a[i]![j]!),
      );
      // The guard in the sum of powers, 1e-12, is all that is left.
      expect(distance(slopes, zeroMatrix(2, 3))).toBeLessThan(3e-12);
      // The norm identity.
      expect(Math.abs(size - (q - 1) * lpNorm(a, qDual))).toBeLessThan(3e-12);

      const objective = (w: Vector) =>
        lpNorm([w], q) ** 2 / (2 * (q - 1)) - w.reduce((sum, x, i) => sum + x * a.flat()[i]!, 0);
      const least = minimize(objective, a.flat(), { sweeps: 300 });
      expect(distance(least, mirror.flat())).toBeLessThan(3e-6);

      const printed = await weightsOf(a, { qDual });
      const apart = distance(printed, mirror);
      if (q === 2) expect(apart).toBe(0);
      else expect(apart).toBeGreaterThan(0.05);
    },
  );

  it("the printed map's norm is that of the accumulator to the power 3 - q, and at 4 it undoes itself; the exact map is homogeneous", async () => {
    for (const qDual of [2, 2.5, 3, 4, 5]) {
      for (const scale of [0.3, 1, 7]) {
        const a = scaleMatrix(scale, accumulator);
        const printed = await weightsOf(a, { qDual });
        const expected = lpNorm(a, qDual) ** (3 - qDual);
        expect(Math.abs(lpNorm(printed, qDual) / expected - 1)).toBeLessThan(1e-8);
        const mirror = await weightsOf(a, { qDual, map: "mirror" });
        const once = await weightsOf(accumulator, { qDual, map: "mirror" });
        expect(distance(mirror, scaleMatrix(scale, once)) / scale).toBeLessThan(1e-8);
      }
    }
    expect(distance(await weightsOf(await weightsOf(accumulator, {}), {}), accumulator)).toBeLessThan(1e-10);
    // So forgetting without a gradient makes the printed weights larger.
    const faded = await weightsOf(scaleMatrix(0.5, accumulator), {});
    expect(distance(faded, scaleMatrix(2, fixtures.printed))).toBeLessThan(1e-8);
  });

  it("an accumulator that fades is the exact step of a global part that is the regulariser itself", async () => {
    const [q, eta, alpha] = [4 / 3, 0.6, 1.7];
    const a = random.normalMatrix(2, 3);
    const gradient = random.normalMatrix(2, 3);
    const share = alpha / (alpha + eta);
    const next = scaleMatrix(share, addMatrix(a, scaleMatrix(-eta, gradient)));
    const [w, previous] = [await weightsOf(next, { map: "mirror" }), await weightsOf(a, { map: "mirror" })];
    const slopeAt = (x: Matrix) =>
      x.map((row) => row.map((v) => (lpNorm(x, q) ** (2 - q) * Math.sign(v) * Math.abs(v) ** (q - 1)) / (q - 1)));
    // g + (R'(W) - R'(W')) / eta + R'(W) / alpha = 0
    const missing = gradient.map((row, i) =>
      row.map((g, j) => {
        const [now, before] = [slopeAt(w)[i]![j]!, slopeAt(previous)[i]![j]!];
        return g + (now - before) / eta + now / alpha;
      }),
    );
    expect(distance(missing, zeroMatrix(2, 3))).toBeLessThan(1e-11);
  });

  it("maps and starts have the derivatives of differences", async () => {
    for (const qDual of [2.5, 3, 4, 5]) {
      for (const map of ["printed", "mirror"] as const)
        await expectDerivatives((x) => lqWeights(x!, { qDual, map }), [accumulator]);
      await expectDerivatives((x) => unitLq(x!, qDual), [accumulator]);
    }
  });
});

describe("retention by a Bregman divergence", () => {
  const { logit, quadratic } = bregmanGenerators;

  it("gives the reference's example for the logit, and the plain step for squares", () => {
    scope(() => {
      const [w, g] = [toTensor(example.simplex), toTensor(exampleSimplexGradient)];
      expectClose(bregmanUpdate(w, g, 0.5, logit), fixtures.bregman);
      expect(toNumbers(bregmanUpdate(w, g, 0.5, quadratic))).toEqual(toNumbers(onlineGradientStep(w, g, 0.5)));
    });
  });

  it("keeps weights between 0 and 1 for gradients of 1e4, and as they are without any", () => {
    scope(() => {
      const w = toTensor(example.simplex);
      const pushed = [...readSync(bregmanUpdate(w, toTensor(random.normalMatrix(2, 3, 1e4)), 1, logit))];
      expect(pushed.every((x) => x >= 0 && x <= 1)).toBe(true);
      expectClose(bregmanUpdate(w, np.zeros([2, 3]), 1, logit), example.simplex);
    });
  });
});

describeNative("retention by a Bregman divergence in float64", () => {
  const { logit } = bregmanGenerators;
  const gradient = random.normalMatrix(2, 3, 2);
  const step = (w?: Tensor, g?: Tensor, eta?: Tensor) => bregmanUpdate(w!, g!, eta!, logit);

  it("is each entry's minimum of the linearised loss and the relative entropy of two coins", async () => {
    expect(
      distance(await exactly(step, example.simplex, exampleSimplexGradient, [[0.5]]), fixtures.bregman),
    ).toBeLessThan(1e-10);
    const next = await exactly(step, example.simplex, gradient, [[0.7]]);
    example.simplex.forEach((row, i) => {
      row.forEach((before, j) => {
        const [w, g] = [next[i]![j]!, gradient[i]![j]!];
        expect(Math.abs(g + (Math.log(w / (1 - w)) - Math.log(before / (1 - before))) / 0.7)).toBeLessThan(1e-13);
        const objective = (x: number) =>
          g * x + (x * Math.log(x / before) + (1 - x) * Math.log((1 - x) / (1 - before))) / 0.7;
        expect(Math.abs(goldenSection(objective, 1e-9, 1 - 1e-9) - w)).toBeLessThan(1e-7);
      });
    });
  });

  it("has the derivatives of differences", async () => {
    await expectDerivatives(step, [example.simplex, gradient, [[0.7]]]);
  });
});
