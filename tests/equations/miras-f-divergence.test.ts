import { describe, expect, it } from "vitest";
import { jit, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import {
  type FDivergence,
  fDivergences,
  fDivergenceUpdate,
  klUpdate,
  simplexViolation,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import { distance, exactly, expectDerivatives } from "../miras/exact.ts";
import { minimizeOnSimplex } from "../miras/minimize.ts";
import { example, exampleSimplexGradient, randomSimplexRows } from "../miras/retention-cases.ts";
import { type Matrix, randomSource, scaleMatrix } from "../oracles/index.ts";

const { simplex } = example;
const random = randomSource(831);

/** The functions and their slopes, in plain numbers. */
const plain: Record<keyof typeof fDivergences, { f: (t: number) => number; slope: (t: number) => number }> = {
  kl: { f: (t) => (t === 0 ? 0 : t * Math.log(t)), slope: (t) => Math.log(t) + 1 },
  chiSquare: { f: (t) => (t - 1) ** 2, slope: (t) => 2 * (t - 1) },
  reverseKl: { f: (t) => -Math.log(t), slope: (t) => -1 / t },
  hellinger: { f: (t) => 2 * (1 - Math.sqrt(t)), slope: (t) => -1 / Math.sqrt(t) },
};
const names = Object.keys(plain) as (keyof typeof fDivergences)[];

/** A case in which chi square sets entries to zero. */
const previous = randomSimplexRows(832, 3, 4, 1);
const steep = random.normalMatrix(3, 4, 5);
const stepSize = 0.8;

const update = (f: FDivergence, slice: "row" | "matrix", total: number) => (w: Tensor, g: Tensor) =>
  fDivergenceUpdate(w, g, stepSize, f, { slice, total });

describe("retention by an f-divergence", () => {
  it("MIRAS Eq. 18: fDivergenceUpdate with chi square gives the reference's example", () => {
    scope(() => {
      const [w, g] = [toTensor(simplex), toTensor(exampleSimplexGradient)];
      const actual = fDivergenceUpdate(w, g, 0.5, fDivergences.chiSquare, { total: 2 });
      // The reference gives five digits.
      expectClose(
        actual,
        [
          [0.22994, 0.52685, 0.35451],
          [0.53322, 0.10537, 0.25011],
        ],
        5e-6,
      );
      // The multiplier that it states: W = P (1 + (-zeta - eta g) / 2).
      const zeta = 2 - (2 * (toNumbers(actual) as Matrix)[0]![1]!) / 0.5 - 0.5 * exampleSimplexGradient[0]![1]!;
      expect(Math.abs(zeta - -0.1074)).toBeLessThan(5e-5);
    });
  });

  it.each(names)(
    "MIRAS Eq. 18: fDivergenceUpdate stays on the simplex over 200 steps, compiled in float32: %s",
    (name) => {
      scope(() => {
        const options = { total: 3, slice: "row" } as const;
        const step = jit((w: Tensor, g: Tensor) => fDivergenceUpdate(w, g, 0.1, fDivergences[name], options));
        let weights = toTensor(scaleMatrix(3, previous));
        for (let t = 0; t < 200; t++) weights = step(weights, toTensor(random.normalMatrix(3, 4)));
        expect(Math.max(...readSync(simplexViolation(weights, options)))).toBeLessThan(2e-6);
        expect(Math.min(...readSync(weights))).toBeGreaterThanOrEqual(0);
      });
    },
  );

  it.each(names)("MIRAS Eq. 18: fDivergenceUpdate survives gradients of 1e4 and entries of zero: %s", (name) => {
    scope(() => {
      const f = fDivergences[name];
      const huge = fDivergenceUpdate(toTensor(previous), toTensor(scaleMatrix(1e4, steep)), 1, f);
      expect([...readSync(huge)].every((x) => Number.isFinite(x) && x >= 0)).toBe(true);
      // The sum 3 of the start becomes 1; steep slopes cost digits of the multiplier, not more.
      expectClose(np.sum(huge), 1, 1e-5);
      const zeros = toTensor([[0, 0.5, 0.5]]);
      const kept = toNumbers(fDivergenceUpdate(zeros, toTensor([[-1e4, 0.3, -0.2]]), 0.5, f));
      const without = toNumbers(fDivergenceUpdate(toTensor([[0.5, 0.5]]), toTensor([[0.3, -0.2]]), 0.5, f)) as Matrix;
      expectClose(kept, [[0, ...without[0]!]]);
    });
  });

  it.each(names)(
    "MIRAS Eq. 18: fDivergenceUpdate without a gradient keeps the weights, and rescales those of another sum: %s",
    (name) => {
      scope(() => {
        const f = fDivergences[name];
        const nothing = np.zeros([3, 4]);
        expectClose(fDivergenceUpdate(toTensor(previous), nothing, 1, f, { slice: "row" }), previous);
        expectClose(
          fDivergenceUpdate(toTensor(previous), nothing, 1, f, { slice: "row", total: 5 }),
          scaleMatrix(5, previous),
          1e-5,
        );
        const moved = toNumbers(fDivergenceUpdate(toTensor(previous), toTensor(steep), 1, f, { slice: "row" }));
        expect(distance(moved, previous)).toBeGreaterThan(0.05);
      });
    },
  );
});

describeNative("retention by an f-divergence in float64", () => {
  describe.each(names)("%s", (name) => {
    const { f, slope } = plain[name];

    it.each([
      ["row", 1],
      ["matrix", 3],
    ] as const)(
      "MIRAS Eq. 18: fDivergenceUpdate fulfils the conditions of the minimum, by %s",
      async (slice, total) => {
        const next = await exactly(update(fDivergences[name], slice, total), previous, steep);
        const slices: [Matrix, Matrix, Matrix] = [next, previous, steep];
        const flat = slices.map((matrix) => (slice === "row" ? matrix : [matrix.flat()])) as typeof slices;
        let zeros = 0;
        flat[0].forEach((row, i) => {
          expect(Math.abs(row.reduce((a, b) => a + b, 0) - total)).toBeLessThan(1e-14 * total);
          // The objective's slope: equal over positive entries, at least as large where an entry is zero.
          const slopes = row.map((w, j) => flat[2][i]![j]! * stepSize + slope(w / flat[1][i]![j]!));
          const positive = slopes.filter((_, j) => row[j]! > 0);
          const level = positive[0]!;
          expect(Math.max(...positive) - Math.min(...positive)).toBeLessThan(1e-12 * Math.max(1, Math.abs(level)));
          row.forEach((w, j) => {
            if (w === 0) expect(slopes[j]).toBeGreaterThanOrEqual(level);
          });
          zeros += row.filter((w) => w === 0).length;
        });
        // Only chi square has a finite slope at zero: there the printed form without a maximum would be negative.
        if (name === "chiSquare") expect(zeros).toBeGreaterThan(0);
        else expect(zeros).toBe(0);
      },
    );

    it("MIRAS Eq. 18: fDivergenceUpdate is the minimum that a search by values alone finds", async () => {
      const next = await exactly(update(fDivergences[name], "matrix", 1), [previous[0]!], [steep[0]!]);
      const objective = (w: number[]) =>
        w.reduce((sum, x, j) => {
          const before = previous[0]![j]!;
          return sum + x * steep[0]![j]! + (before * f(x / before)) / stepSize;
        }, 0);
      expect(distance(minimizeOnSimplex(objective, previous[0]!), next[0]!)).toBeLessThan(1e-6);
    });

    it("MIRAS Eq. 18: fDivergenceUpdate has the derivatives of differences, with respect to weights, gradient, step size and total", async () => {
      // Gentle enough that no entry is at the edge of zero.
      const gentle = scaleMatrix(0.1, steep);
      for (const slice of ["row", "matrix"] as const) {
        const f = (w?: Tensor, g?: Tensor, eta?: Tensor, total?: Tensor) =>
          fDivergenceUpdate(w!, g!, eta!, fDivergences[name], { slice, total: total! });
        await expectDerivatives(f, [previous, gentle, [[0.7]], [[1.3]]]);
      }
      const clamped = (w?: Tensor, g?: Tensor) => fDivergenceUpdate(w!, g!, 0.8, fDivergences[name], { slice: "row" });
      await expectDerivatives(clamped, [previous, steep]);
    });
  });

  it("MIRAS Eq. 18: fDivergenceUpdate with the relative entropy is klUpdate without its global part", async () => {
    const options = { slice: "row", total: 2 } as const;
    const bisected = await exactly(update(fDivergences.kl, "row", 2), previous, steep);
    const closed = await exactly(
      (w, g, eta) => klUpdate(w!, g!, { stepSize: eta!, inverseGlobal: Number.POSITIVE_INFINITY }, options),
      previous,
      steep,
      [[stepSize]],
    );
    expect(distance(bisected, closed)).toBeLessThan(1e-14);
  });

  it("MIRAS Eq. 18: fDivergenceUpdate takes any other divergence: f = (t^2 - 1) / 2 halves the slope of chi square", async () => {
    const squares: FDivergence = {
      name: "squares",
      derivative: (ratio) => ratio,
      inverse: (slope) => slope,
      slopeLimit: Number.POSITIVE_INFINITY,
    };
    const own = await exactly(update(squares, "row", 1), previous, steep);
    const doubled = await exactly(
      (w, g) => fDivergenceUpdate(w!, g!, 2 * stepSize, fDivergences.chiSquare, { slice: "row" }),
      previous,
      steep,
    );
    expect(distance(own, doubled)).toBeLessThan(1e-14);
  });
});
