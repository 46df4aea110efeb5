import { describe, expect, it } from "vitest";
import { centralGradientTree } from "./finite-differences.ts";
import { dot, matVec, scale, subtract } from "./matrix.ts";
import { type MemoryWeights, memoryForward, memoryGradientByDifferences, randomMemory } from "./memory-mlp.ts";
import { randomSource } from "./random.ts";
import { initialMemoryState, type MemorySequence, sliceSequence, titansRecurrence } from "./titans.ts";
import { combine, maxDifference, treeNorm, zerosLike } from "./tree.ts";

const random = randomSource(11);
const width = 4;
const constant = (length: number, value: number): number[] => new Array<number>(length).fill(value);

const randomSequence = (length: number): MemorySequence => ({
  keys: Array.from({ length }, () => random.unitVector(width)),
  values: random.normalMatrix(length, width),
  queries: Array.from({ length }, () => random.unitVector(width)),
  forget: random.uniformVector(length, 0, 0.3),
  momentum: random.uniformVector(length, 0, 0.9),
  stepSize: random.uniformVector(length, 0.05, 0.4),
});

const linear = { activation: "identity" as const, residual: false, normEpsilon: 0 };
const deep = { activation: "gelu-tanh" as const, residual: true, normEpsilon: 1e-3 };
const online = { network: linear, kappa: 1, chunk: 1, read: "after" as const };
const chunked = { network: deep, kappa: 1, chunk: 4, read: "after" as const };
const matrix = (): MemoryWeights => randomMemory(random, [width, width], false);

describe("oracle: surprise, Eq. 8", () => {
  it.each([
    [1, 1],
    [2, 0.5],
  ])("Eq. 8: one exact store, kappa %d and step %d", (kappa, theta) => {
    const sequence = { ...randomSequence(1), forget: [0], momentum: [0], stepSize: [theta] };
    const { state } = titansRecurrence(sequence, initialMemoryState(matrix()), { ...online, kappa });
    expect(maxDifference(matVec(state.weights.layers[0]!, sequence.keys[0]!), sequence.values[0])).toBeLessThan(1e-14);
  });

  it("Eq. 8: the loss falls while step·kappa·‖k‖² < 2 and rises beyond", () => {
    const base = randomSequence(1);
    const key = scale(1.5, base.keys[0]!);
    const start = initialMemoryState(matrix());
    const lossAfter = (theta: number): number => {
      const sequence = { ...base, keys: [key], queries: [key], forget: [0], momentum: [0], stepSize: [theta] };
      const error = subtract(titansRecurrence(sequence, start, online).outputs[0]!, base.values[0]!);
      return dot(error, error) / 2;
    };
    const before = lossAfter(0);
    for (const effective of [0.1, 1, 1.99]) expect(lossAfter(effective / 2.25)).toBeLessThan(before);
    expect(lossAfter(1 / 2.25)).toBeLessThan(1e-28);
    for (const effective of [2.01, 3]) expect(lossAfter(effective / 2.25)).toBeGreaterThan(before);
  });
});

describe("oracle: momentum, Eq. 9-10", () => {
  const sequence = randomSequence(6);
  const start = initialMemoryState(matrix(), matrix());

  it("Eq. 9-10: without momentum it is Eq. 8, whatever S_0", () => {
    const still = { ...sequence, forget: constant(6, 0), momentum: constant(6, 0) };
    let weights = start.weights;
    const result = titansRecurrence(still, start, online);
    still.keys.forEach((key, t) => {
      const gradient = memoryGradientByDifferences(linear, weights, key, still.values[t]!, 1);
      weights = combine(1, weights, -still.stepSize[t]!, gradient);
      expect(maxDifference(result.trace[t]!.weights, weights)).toBeLessThan(1e-9);
    });
    const off = titansRecurrence(sequence, start, { ...online, decay: false, carrySurprise: false });
    expect(off.state.weights).toEqual(result.state.weights);
  });

  it("Eq. 9-10: step 0 and momentum 1 adds S_0 every token; constant momentum gives the geometric sum", () => {
    const silent = { ...sequence, forget: constant(6, 0), stepSize: constant(6, 0) };
    const steady = titansRecurrence({ ...silent, momentum: constant(6, 1) }, start, online).trace;
    const fading = titansRecurrence({ ...silent, momentum: constant(6, 0.7) }, start, online).trace;
    steady.forEach(({ weights }, t) => {
      expect(maxDifference(weights, combine(1, start.weights, t + 1, start.momentum))).toBeLessThan(1e-13);
    });
    fading.forEach(({ weights }, t) => {
      const share = (0.7 * (1 - 0.7 ** (t + 1))) / 0.3;
      expect(maxDifference(weights, combine(1, start.weights, share, start.momentum))).toBeLessThan(1e-13);
    });
  });
});

