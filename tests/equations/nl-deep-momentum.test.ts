import { describe, expect, it } from "vitest";
import { np, scope, type Tensor } from "../../src/array/index.ts";
import {
  type DeepMomentumRule,
  decayedMomentum,
  deepMomentumStep,
  descendingPair,
  literalPair,
  muonStep,
} from "../../src/nl/index.ts";
import { newtonSchulz } from "../../src/optim/index.ts";
import { describeNative } from "../array/native/support.ts";
import { exact, expectExact, inFloat64, inner, matrixOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(50);
const gates = { retain: 0.8, stepSize: 0.3 };
const zero = oracle.zeroMatrix(3, 4);

/** A linear memory that is its own answer. */
const stateRead: DeepMomentumRule<Tensor> = {
  loss: (memory, gradient) => np.sum(np.multiply(memory, gradient)),
  read: (memory) => memory,
};

type Memory = { readonly inner: Tensor; readonly outer: Tensor };
const perceptron = ({ inner, outer }: Memory, u: Tensor) =>
  np.matmul(np.tanh(np.matmul(u, np.swapaxes(inner, 0, 1))), np.swapaxes(outer, 0, 1));

describe("deep momentum", () => {
  it("NL Eq. 50, 52: deepMomentumStep with a linear memory that returns itself is plain momentum, and with Newton-Schulz Muon", () => {
    scope(() => {
      let [memory, m, muon] = [exact(zero), exact(zero), exact(zero)];
      const start = exact(random.normalMatrix(3, 4));
      let [weights, plain, orthogonal, muonWeights] = [start, start, start, start];
      for (let step = 0; step < 4; step++) {
        const u = exact(random.normalMatrix(3, 4));
        const withOutput = { ...stateRead, output: (read: Tensor) => newtonSchulz(read, 5, "cubic") };
        orthogonal = deepMomentumStep(orthogonal, memory, u, withOutput, gates).weights;
        ({ weights, memory } = deepMomentumStep(weights, memory, u, stateRead, gates));
        m = decayedMomentum(m, u, gates);
        plain = np.add(plain, m);
        ({ weights: muonWeights, momentum: muon } = muonStep(muonWeights, muon, u, gates));
        expectExact(weights, matrixOf(plain));
        expectExact(orthogonal, matrixOf(muonWeights));
        expectExact(memory, matrixOf(m));
      }
    });
  });

  it("NL Eq. 50: deepMomentumStep with the paper's loss and read moves every weight down, whatever the gradient's sign", () => {
    scope(() => {
      const rule = literalPair((memory: Tensor, gradient: Tensor) => np.multiply(memory, gradient));
      const u = random.normalMatrix(3, 4);
      const moved = matrixOf(deepMomentumStep(exact(zero), exact(zero), exact(u), rule, gates).weights);
      expectExact(
        exact(moved),
        u.map((row) => row.map((value) => -0.3 * value * value)),
      );
      const ascends = moved.flat().filter((change, i) => change * u.flat()[i]! > 0);
      expect(ascends.length).toBeGreaterThan(0);
      // The pair that descends: an element-wise memory there answers with the other sign than the gradient.
      const descending = descendingPair((memory: Tensor, gradient: Tensor) => np.multiply(memory, gradient));
      const down = matrixOf(deepMomentumStep(exact(zero), exact(zero), exact(u), descending, gates).weights);
      expect(down.flat().every((change, i) => change * u.flat()[i]! <= 0)).toBe(true);
    });
  });
});

describeNative("deep momentum with a perceptron, in float64", () => {
  const memory = { inner: random.normalMatrix(5, 4, 0.5), outer: random.normalMatrix(4, 5, 0.5) };
  const answer = ({ inner, outer }: typeof memory, u: oracle.Matrix) =>
    u.map((row) => oracle.matVec(outer, oracle.matVec(inner, row).map(Math.tanh)));

  it.each(["descending", "literal"] as const)(
    "NL Eq. 50: deepMomentumStep takes a step on the memory's loss, by finite differences, and reads what it has learnt: %s",
    async (kind) => {
      const [w, u] = [random.normalMatrix(3, 4), random.normalMatrix(3, 4)];
      const loss = (at: typeof memory) =>
        kind === "literal"
          ? oracle.flatten(answer(at, u)).reduce((a, b) => a + b)
          : oracle.treeNorm(oracle.addMatrix(answer(at, u), u)) ** 2 / 2;
      const rule = kind === "literal" ? literalPair(perceptron) : descendingPair(perceptron);
      const found = await inFloat64(
        (weights: Tensor, inner: Tensor, outer: Tensor, gradient: Tensor) =>
          deepMomentumStep(weights, { inner, outer }, gradient, rule, gates),
        exact(w),
        exact(memory.inner),
        exact(memory.outer),
        exact(u),
      );
      const slope = oracle.centralGradientTree(loss, memory, { richardson: true });
      const next = oracle.combine(0.8, memory, -0.3, slope);
      const expected = { memory: next, weights: oracle.addMatrix(w, answer(next, u)) };
      expect(oracle.maxDifference(found, expected)).toBeLessThan(1e-9);
    },
  );

  it("NL Eq. 50: deepMomentumStep with the descending pair lowers a quadratic, and its answers point downhill after a few steps", async () => {
    const rule = descendingPair(perceptron);
    // Half the squared distance from a target; the read is scaled by 0.05 through the output map.
    const target = random.normalMatrix(3, 4);
    const found = await inFloat64(
      (start: Tensor, inner: Tensor, outer: Tensor, goal: Tensor) => {
        let state = { weights: start, memory: { inner, outer } as Memory };
        const changes: Tensor[] = [];
        for (let step = 0; step < 60; step++) {
          const u = np.subtract(state.weights, goal);
          const output = (read: Tensor) => np.multiply(0.05, read);
          const next = deepMomentumStep(
            state.weights,
            state.memory,
            u,
            { ...rule, output },
            { retain: 1, stepSize: 0.1 },
          );
          changes.push(np.sum(np.multiply(np.subtract(next.weights, state.weights), u)));
          state = next;
        }
        return { weights: state.weights, changes: np.stack(changes) };
      },
      exact(zero),
      exact(memory.inner),
      exact(memory.outer),
      exact(target),
    );
    const { weights, changes } = found as { weights: oracle.Matrix; changes: oracle.Vector };
    const difference = oracle.addMatrix(weights, oracle.scaleMatrix(-1, target));
    expect(inner(difference, difference)).toBeLessThan(0.3 * inner(target, target));
    expect(changes.slice(10).every((along) => along < 0)).toBe(true);
  });
});
