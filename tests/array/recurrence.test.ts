/** Back-propagation through time: the gradient of a recurrence is that of its steps written one after another in one function. */
import { describe, expect, it } from "vitest";
import {
  detached,
  type Engine,
  leaves,
  liveTensors,
  mapTree,
  namedLeaves,
  np,
  type RecurrentStep,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/array/index.ts";
import type { Preparation } from "../../src/array/native/index.ts";
import { recurrenceOf, type StepGroup } from "../../src/array/recurrence.ts";
import { hasNative, nativeEngine, randomTensor } from "./native/support.ts";

type Params = { readonly inward: Tensor; readonly recurrent: Tensor; readonly start: Tensor };
type State = { readonly hidden: Tensor; readonly sums: Tensor; readonly fixed: Tensor };
type Input = { readonly x: Tensor; readonly weight: Tensor };

/** Parameters that all steps share a function of, one that no step uses, state that steps read and never change, and a product of both. */
const step: RecurrentStep<Params, State, Input> = (params, state, { x, weight }) => {
  const recurrent = np.divide(params.recurrent, np.sqrt(np.sum(np.square(params.recurrent))));
  const hidden = np.tanh(np.add(np.matmul(x, params.inward), np.matmul(state.hidden, recurrent)));
  const sums = np.add(np.multiply(state.sums, 0.9), np.matmul(np.transpose(hidden), x));
  const output = np.multiply(np.add(np.matmul(x, np.transpose(sums)), state.fixed), hidden);
  return [np.sum(np.multiply(np.sum(np.square(output), -1), weight)), { hidden, sums, fixed: state.fixed }];
};

const [batch, features, size] = [3, 4, 5];
const params = {
  inward: randomTensor([features, size], 1),
  recurrent: randomTensor([size, size], 2),
  start: randomTensor([2], 3),
};
const state = {
  hidden: randomTensor([batch, size], 4),
  sums: randomTensor([size, features], 5),
  fixed: randomTensor([batch, size], 6),
};
const accumulated = {
  inward: randomTensor([features, size], 7),
  recurrent: randomTensor([size, size], 8),
  start: randomTensor([2], 9),
};
const inputs = Array.from({ length: 5 }, (_, t) => ({
  x: randomTensor([batch, features], 10 + t),
  weight: randomTensor([batch], 20 + t),
}));
const scale = 0.25;

function numbersOf(tree: Params | State): number[] {
  return leaves(tree).flatMap((leaf) => [...readSync(leaf)]);
}

/** Cost and gradients of the steps written out, gradients of parameters added to what there was. */
function writtenOut(steps: readonly Input[]) {
  return scope(() => {
    const total = (both: { params: Params; state: State }) => {
      let current = both.state;
      let sum: Tensor = np.multiply(np.sum(both.params.start), 0);
      for (const input of steps) {
        const [cost, next] = step(both.params, current, input);
        sum = np.add(sum, cost);
        current = next;
      }
      return np.multiply(sum, scale);
    };
    const [cost, gradients] = valueAndGrad(total)({ params, state });
    const before = numbersOf(accumulated);
    return {
      cost: readSync(cost)[0]! / scale,
      gradients: numbersOf(gradients.params).map((g, i) => g + before[i]!),
      stateGradient: numbersOf(gradients.state),
    };
  });
}

function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  const size = Math.max(1, ...expected.map(Math.abs));
  for (const [i, x] of actual.entries()) expect(Math.abs(x - expected[i]!)).toBeLessThan(tolerance * size);
  expect(actual).toHaveLength(expected.length);
}

const engines: [string, () => Promise<Engine>, number][] = [
  ["wasm", () => startEngine("wasm"), 1e-5],
  ...(hasNative
    ? ([
        ["native", () => nativeEngine(), 1e-5],
        ["native in float64", () => nativeEngine({ precision: "float64" }), 1e-5],
      ] as [string, () => Promise<Engine>, number][])
    : []),
];