describe("oracle: forgetting, Eq. 13-14", () => {
  const sequence = randomSequence(7);
  const memory = randomMemory(random, [width, 6, width], true);
  const start = initialMemoryState(memory, scaleTree(0.1, randomMemory(random, [width, 6, width], true)));

  it("Eq. 13-14: chunk 1 is the online rule written out with finite-difference gradients", () => {
    const result = titansRecurrence(sequence, start, { ...chunked, chunk: 1, kappa: 2 });
    let { weights, momentum } = start;
    sequence.keys.forEach((key, t) => {
      const gradient = memoryGradientByDifferences(deep, weights, key, sequence.values[t]!, 2);
      momentum = combine(sequence.momentum[t]!, momentum, -sequence.stepSize[t]!, gradient);
      weights = combine(1 - sequence.forget[t]!, weights, 1, momentum);
      expect(maxDifference(result.trace[t], { weights, momentum })).toBeLessThan(1e-7);
      expect(result.gradientNorms[t]).toBeCloseTo(treeNorm(gradient), 6);
    });
  });

  it("Eq. 13-14: forget 0 is Eq. 9-10, forget 1 leaves exactly S_t", () => {
    const kept = titansRecurrence({ ...sequence, forget: constant(7, 0) }, start, chunked);
    expect(kept.state).toEqual(titansRecurrence(sequence, start, { ...chunked, decay: false }).state);
    const cleared = titansRecurrence({ ...sequence, forget: constant(7, 1) }, start, chunked);
    for (const { weights, momentum } of cleared.trace) expect(maxDifference(weights, momentum)).toBe(0);
    expect(treeNorm(cleared.trace[0]!.weights)).toBeGreaterThan(0.01);
  });

  it("Eq. 13-14: step 0 and S_0 = 0 leave M_0 times the product of 1 - forget", () => {
    const fresh = initialMemoryState(memory);
    const { trace } = titansRecurrence({ ...sequence, stepSize: constant(7, 0) }, fresh, chunked);
    let share = 1;
    trace.forEach(({ weights }, t) => {
      share *= 1 - sequence.forget[t]!;
      expect(maxDifference(weights, scaleTree(share, memory))).toBeLessThan(1e-14);
    });
  });

  it("Eq. 13-14: the gradient at the decayed memory would be another rule", () => {
    const result = titansRecurrence(sliceSequence(sequence, 0, 1), start, { ...chunked, chunk: 1 });
    const decayed = scaleTree(1 - sequence.forget[0]!, memory);
    const gradient = memoryGradientByDifferences(deep, decayed, sequence.keys[0]!, sequence.values[0]!, 1);
    const momentum = combine(sequence.momentum[0]!, start.momentum, -sequence.stepSize[0]!, gradient);
    expect(maxDifference(result.trace[0]!.momentum, momentum)).toBeGreaterThan(1e-4);
  });
});

