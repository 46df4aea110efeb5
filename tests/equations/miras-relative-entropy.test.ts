import { describe, expect, it } from "vitest";
import { grad, jit, nn, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import {
  klCoefficients,
  klObjective,
  klRetention,
  klUpdate,
  simplexViolation,
  simplexWeights,
  softmaxUpdate,
} from "../../src/miras/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import { distance, exactly, expectDerivatives } from "../miras/exact.ts";
import { minimizeOnSimplex } from "../miras/minimize.ts";
import {
  example,
  exampleSimplexGradient,
  randomSimplexRows,
  squaredErrorGradient,
  threeTokens,
} from "../miras/retention-cases.ts";
import { type Matrix, randomSource, scaleMatrix } from "../oracles/index.ts";

const { simplex } = example;
const random = randomSource(841);
const previous = randomSimplexRows(842, 3, 4, 1);
const gradient = random.normalMatrix(3, 4);
const printed = { stepSize: 0.5, inverseGlobal: 2 };

const fixtures = {
  /** The whole matrix sums to 2, lambda = 0.2 and eta' = 0.4. */
  whole: [
    [0.2795723414, 0.499043701, 0.4070081338],
    [0.4434348603, 0.1377090793, 0.2332318842],
  ],
  /** Rows sum to 1, with the free gates 0.9 and 0.5. */
  rows: [
    [0.2263359627, 0.426103432, 0.3475606053],
    [0.569027102, 0.1578025458, 0.2731703522],
  ],
  threeTokens: [
    [0.2239083053, 0.4101017627, 0.365989932],
    [0.5024516331, 0.172486306, 0.3250620609],
  ],
  firstToken: [
    [0.2148630626, 0.471661971, 0.3134749663],
    [0.5756388544, 0.1225963134, 0.3017648322],
  ],
};

/** The objective of one slice in plain numbers. */
function plainObjective(w: number[], before: number[], g: number[], eta: number, alpha: number): number {
  const xlogx = (x: number, y = 1) => (x === 0 ? 0 : x * Math.log(x / y));
  return w.reduce((sum, x, j) => sum + (x - before[j]!) * g[j]! + xlogx(x, before[j]!) / eta + xlogx(x) / alpha, 0);
}

describe("retention by relative entropy", () => {
  it("MIRAS Eq. 21: klUpdate gives the reference's example, softmaxUpdate that of Memora with free gates and rows", () => {
    scope(() => {
      const [w, g] = [toTensor(simplex), toTensor(exampleSimplexGradient)];
      expectClose(klUpdate(w, g, printed, { total: 2 }), fixtures.whole);
      const logs = softmaxUpdate(np.log(w), g, { retain: 0.9, stepSize: 0.5 }, "row");
      expectClose(simplexWeights(logs, { slice: "row" }), fixtures.rows);
    });
  });

  it("MIRAS Eq. 21: klCoefficients are lambda and eta' of the two inverse weights; an infinite one switches its part off", () => {
    scope(() => {
      for (const [stepSize, inverseGlobal] of [
        [0.5, 2],
        [0.03, 7],
        [11, 0.4],
      ] as const) {
        const lambda = 1 / inverseGlobal / (1 / inverseGlobal + 1 / stepSize);
        const step = 1 / (1 / inverseGlobal + 1 / stepSize);
        const actual = klCoefficients({ stepSize: toTensor(stepSize), inverseGlobal: toTensor(inverseGlobal) });
        expectClose(toNumbers(actual), { retain: 1 - lambda, stepSize: step });
      }
      const off = klCoefficients({ stepSize: toTensor(0.5), inverseGlobal: Number.POSITIVE_INFINITY });
      expect(toNumbers(off)).toEqual({ retain: 1, stepSize: 0.5 });
    });
  });

  it("MIRAS Eq. 20: simplexViolation is zero on the simplex, and tells of a wrong sum and of negative entries", () => {
    scope(() => {
      const of = (weights: Matrix, options = {}) => toNumbers(simplexViolation(toTensor(weights), options));
      expectClose(
        of(
          [
            [0.25, 0.75],
            [0.5, 0.5],
          ],
          { total: 2 },
        ),
        [[0]],
      );
      expectClose(
        of(
          [
            [0.25, 0.5],
            [0.5, 1],
          ],
          { slice: "row" },
        ),
        [[0.25], [0.5]],
      );
      expectClose(
        of(
          [
            [-0.5, 1.5],
            [0.5, 0.5],
          ],
          { slice: "row" },
        ),
        [[0.5], [0]],
      );
      expectClose(of([[1, 2]], { total: toTensor([[3]]) }), [[0]]);
    });
  });

  it("MIRAS Eq. 20-21: softmaxUpdate leaves simplexViolation zero over 1000 random steps in float32", () => {
    scope(() => {
      const options = { slice: "row", total: 2.5 } as const;
      const step = jit((logs: Tensor, g: Tensor) => softmaxUpdate(logs, g, { retain: 0.97, stepSize: 0.3 }, "row"));
      let logs = np.log(toTensor(previous));
      let worst = 0;
      for (let t = 0; t < 1000; t++) {
        logs = step(logs, toTensor(random.normalMatrix(3, 4)));
        if (t % 100 === 99) {
          const weights = simplexWeights(logs, options);
          worst = Math.max(worst, ...readSync(simplexViolation(weights, options)));
          expect(Math.min(...readSync(weights))).toBeGreaterThan(0);
        }
      }
      expect(worst).toBeLessThan(1e-6);
    });
  });

  it("MIRAS Eq. 21: softmaxUpdate keeps logarithms finite for gradients of 1e4, so that an entry too small for float32 comes back", () => {
    scope(() => {
      const push = [[1e4, -1e4, 3]];
      const gates = { retain: 1, stepSize: 1 };
      const gone = softmaxUpdate(np.zeros([1, 3]), toTensor(push), gates);
      expect([...readSync(gone)].every(Number.isFinite)).toBe(true);
      expectClose(simplexWeights(gone), [[0, 1, 0]]);
      const back = softmaxUpdate(gone, toTensor(scaleMatrix(-1, push)), gates);
      // Logarithms of 2e4 are kept to 1e-3.
      expectClose(simplexWeights(back), [[1 / 3, 1 / 3, 1 / 3]], 2e-3);

      // The same on weights loses the entry for good.
      const sharp = { stepSize: 1, inverseGlobal: Number.POSITIVE_INFINITY };
      const lost = klUpdate(toTensor([[1 / 3, 1 / 3, 1 / 3]]), toTensor(push), sharp);
      expect(toNumbers(klUpdate(lost, toTensor(scaleMatrix(-1, push)), sharp))).toEqual([[0, 1, 0]]);

      // Within the range of float32 every weight is positive.
      const small = softmaxUpdate(np.zeros([1, 3]), toTensor(push), { retain: 1, stepSize: 0.004 });
      expect(Math.min(...readSync(simplexWeights(small)))).toBeGreaterThan(0);
    });
  });

  it("MIRAS Eq. 21: softmaxUpdate without a gradient tends to equal weights if it forgets, and keeps them if not", () => {
    scope(() => {
      let logs = np.log(toTensor(previous));
      for (let t = 0; t < 60; t++) logs = softmaxUpdate(logs, np.zeros([3, 4]), { retain: 0.7, stepSize: 1 });
      expectClose(
        simplexWeights(logs, { total: 6 }),
        scaleMatrix(0, previous).map((row) => row.map(() => 0.5)),
      );
      const kept = softmaxUpdate(np.log(toTensor(previous)), np.zeros([3, 4]), { retain: 1, stepSize: 1 });
      expectClose(simplexWeights(kept, { total: 3 }), previous);
    });
  });

  it("refuses a total that is not positive and an unknown slice", () => {
    expect(() => klRetention({ total: 0 })).toThrow(ConfigError);
    expect(() => klRetention({ slice: "column" as never })).toThrow(ConfigError);
  });
});

describeNative("retention by relative entropy in float64", () => {
  const whole = (w: Tensor, g: Tensor, eta: Tensor, alpha: Tensor) =>
    klUpdate(w, g, { stepSize: eta, inverseGlobal: alpha }, { total: 2 });

  it("MIRAS Eq. 21: klUpdate and softmaxUpdate give the reference's examples to all ten digits", async () => {
    const next = await exactly(whole, simplex, exampleSimplexGradient, [[0.5]], [[2]]);
    expect(distance(next, fixtures.whole)).toBeLessThan(1e-10);
    const step = (w: Matrix, g: Matrix, retain: number, stepSize: number) =>
      exactly((logs, g_) => nn.softmax(softmaxUpdate(np.log(logs!), g_!, { retain, stepSize }, "row"), -1), w, g);
    expect(distance(await step(simplex, exampleSimplexGradient, 0.9, 0.5), fixtures.rows)).toBeLessThan(1e-10);
    let weights: Matrix = simplex;
    const { keys, values, retain, stepSize } = threeTokens;
    for (let t = 0; t < 3; t++) {
      weights = await step(weights, squaredErrorGradient(weights, keys[t]!, values[t]!), retain[t]!, stepSize[t]!);
      if (t === 0) expect(distance(weights, fixtures.firstToken)).toBeLessThan(1e-10);
    }
    expect(distance(weights, fixtures.threeTokens)).toBeLessThan(1e-10);
  });

  it("MIRAS Eq. 19: klObjective is the sum in plain numbers, for the matrix and for rows", async () => {
    const at = randomSimplexRows(843, 3, 4);
    const of = (slice: "row" | "matrix") =>
      exactly((w, p, g) => klObjective(w!, p!, g!, { stepSize: 0.7, inverseGlobal: 3 }, slice), at, previous, gradient);
    const byRow = at.map((row, i) => [plainObjective(row, previous[i]!, gradient[i]!, 0.7, 3)]);
    expect(distance(await of("row"), byRow)).toBeLessThan(1e-14);
    expect(distance(await of("matrix"), [[byRow.flat().reduce((a, b) => a + b, 0)]])).toBeLessThan(1e-14);
  });

  it("MIRAS Eq. 19-21: klUpdate is where klObjective is level on the simplex, without simplexViolation", async () => {
    const [next, slopes, [[violation]]] = await exactly<[Matrix, Matrix, [[number]]]>(
      (w, g, eta, alpha) => {
        const weights = whole(w!, g!, eta!, alpha!);
        const objective = (at: Tensor) => np.sum(klObjective(at, w!, g!, { stepSize: eta!, inverseGlobal: alpha! }));
        return [weights, grad(objective)(weights), simplexViolation(weights, { total: 2 })];
      },
      previous,
      gradient,
      [[0.5]],
      [[2]],
    );
    expect(violation).toBeLessThan(1e-15);
    expect(Math.max(...slopes.flat()) - Math.min(...slopes.flat())).toBeLessThan(1e-13);
    const plain = next.map((row, i) =>
      row.map((w, j) => gradient[i]![j]! + (Math.log(w / previous[i]![j]!) + 1) / 0.5 + (Math.log(w) + 1) / 2),
    );
    expect(distance(slopes, plain)).toBeLessThan(1e-13);
  });

  it("MIRAS Eq. 21: klUpdate is the minimum that a search by values alone finds", async () => {
    const [next] = await exactly((w, g) => klUpdate(w!, g!, printed), [previous[0]!], [gradient[0]!]);
    const least = minimizeOnSimplex((w) => plainObjective(w, previous[0]!, gradient[0]!, 0.5, 2), previous[0]!);
    expect(distance(least, next!)).toBeLessThan(1e-6);
  });

  it("MIRAS Eq. 21: softmaxUpdate with gates that differ inside a slice is not the minimum; with gates a row it is", async () => {
    // Inverse weights a column: lambda and eta' of each entry differ inside a row.
    const eta = [0.2, 0.5, 0.9, 1.5];
    const alpha = 2;
    const [row] = await exactly(
      (w, g, e, a) => {
        const gates = klCoefficients({ stepSize: e!, inverseGlobal: a! });
        return simplexWeights(softmaxUpdate(np.log(w!), g!, gates, "row"), { slice: "row" });
      },
      [previous[0]!],
      [gradient[0]!],
      [eta],
      [[alpha]],
    );
    const entry = (x: number, j: number) => plainObjective([x], [previous[0]![j]!], [gradient[0]![j]!], eta[j]!, alpha);
    const objective = (w: number[]) => w.reduce((sum, x, j) => sum + entry(x, j), 0);
    const least = minimizeOnSimplex(objective, previous[0]!);
    expect(distance(least, row!)).toBeGreaterThan(0.01);

    const rates = [[0.2], [0.9], [1.5]];
    const next = await exactly(
      (w, g, e) => klUpdate(w!, g!, { stepSize: e!, inverseGlobal: alpha }, { slice: "row" }),
      previous,
      gradient,
      rates,
    );
    for (const [i, one] of next.entries()) {
      const ofRow = (w: number[]) => plainObjective(w, previous[i]!, gradient[i]!, rates[i]![0]!, alpha);
      expect(distance(minimizeOnSimplex(ofRow, previous[i]!), one)).toBeLessThan(1e-6);
    }
  });

  it("MIRAS Eq. 21: softmaxUpdate over ten tokens on logarithms is klUpdate's literal formula", async () => {
    const gradients = Array.from({ length: 10 }, () => random.normalMatrix(3, 4));
    const difference = await exactly<number>(
      (w, gs, eta) => {
        const weights = { stepSize: eta!, inverseGlobal: 5 };
        const gates = klCoefficients(weights);
        let literal = np.multiply(w!, 1.5);
        let logs = np.log(w!);
        for (let t = 0; t < 10; t++) {
          const g = slice(gs!, t);
          literal = klUpdate(literal, g, weights, { slice: "row", total: 1.5 });
          logs = softmaxUpdate(logs, g, gates, "row");
        }
        return np.max(np.abs(np.subtract(simplexWeights(logs, { slice: "row", total: 1.5 }), literal)));
      },
      previous,
      gradients,
      [[0.4]],
    );
    expect(difference).toBeLessThan(1e-14);
  });

  it("MIRAS Eq. 19; MIRAS Eq. 21: klObjective, klUpdate, klCoefficients and softmaxUpdate have the derivatives of differences", async () => {
    const gates = [[[0.7]], [[3]]];
    for (const slice of ["row", "matrix"] as const) {
      await expectDerivatives(
        (w, g, stepSize, inverseGlobal, total) =>
          klUpdate(w!, g!, { stepSize: stepSize!, inverseGlobal: inverseGlobal! }, { slice, total: total! }),
        [previous, gradient, ...gates, [[1.4]]],
      );
      await expectDerivatives(
        (logs, g, retain, stepSize) => softmaxUpdate(logs!, g!, { retain: retain!, stepSize: stepSize! }, slice),
        [gradient, previous, [[0.8]], [[0.5]]],
      );
      await expectDerivatives(
        (w, p, g, stepSize, inverseGlobal) =>
          klObjective(w!, p!, g!, { stepSize: stepSize!, inverseGlobal: inverseGlobal! }, slice),
        [randomSimplexRows(844, 3, 4), previous, gradient, ...gates],
      );
    }
  });
});