describe.each(engines)("a recurrence on %s", (_, start, tolerance) => {
  it.each([1, 2, 5])("has the cost and the gradients of its %i steps written out", async (count) => {
    const engine = await start();
    const recurrence = engine.compileRecurrence({ forward: "there", backward: "back" }, step);
    const steps = inputs.slice(0, count);
    const found = await recurrence.gradients(params, state, steps, scale, accumulated);
    const expected = writtenOut(steps);
    expectClose([found.cost], [expected.cost], tolerance);
    expectClose(numbersOf(found.gradients), expected.gradients, tolerance);
    expectClose(numbersOf(found.stateGradient), expected.stateGradient, tolerance);
    expectClose([await recurrence.cost(params, state, steps)], [expected.cost], tolerance);
    release(found.gradients, found.stateGradient);
    await engine.dispose();
  });

  it("has gradients where the way back needs nothing of the way there, and none without steps", async () => {
    const engine = await start();
    const linear: RecurrentStep<Tensor, Tensor, Tensor> = (w, total, x) => [
      np.sum(np.multiply(w, x)),
      np.add(total, x),
    ];
    const recurrence = engine.compileRecurrence({ forward: "there", backward: "back" }, linear);
    const [w, total, sum] = [tensor([2, 3]), tensor([0, 0]), tensor([10, 20])];
    const steps = [tensor([1, 0]), tensor([0, 1]), tensor([4, 5])];
    const found = await recurrence.gradients(w, total, steps, 0.5, sum);
    expect(found.cost).toBe(2 + 3 + 8 + 15);
    expect([...readSync(found.gradients)]).toEqual([10 + 0.5 * 5, 20 + 0.5 * 6]);
    expect([...readSync(found.stateGradient)]).toEqual([0, 0]);
    const none = await recurrence.gradients(w, total, [], 0.5, sum);
    expect([none.cost, ...readSync(none.gradients), ...readSync(none.stateGradient)]).toEqual([0, 10, 20, 0, 0]);
    expect(await recurrence.cost(w, total, [])).toBe(0);
    expect([...readSync(total)]).toEqual([0, 0]);
    release(found.gradients, found.stateGradient, none.gradients, none.stateGradient, w, total, sum, steps);
    await engine.dispose();
  });

  it("gives the same numbers again, and keeps no tensor", async () => {
    const engine = await start();
    const recurrence = engine.compileRecurrence({ forward: "there", backward: "back" }, step);
    const once = async () => {
      const found = await recurrence.gradients(params, state, inputs, scale, accumulated);
      const numbers = [found.cost, ...numbersOf(found.gradients), ...numbersOf(found.stateGradient)];
      release(found.gradients, found.stateGradient);
      return numbers;
    };
    const first = await once();
    const before = liveTensors();
    expect(await once()).toEqual(first);
    expect(liveTensors()).toBe(before);
    await engine.dispose();
  });

  it("says that its engine is gone", async () => {
    const engine = await start();
    const recurrence = engine.compileRecurrence({ forward: "there", backward: "back" }, step);
    await engine.dispose();
    await expect(recurrence.gradients(params, state, inputs, scale, accumulated)).rejects.toThrow("disposed");
  });
});

describe.skipIf(!hasNative)("a recurrence on the native engine", () => {
  it("runs all steps in one call, of which each has only the products of one pass there and one back", async () => {
    const prepared: Preparation[] = [];
    const calls: string[] = [];
    const engine = await nativeEngine({
      onPrepared: (preparation) => prepared.push(preparation),
      onCall: (name, steps) => calls.push(`${name} ${steps}`),
    });
    const recurrence = engine.compileRecurrence({ forward: "there", backward: "back" }, step);
    const found = await recurrence.gradients(params, state, inputs, scale, accumulated);
    expect(calls).toEqual(["back 5"]);
    // There: the new hidden state from inputs and hidden state, the sums written and read. Back: all factors but the inputs are owed something.
    const [inward, recurrent] = [batch * features * size, batch * size * size];
    const products = 3 * inward + recurrent + (3 * inward + 2 * recurrent);
    // Sums of products over everything: the weighted cost, and what the norm of the recurrent matrix is owed. The norm itself all steps share.
    const sums = batch + size * size;
    expect(prepared.map(({ matrixFlops }) => matrixFlops)).toEqual([2 * (products + sums)]);
    release(found.gradients, found.stateGradient);
    await engine.dispose();
  });
});