describe("oracle: retrieval, Eq. 15", () => {
  it("Eq. 15: one-shot store and recall, and the read leaves the state alone", () => {
    const sequence = randomSequence(1);
    const stored = { ...sequence, queries: sequence.keys, forget: [0], momentum: [0.5], stepSize: [1] };
    const result = titansRecurrence(stored, initialMemoryState(matrix()), online);
    expect(maxDifference(result.outputs[0], sequence.values[0])).toBeLessThan(1e-14);
    const other = titansRecurrence(
      { ...stored, queries: sequence.values },
      initialMemoryState(result.trace[0]!.weights),
      online,
    );
    expect(other.losses[0]).toBeLessThan(1e-28);
  });

  it("Eq. 15: an earlier value has a non-zero outer gradient through the memory", () => {
    const sequence = randomSequence(5);
    const start = initialMemoryState(randomMemory(random, [width, 6, width], false));
    const loss = (values: number[][]): number => {
      const last = titansRecurrence({ ...sequence, values }, start, chunked).outputs[4]!;
      return dot(last, last);
    };
    const gradient = centralGradientTree(loss, sequence.values);
    for (const row of gradient) expect(treeNorm(row)).toBeGreaterThan(1e-4);
  });

  it("section 7.8: the four read modes see W_t, W_{t-1}, the chunk start and the chunk end", () => {
    const sequence = randomSequence(10);
    const start = initialMemoryState(randomMemory(random, [width, 6, width], false));
    const after = titansRecurrence(sequence, start, chunked);
    const weightsAt = (t: number): MemoryWeights => (t < 0 ? start.weights : after.trace[t]!.weights);
    const expected = {
      after: (t: number) => t,
      before: (t: number) => t - 1,
      "chunk-start": (t: number) => 4 * Math.floor(t / 4) - 1,
      "chunk-end": (t: number) => Math.min(4 * Math.floor(t / 4) + 3, 9),
    };
    for (const read of ["after", "before", "chunk-start", "chunk-end"] as const) {
      const result = titansRecurrence(sequence, start, { ...chunked, read });
      const reads = sequence.queries.map((query, t) => memoryForward(deep, weightsAt(expected[read](t)), query));
      expect(result.outputs).toEqual(reads);
      expect(result.state).toEqual(after.state);
    }
    const frozen = { ...sequence, forget: constant(10, 0), momentum: constant(10, 0), stepSize: constant(10, 0) };
    const modes = (["after", "before", "chunk-start", "chunk-end"] as const).map(
      (read) => titansRecurrence(frozen, start, { ...chunked, read }).outputs,
    );
    for (const outputs of modes) expect(outputs).toEqual(modes[0]);
  });
});

describe("oracle: chunks, Eq. 16 and Eq. 18", () => {
  const sequence = randomSequence(10);
  const memory = randomMemory(random, [width, 6, width], false);
  const start = initialMemoryState(memory);

  it("Eq. 16: weights are the decayed chunk start minus decayed gradients taken there", () => {
    const still = { ...sequence, momentum: constant(10, 0) };
    const { trace } = titansRecurrence(still, start, chunked);
    for (let t = 1; t <= 10; t++) {
      const first = 4 * Math.floor((t - 1) / 4);
      const base = first === 0 ? memory : trace[first - 1]!.weights;
      const share = (i: number): number => still.forget.slice(i, t).reduce((all, alpha) => all * (1 - alpha), 1);
      let expected = scaleTree(share(first), base);
      for (let i = first + 1; i <= t; i++) {
        const gradient = memoryGradientByDifferences(deep, base, still.keys[i - 1]!, still.values[i - 1]!, 1);
        expected = combine(1, expected, -still.stepSize[i - 1]! * share(i), gradient);
      }
      expect(maxDifference(trace[t - 1]!.weights, expected)).toBeLessThan(1e-8);
    }
  });

  it("Eq. 12: losses and gradient norms are those of the chunk start", () => {
    const { trace, losses, gradientNorms } = titansRecurrence(sequence, start, { ...chunked, kappa: 2 });
    sequence.keys.forEach((key, t) => {
      const base = t < 4 ? memory : trace[4 * Math.floor(t / 4) - 1]!.weights;
      const error = subtract(memoryForward(deep, base, key), sequence.values[t]!);
      expect(losses[t]).toBeCloseTo(dot(error, error), 13);
      const gradient = memoryGradientByDifferences(deep, base, key, sequence.values[t]!, 2);
      expect(gradientNorms[t]).toBeCloseTo(treeNorm(gradient), 9);
    });
  });

  it("Eq. 16: chunks approximate the online rule: the gap is first order in the steps with forgetting, second without", () => {
    const gap = (shrink: number, forget: number): number => {
      const gates = {
        forget: constant(10, forget),
        momentum: constant(10, 0),
        stepSize: scale(shrink, sequence.stepSize),
      };
      const run = (chunk: number): MemoryWeights =>
        titansRecurrence({ ...sequence, ...gates }, start, { ...chunked, chunk }).state.weights;
      return maxDifference(run(10), run(1));
    };
    expect(gap(1, 0.1)).toBeGreaterThan(1e-3);
    expect(gap(1e-4, 0.1) / gap(1e-5, 0.1)).toBeCloseTo(10, 1);
    expect(gap(1e-3, 0) / gap(1e-4, 0)).toBeGreaterThan(95);
  });

  it.each([1, 2, 8, 9])("Eq. 18: the scan operator equals the loop and can be split, length %i", (length) => {
    const pairs = Array.from({ length }, () => [random.uniform(), random.normal()] as const);
    const join = ([a1, b1]: readonly [number, number], [a2, b2]: readonly [number, number]) =>
      [a2 * a1, a2 * b1 + b2] as const;
    const tree = (from: number, to: number): readonly [number, number] =>
      to - from === 1 ? pairs[from]! : join(tree(from, (from + to) >> 1), tree((from + to) >> 1, to));
    const initial = 0.6;
    const loop = pairs.reduce((sum, [a, b]) => a * sum + b, initial);
    const [a, b] = tree(0, length);
    expect(Math.abs(a * initial + b - loop)).toBeLessThan(1e-14);
  });

  it("Eq. 18: momentum is carried across chunks, and any cut with the carried state changes nothing", () => {
    const whole = titansRecurrence(sequence, start, chunked);
    for (let cut = 1; cut < 10; cut++) {
      const first = titansRecurrence(sliceSequence(sequence, 0, cut), start, chunked);
      const rest = titansRecurrence(sliceSequence(sequence, cut, 10), first.state, chunked);
      expect([...first.outputs, ...rest.outputs]).toEqual(whole.outputs);
      expect(rest.state).toEqual(whole.state);
    }
    const first = titansRecurrence(sliceSequence(sequence, 0, 4), start, chunked);
    const reset = { ...first.state, momentum: zerosLike(first.state.momentum) };
    const rest = titansRecurrence(sliceSequence(sequence, 4, 10), reset, chunked);
    expect(maxDifference(rest.outputs, whole.outputs.slice(4))).toBeGreaterThan(1e-3);
  });
});

