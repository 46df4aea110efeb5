/** Every retention gate through the interface that the engine uses, against its own rule for one token. */
import { describe, expect, it } from "vitest";
import { jit, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import type { NonlinearRetention } from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import { type Matrix, randomSource } from "../oracles/index.ts";
import { distance, exactly, expectDerivatives } from "./exact.ts";
import { retentionCases, throughInterface } from "./retention-cases.ts";

const random = randomSource(871);
const parameter = random.normalMatrix(3, 4);
const gradients = Array.from({ length: 3 }, () => random.normalMatrix(3, 4));
const [retain, stepSize] = [[0.9], [0.4]];
const names = Object.keys(retentionCases);

/** The interface after a chunk of `length` tokens from where a parameter starts. */
function afterChunk(retention: NonlinearRetention, length: number, args: readonly (Tensor | undefined)[]) {
  const [theta, gs, keep, step] = args as [Tensor, Tensor, Tensor, Tensor];
  const tokens = Array.from({ length }, (_, t) => ({ gradient: slice(gs, t), retain: keep, stepSize: step }));
  return throughInterface(retention, retention.start(theta), tokens);
}

describe("retention gates in chunks of one token, in float32", () => {
  it.each(names)("%s: compiled, they are their rule", (name) => {
    scope(() => {
      const { retention, rule } = retentionCases[name]!;
      const [actual, expected] = jit((theta: Tensor, g: Tensor) => {
        const gates = { retain: np.full([1, 1], 0.9), stepSize: np.full([1, 1], 0.4) };
        const state = retention.start(theta);
        const { weights } = throughInterface(retention, state, [{ gradient: g, ...gates }]);
        return [weights[0]!, rule(state, g, gates.retain, gates.stepSize)];
      })(toTensor(parameter), toTensor(gradients[0]!)) as [Tensor, Tensor];
      // Rules with a logarithm start from weights, gates from coordinates: the reference engine's logarithm is good to 1e-5.
      expectClose(actual, expected, 1e-5);
    });
  });
});

describeNative("retention gates in float64", () => {
  const args = [parameter, gradients, [retain], [stepSize]];

  it.each(names)(
    "%s: chunks of one token are the rule, and carry on the state that the next one needs",
    async (name) => {
      const { retention, rule } = retentionCases[name]!;
      const run = await exactly<Matrix[]>(
        (theta, gs, keep, step) => {
          let state = retention.start(theta!);
          return [0, 1, 2].flatMap((t) => {
            const gradient = slice(gs!, t);
            const { weights, next } = throughInterface(retention, state, [
              { gradient, retain: keep!, stepSize: step! },
            ]);
            const expected = rule(state, gradient, keep!, step!);
            state = next;
            // Reading without a token gives the weights that were carried on.
            const idle = retention.weights(retention.accumulator(state), state);
            return [weights[0]!, expected, idle];
          });
        },
        ...args,
      );
      for (const t of [0, 1, 2]) {
        const [actual, expected, idle] = run.slice(3 * t, 3 * t + 3) as [Matrix, Matrix, Matrix];
        expect(distance(actual, expected)).toBeLessThan(1e-14);
        expect(distance(idle, actual)).toBeLessThan(1e-14);
      }
    },
  );

  it.each(names)(
    "%s: a chunk of three tokens with known gradients is three steps if its rule adds up, and not otherwise",
    async (name) => {
      const { retention, chunksExactly } = retentionCases[name]!;
      const [chunked, stepped] = await exactly<[Matrix, Matrix]>(
        (theta, gs, keep, step) => {
          const { weights } = afterChunk(retention, 3, [theta, gs, keep, step]);
          let state = retention.start(theta!);
          let last = state;
          for (const t of [0, 1, 2]) {
            const token = { gradient: slice(gs!, t), retain: keep!, stepSize: step! };
            const single = throughInterface(retention, state, [token]);
            [state, last] = [single.next, single.weights[0]!];
          }
          return [weights.at(-1)!, last];
        },
        ...args,
      );
      if (chunksExactly) expect(distance(chunked, stepped)).toBeLessThan(1e-13);
      else expect(distance(chunked, stepped)).toBeGreaterThan(1e-3);
    },
  );

  it("elastic net: a chunk is three steps for entries that stay on one side of zero", async () => {
    const { retention } = retentionCases["elastic net"]!;
    const far = parameter.map((row) => row.map((w) => w + 4 * Math.sign(w)));
    const [chunked, stepped] = await exactly<[Matrix, Matrix]>(
      (theta, gs, keep, step) => {
        const { next } = afterChunk(retention, 3, [theta, gs, keep, step]);
        let state = theta!;
        for (const t of [0, 1, 2])
          state = throughInterface(retention, state, [
            { gradient: slice(gs!, t), retain: keep!, stepSize: step! },
          ]).next;
        return [next, state];
      },
      far,
      ...args.slice(1),
    );
    expect(distance(chunked, stepped)).toBeLessThan(1e-14);
  });

  it.each(names)("%s: gradients move the weights, and a step of zero with full retention does not", async (name) => {
    const { retention } = retentionCases[name]!;
    const shrinks = name.startsWith("elastic net") && !name.includes("leader");
    const weights = (keep: number, step: number) =>
      exactly(
        (...tensors) => afterChunk(retention, 2, tensors).weights.at(-1)!,
        parameter,
        gradients,
        [[keep]],
        // The smooth threshold divides by what a step adds to it.
        [[shrinks && step === 0 ? 1e-12 : step]],
      );
    const start = await exactly((theta) => {
      const state = retention.start(theta!);
      return retention.weights(retention.accumulator(state), state);
    }, parameter);
    // The native engine's arc tangent is good to float32.
    const tolerance = name.includes("smooth") ? 1e-7 : 1e-10;
    expect(distance(await weights(1, 0), start)).toBeLessThan(tolerance);
    expect(distance(await weights(1, 0.4), start)).toBeGreaterThan(0.02);
    // Forgetting alone changes all but what has no global part.
    const forgotten = distance(await weights(0.5, 0), start);
    if (name.startsWith("f-divergence") || name.includes("q = 3")) return;
    expect(forgotten).toBeGreaterThan(0.02);
  });

  it.each(names)(
    "%s: weights for many tokens at once, over a state without that axis, are those of each",
    async (name) => {
      const { retention } = retentionCases[name]!;
      const [together, apart] = await exactly<[Matrix[], Matrix[]]>(
        (theta, gs) => {
          const state = retention.start(theta!);
          const shrinkage = np.full([1, 1, 1], 0.05);
          const accumulators = np.subtract(retention.accumulator(state), np.multiply(gs!, 0.3));
          const each = [0, 1, 2].map((t) => retention.weights(slice(accumulators, t), state, slice(shrinkage, 0)));
          return [retention.weights(accumulators, np.expandDims(state, 0), shrinkage), np.stack(each)];
        },
        parameter,
        gradients,
      );
      expect(distance(together, apart)).toBeLessThan(1e-14);
    },
  );

  // The derivative of the smooth threshold is compared with plain numbers where its rule is tested.
  const differentiated = names.filter((name) => !name.includes("smooth"));

  it.each(differentiated)("%s: a chunk's weights and state have the derivatives of differences", async (name) => {
    const { retention } = retentionCases[name]!;
    await expectDerivatives(
      (...tensors) => {
        const { weights, next } = afterChunk(retention, 2, tensors);
        return np.add(weights.at(-1)!, np.multiply(next, 0.3));
      },
      [parameter, gradients.slice(0, 2), [retain], [stepSize]],
      1e-6,
    );
  });
});

describe("norms and constraints in float32", () => {
  it.each(names)("%s: 1000 random tokens leave weights finite, and on the simplex where there is one", (name) => {
    scope(() => {
      const { retention } = retentionCases[name]!;
      const step = jit((state: Tensor, g: Tensor) => {
        const gates = { retain: np.full([1, 1], 0.95), stepSize: np.full([1, 1], 0.1) };
        return throughInterface(retention, state, [{ gradient: g, ...gates }]).next;
      });
      let state = retention.start(toTensor(parameter));
      for (let t = 0; t < 1000; t++) state = step(state, toTensor(random.normalMatrix(3, 4)));
      const weights = retention.weights(retention.accumulator(state), state);
      const rows = toNumbers(weights) as Matrix;
      expect(rows.flat().every(Number.isFinite)).toBe(true);
      if (name.startsWith("bregman, logit")) expect(rows.flat().every((w) => w > 0 && w < 1)).toBe(true);
      if (name.startsWith("relative entropy") || name.startsWith("f-divergence")) {
        const sums = name.includes("whole matrix") ? [rows.flat()] : rows;
        const total = name.includes("whole matrix") ? 2 : 1.5;
        for (const slice of sums) {
          expect(Math.abs(slice.reduce((a, b) => a + b, 0) - total)).toBeLessThan(2e-6);
          expect(Math.min(...slice)).toBeGreaterThanOrEqual(0);
        }
      }
      expect([...readSync(state)].every(Number.isFinite)).toBe(true);
    });
  });
});