describe.skipIf(!hasNative)("a recurrence on the native engine in float64", () => {
  it("agrees with finite differences to 1e-6", async () => {
    const engine = await nativeEngine({ precision: "float64" });
    const recurrence = engine.compileRecurrence({ forward: "there", backward: "back" }, step);
    const zeros = scope(() => mapTree(params, (leaf) => np.zerosLike(leaf)));
    const { gradients, stateGradient } = await recurrence.gradients(params, state, inputs, 1, zeros);
    const owed = { params: gradients, state: stateGradient };
    for (const [path, leaf] of namedLeaves({ params, state })) {
      const numbers = readSync(leaf);
      const found = readSync(namedLeaves(owed).get(path)!);
      for (const i of [0, numbers.length - 1]) {
        /** The cost with one number moved, and by how much it moves in float32. */
        const moved = async (by: number) => {
          const other = Float32Array.from(numbers);
          other[i]! += by;
          const given = mapTree({ params, state }, (kept, at) => (at === path ? tensor(other, leaf.shape) : kept));
          return [await recurrence.cost(given.params, given.state, inputs), other[i]!] as const;
        };
        const slope = async (by: number) => {
          const [[above, right], [below, left]] = [await moved(by), await moved(-by)];
          return (above - below) / (right - left);
        };
        // Two steps of difference, so that what is left of the error is of the fourth order.
        const [near, far] = [await slope(2 ** -9), await slope(2 ** -8)];
        expect(Math.abs(found[i]! - (4 * near - far) / 3), path).toBeLessThan(1e-6 * Math.max(1, Math.abs(found[i]!)));
      }
    }
    release(zeros, gradients, stateGradient);
    await engine.dispose();
  });
});

describe("groups of steps", () => {
  /** x -> a x + u, which costs x each time before it changes: all sums can be written down. */
  const [a, first, us] = [0.5, 2, [1, -1, 3, 0, 2]];
  const numbered = (x: number) => detached(() => np.array(x));

  it.each([1, 2, 3, 5, 9])(
    "of at most %i give the same gradients, and pass over all groups but the last twice",
    async (most) => {
      const calls: string[] = [];
      const number = (tensor: Tensor) => readSync(tensor)[0]!;
      const forward = async (_: Tensor, x: Tensor, u: Tensor) => {
        calls.push("there");
        return { cost: numbered(number(x)), state: numbered(a * number(x) + number(u)) };
      };
      const group: StepGroup<Tensor, Tensor, Tensor> = {
        size: most,
        async run(_, x, inputs, factor, stateGradient, accumulated) {
          calls.push(`${inputs.length} back`);
          let [current, cost] = [number(x), 0];
          for (const u of inputs) [cost, current] = [cost + current, a * current + number(u)];
          let owed = number(stateGradient);
          let sum = number(accumulated);
          for (const _ of inputs) {
            sum += owed;
            owed = a * owed + number(factor);
          }
          return { cost: numbered(cost), stateGradient: numbered(owed), gradients: numbered(sum) };
        },
      };
      const [zero, x] = [numbered(0), numbered(first)];
      const tensors = us.map(numbered);
      const recurrence = recurrenceOf(forward, async () => group);
      const found = await recurrence.gradients(zero, x, tensors, 1, zero);
      // x = 2, 2, 0, 3, 1.5; each x is owed 1 + a + a^2 ... of what comes after it, and the gradient is the sum of what the steps passed on.
      expect(found.cost).toBeCloseTo(2 + 2 + 0 + 3 + 1.5, 12);
      expect(number(found.stateGradient)).toBeCloseTo(1 + 0.5 + 0.25 + 0.125 + 0.0625, 6);
      expect(number(found.gradients)).toBeCloseTo(0 + 1 + 1.5 + 1.75 + 1.875, 6);
      const sizes = { 1: [1, 1, 1, 1, 1], 2: [1, 2, 2], 3: [2, 3], 5: [5], 9: [5] }[most]!;
      const again = sizes.slice(0, -1).reduce((sum, n) => sum + n, 0);
      expect(calls).toEqual([...new Array(again).fill("there"), ...sizes.toReversed().map((n) => `${n} back`)]);
      release(zero, x, tensors, found.stateGradient, found.gradients);
    },
  );
});
