import { describe, expect, it } from "vitest";
import {
  detached,
  grad,
  jit,
  np,
  readSync,
  release,
  scope,
  slice,
  type Tensor,
  tensor,
} from "../../src/array/index.ts";
import {
  type AttentionalBias,
  associativeObjective,
  huberBias,
  l2Bias,
  lpBias,
  matrixMemoryStep,
  valueShiftBias,
} from "../../src/miras/index.ts";
import { expectClose, toTensor } from "../common/tensors.ts";
import { wide } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";

const [inputs, outputs] = [6, 4];
const linear = (memory: Tensor) => (keys: Tensor) => np.matmul(keys, np.swapaxes(memory, -1, -2));

function randomPairs(seed: number, count: number): { keys: oracle.Matrix; values: oracle.Matrix } {
  const random = oracle.randomSource(seed);
  return {
    keys: Array.from({ length: count }, () => random.unitVector(inputs)),
    values: random.normalMatrix(count, outputs),
  };
}

/** The objective after some passes of online gradient descent over the pairs, from an empty memory. */
function afterPasses(passes: number, count: number, stepSize: number): number {
  const { keys, values } = randomPairs(121, count);
  const [k, v] = [wide(keys), wide(values)];
  const pass = jit((memory: Tensor, ks: Tensor, vs: Tensor, step: Tensor) => {
    let now = memory;
    for (let t = 0; t < count; t++)
      now = matrixMemoryStep(l2Bias(), now, { key: slice(ks, t), value: slice(vs, t), stepSize: step });
    return now;
  });
  const step = wide([stepSize]);
  let memory = np.zeros([outputs, inputs], { dtype: "float64" });
  for (let i = 0; i < passes; i++) {
    const next = detached(() => pass(memory, k, v, step));
    release(memory);
    memory = next;
  }
  const objective = scope(
    () => readSync(associativeObjective(l2Bias(), linear(memory), { keys: k, values: v }, "sum"))[0]!,
  );
  release(memory, k, v, step);
  return objective;
}

describe("the objective of an associative memory", () => {
  it("MIRAS Eq. 4: associativeObjective is the mean or the sum of the bias over the pairs", () => {
    scope(() => {
      const { keys, values } = randomPairs(122, 5);
      const memory = oracle.randomSource(123).normalMatrix(outputs, inputs);
      const losses = keys.map((key, i) => {
        const r = oracle.subtract(oracle.matVec(memory, key), values[i]!);
        return oracle.dot(r, r) / 2;
      });
      const sum = losses.reduce((total, loss) => total + loss, 0);
      const objective = (reduction?: "mean" | "sum") =>
        associativeObjective(l2Bias(), linear(wide(memory)), { keys: wide(keys), values: wide(values) }, reduction);
      expectClose(objective("sum"), sum, 1e-14);
      expectClose(objective("mean"), sum / 5, 1e-14);
      expectClose(objective(), sum / 5, 1e-14);
    });
  });

  it("MIRAS Eq. 4: associativeObjective is one number a memory", () => {
    scope(() => {
      const [first, second] = [randomPairs(124, 3), randomPairs(125, 3)];
      const memories = [0, 1].map((i) => oracle.randomSource(126 + i).normalMatrix(outputs, inputs));
      const pairs = { keys: toTensor([first.keys, second.keys]), values: toTensor([first.values, second.values]) };
      const both = associativeObjective(l2Bias(), linear(toTensor(memories)), pairs);
      expect(both.shape).toEqual([2]);
      const each = [first, second].map(({ keys, values }, i) => {
        const alone = { keys: toTensor(keys), values: toTensor(values) };
        return readSync(associativeObjective(l2Bias(), linear(toTensor(memories[i]!)), alone))[0]!;
      });
      expectClose(both, each);
    });
  });

  it("MIRAS Eq. 4: associativeObjective passes the threshold on, and the choice of bias matters", () => {
    scope(() => {
      const { keys, values } = randomPairs(127, 4);
      const objective = (bias: AttentionalBias, threshold?: number[][]) =>
        readSync(
          associativeObjective(bias, linear(np.zeros([outputs, inputs])), {
            keys: toTensor(keys),
            values: toTensor(values),
            ...(threshold === undefined ? {} : { threshold: toTensor(threshold) }),
          }),
        )[0]!;
      const coordinate = huberBias({ form: "coordinate" });
      const [narrow, wider] = [
        [[0.1], [0.2], [0.3], [0.4]],
        [[9], [9], [9], [9]],
      ];
      expect(objective(coordinate, narrow)).toBeLessThan(objective(coordinate, wider));
      expect(() => objective(coordinate)).toThrow("got no threshold");
      const all = [objective(l2Bias()), objective(lpBias({ p: 3 })), objective(valueShiftBias({ radius: 1 }))];
      expect(new Set(all).size).toBe(3);
    });
  });

  it("MIRAS Eq. 4: associativeObjective has as gradient the sum of the pairs' errors times their keys", () => {
    scope(() => {
      const { keys, values } = randomPairs(128, 5);
      const memory = oracle.randomSource(129).normalMatrix(outputs, inputs);
      const pairs = { keys: wide(keys), values: wide(values) };
      const gradient = grad((w: Tensor) => associativeObjective(l2Bias(), linear(w), pairs, "sum"))(wide(memory));
      const expected = keys
        .map((key, i) => oracle.outer(oracle.subtract(oracle.matVec(memory, key), values[i]!), key))
        .reduce(oracle.addMatrix);
      expectClose(gradient, expected, 1e-13);
    });
  });

  it("MIRAS Eq. 4: associativeObjective goes to 0 under passes of gradient descent over fewer independent pairs than channels", () => {
    const start = afterPasses(0, 4, 0.5);
    expect(start).toBeGreaterThan(1);
    expect(afterPasses(300, 4, 0.5)).toBeLessThan(1e-20);
    // Without steps nothing is learned, and twelve pairs in six channels cannot all be held.
    expect(afterPasses(300, 4, 0)).toBe(start);
    expect(afterPasses(300, 12, 0.5)).toBeGreaterThan(0.1);
  });

  it("refuses an unknown reduction", () => {
    scope(() => {
      const pairs = { keys: np.ones([1, 2]), values: np.ones([1, 2]) };
      expect(() => associativeObjective(l2Bias(), (keys) => keys, pairs, "max" as never)).toThrow(
        'losses of pairs cannot be reduced by "max" (valid: mean, sum)',
      );
    });
  });

  it("a step of size 1 on a unit key overwrites what the key held, and writing the pair again changes nothing", () => {
    scope(() => {
      const memory = tensor([0.5, -0.2, 0.1, 0.3, 0.4, -0.6], [2, 3]);
      const write = { key: tensor([0.6, 0, 0.8]), value: tensor([1, -0.5]), stepSize: tensor([1]) };
      const once = matrixMemoryStep(l2Bias(), memory, write);
      expectClose(np.matmul(once, write.key), [1, -0.5]);
      expectClose(matrixMemoryStep(l2Bias(), once, write), once);
    });
  });
});