describe("oracle: masked tokens, section 7.9", () => {
  const sequence = randomSequence(9);
  const memory = randomMemory(random, [width, 6, width], true);
  const start = initialMemoryState(memory, scaleTree(0.2, randomMemory(random, [width, 6, width], true)));
  const mask = sequence.keys.map((_, t) => ![0, 4, 5].includes(t));
  const valid = <T>(items: T[]): T[] => items.filter((_, t) => mask[t]);

  it("a masked token changes nothing while momentum runs, and keeps its slot", () => {
    const result = titansRecurrence({ ...sequence, mask }, start, chunked);
    expect(result.trace[0]).toEqual({ weights: start.weights, momentum: start.momentum });
    expect(result.trace[5]).toEqual(result.trace[3]);
    expect(result.losses[4]).toBe(0);
    expect(result.state.position).toBe(9);
    expect(result.state.base).toEqual(result.trace[7]!.weights);
  });

  it("masked equals removed at chunk 1, and not at chunk 4 because of the grid", () => {
    const removed: MemorySequence = {
      keys: valid(sequence.keys),
      values: valid(sequence.values),
      queries: valid(sequence.queries),
      forget: valid(sequence.forget),
      momentum: valid(sequence.momentum),
      stepSize: valid(sequence.stepSize),
    };
    for (const chunk of [1, 4]) {
      const masked = titansRecurrence({ ...sequence, mask }, start, { ...chunked, chunk });
      const short = titansRecurrence(removed, start, { ...chunked, chunk });
      const gap = maxDifference(valid(masked.outputs), short.outputs);
      if (chunk === 1) expect(gap).toBe(0);
      else expect(gap).toBeGreaterThan(1e-4);
    }
  });

  it("no setting of the gates does the same", () => {
    const one = sliceSequence(sequence, 0, 1);
    const open = titansRecurrence({ ...one, forget: [0], momentum: [1], stepSize: [0] }, start, chunked);
    expect(maxDifference(open.state.weights, combine(1, start.weights, 1, start.momentum))).toBe(0);
    const closed = titansRecurrence({ ...one, forget: [0], momentum: [0], stepSize: [0] }, start, chunked);
    expect(treeNorm(closed.state.momentum)).toBe(0);
  });
});

function scaleTree<T>(factor: number, tree: T): T {
  return combine(factor, tree, 0, tree);
}
