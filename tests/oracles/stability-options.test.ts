import { describe, expect, it } from "vitest";
import { sigmoid } from "./activations.ts";
import { addMatrix, type Matrix, scaleMatrix } from "./matrix.ts";
import { type MemoryWeights, memoryForward, memoryGradientByDifferences, randomMemory } from "./memory-mlp.ts";
import { orthogonalise } from "./newton-schulz.ts";
import { randomSource } from "./random.ts";
import {
  closeChunk,
  initialStableState,
  type PairSequence,
  pairRecurrence,
  type StabilityOptions,
  type StableOptions,
  stableRecurrence,
} from "./stability-options.ts";
import { initialMemoryState, type MemorySequence, sliceSequence, titansRecurrence } from "./titans.ts";
import { combine, maxDifference, treeNorm, zerosLike } from "./tree.ts";

const random = randomSource(91);
const width = 3;
const length = 10;
const memory = randomMemory(random, [width, 5, width], true);
const linear = randomMemory(random, [width, width], false);
const plain: StableOptions = {
  network: { activation: "silu", residual: false, normEpsilon: 1e-3 },
  kappa: 1,
  chunk: 3,
  read: "after",
};

function randomSequence(tokens: number): MemorySequence {
  return {
    keys: Array.from({ length: tokens }, () => random.unitVector(width)),
    values: random.normalMatrix(tokens, width),
    queries: random.normalMatrix(tokens, width),
    forget: random.uniformVector(tokens, 0.05, 0.4),
    momentum: random.uniformVector(tokens, 0.2, 0.8),
    stepSize: random.uniformVector(tokens, 0.1, 0.5),
  };
}
const sequence = randomSequence(length);
const constant = (value: number): number[] => new Array<number>(length).fill(value);
const run = (options: Partial<StableOptions> = {}, s = sequence, start: MemoryWeights = memory) =>
  stableRecurrence(s, initialStableState(start, options.momentumOrder), { ...plain, ...options });
const whole = run();
const gradientAt = (weights: MemoryWeights, t: number): MemoryWeights =>
  memoryGradientByDifferences(plain.network, weights, sequence.keys[t]!, sequence.values[t]!, 1);

const everyOption: [string, StabilityOptions][] = [
  ["clipped gradients", { maxGradientNorm: 0.5 }],
  ["decay to the initial memory", { decayToInitial: true }],
  ["momentum of order 3", { momentumOrder: 3 }],
  ["orthogonalised surprise", { orthogonaliseSurprise: true }],
  ["gated transition", { transitionLogit: -1 }],
  ["renormalised weights", { renormaliseWeights: true }],
  [
    "all together",
    {
      maxGradientNorm: 0.5,
      decayToInitial: true,
      momentumOrder: 2,
      orthogonaliseSurprise: true,
      transitionLogit: -1,
      renormaliseWeights: true,
    },
  ],
];

describe("oracle: the recurrence with stability options", () => {
  it("with every option off it is Eq. 13-14, guards, masks and switches included", () => {
    const mask = sequence.keys.map((_, t) => t !== 1 && t !== 5);
    const start = initialMemoryState(memory);
    const cases: Partial<StableOptions>[] = [
      {},
      { guard: "keys" },
      { guard: "tangent" },
      { read: "before" },
      { chunk: 1 },
      { read: "chunk-start" },
      { decay: false },
      { carrySurprise: false },
    ];
    for (const options of cases) {
      const expected = titansRecurrence({ ...sequence, mask }, start, { ...plain, ...options });
      const actual = run(options, { ...sequence, mask });
      expect(maxDifference(actual.outputs, expected.outputs)).toBeLessThan(1e-14);
      expect(maxDifference(actual.state.weights, expected.state.weights)).toBeLessThan(1e-14);
      expect(maxDifference(actual.state.momenta, [expected.state.momentum])).toBeLessThan(1e-14);
      for (const part of ["losses", "gradientNorms", "stepSizes"] as const)
        expect(maxDifference(actual[part], expected[part])).toBeLessThan(1e-14);
    }
  });

  it("options at their neutral value change nothing", () => {
    const neutral = { maxGradientNorm: Number.POSITIVE_INFINITY, momentumOrder: 1, transitionLogit: 800 };
    expect(maxDifference(run(neutral).outputs, whole.outputs)).toBeLessThan(1e-14);
  });

  describe.each(everyOption)("%s", (_, options) => {
    const optioned = run(options);

    it("matters", () => {
      expect(maxDifference(optioned.outputs, whole.outputs)).toBeGreaterThan(1e-3);
    });

    it("continues from its state at any cut", () => {
      for (let cut = 1; cut < length; cut++) {
        const first = run(options, sliceSequence(sequence, 0, cut));
        const rest = stableRecurrence(sliceSequence(sequence, cut, length), first.state, { ...plain, ...options });
        expect([...first.outputs, ...rest.outputs]).toEqual(optioned.outputs);
        expect(rest.state).toEqual(optioned.state);
      }
    });

    it("is causal", () => {
      for (let changed = 0; changed < length; changed++) {
        const keys = sequence.keys.map((key, t) => (t === changed ? random.unitVector(width) : key));
        const { outputs } = run(options, { ...sequence, keys });
        expect(outputs.slice(0, changed)).toEqual(optioned.outputs.slice(0, changed));
        expect(maxDifference(outputs[changed], optioned.outputs[changed])).toBeGreaterThan(1e-6);
      }
    });

    it("a masked slot changes nothing: at chunk 1 it equals removal, a masked chunk leaves the state", () => {
      const mask = sequence.keys.map((_, t) => t % 3 !== 1);
      const kept = <T>(all: T[]): T[] => all.filter((_, t) => mask[t]);
      const removed = Object.fromEntries(
        Object.entries(sequence).map(([name, all]) => [name, kept<unknown>(all as unknown[])]),
      ) as unknown as MemorySequence;
      const masked = run({ ...options, chunk: 1 }, { ...sequence, mask });
      const without = run({ ...options, chunk: 1 }, removed);
      expect(kept(masked.outputs)).toEqual(without.outputs);
      expect(masked.state.weights).toEqual(without.state.weights);
      const started = run(options, sliceSequence(sequence, 0, 3)).state;
      const empty = { ...sliceSequence(sequence, 3, 6), mask: [false, false, false] };
      const { state } = stableRecurrence(empty, started, { ...plain, ...options });
      expect(state).toEqual({ ...started, position: 6 });
    });
  });
});

describe("oracle: exact clipping of a token's gradient", () => {
  it("shortens a gradient that is too long to the bound and leaves the others alone", () => {
    const bound = [...whole.gradientNorms].sort((a, b) => a - b)[length / 2]!;
    const clipped = run({ maxGradientNorm: bound });
    let base = memory;
    let before = zerosLike(memory);
    let lengths = [0, 0];
    clipped.trace.forEach(({ momenta }, t) => {
      const injected = combine(1, momenta[0]!, -sequence.momentum[t]!, before);
      const gradient = gradientAt(base, t);
      const size = treeNorm(gradient);
      lengths = size > bound ? [lengths[0]! + 1, lengths[1]!] : [lengths[0]!, lengths[1]! + 1];
      const expected = combine((-sequence.stepSize[t]! * Math.min(size, bound)) / size, gradient, 0, gradient);
      expect(maxDifference(injected, expected)).toBeLessThan(1e-7);
      expect(clipped.gradientNorms[t]).toBeCloseTo(size, 6);
      before = momenta[0]!;
      if (t % 3 === 2) base = clipped.trace[t]!.weights;
    });
    expect(Math.min(...lengths)).toBeGreaterThan(1);
  });

  it("a gradient of zero stays zero", () => {
    const values = sequence.keys.map((key) => memoryForward(plain.network, linear, key));
    const { state } = run({ maxGradientNorm: 1, chunk: length, decay: false }, { ...sequence, values }, linear);
    expect(maxDifference(state.weights, linear)).toBe(0);
  });
});

describe("oracle: decay towards the initial memory", () => {
  it("the distance D obeys its own recurrence, gradients at M_0 + D of the chunk's start", () => {
    let distance = zerosLike(memory);
    let surprise = zerosLike(memory);
    let base = memory;
    run({ decayToInitial: true }).trace.forEach(({ weights }, t) => {
      if (t % 3 === 0) base = combine(1, memory, 1, distance);
      surprise = combine(sequence.momentum[t]!, surprise, -sequence.stepSize[t]!, gradientAt(base, t));
      distance = combine(1 - sequence.forget[t]!, distance, 1, surprise);
      expect(maxDifference(weights, combine(1, memory, 1, distance))).toBeLessThan(1e-7);
    });
  });

  it("without forgetting, or from zero, it is the plain rule; with nothing to write it stays at M_0", () => {
    const remembering = { ...sequence, forget: constant(0) };
    expect(
      maxDifference(run({ decayToInitial: true }, remembering).outputs, run({}, remembering).outputs),
    ).toBeLessThan(1e-13);
    const zero = zerosLike(linear);
    expect(run({ decayToInitial: true }, sequence, zero).outputs).toEqual(run({}, sequence, zero).outputs);
    const silent = { ...sequence, stepSize: constant(0), forget: constant(0.9) };
    expect(maxDifference(run({ decayToInitial: true }, silent).state.weights, memory)).toBe(0);
    const cleared = run({ decayToInitial: true }, { ...sequence, forget: constant(1) }).trace[0]!;
    expect(cleared.weights).toEqual(combine(1, memory, 1, cleared.momenta[0]!));
  });
});

describe("oracle: momentum of a higher order", () => {
  const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n - 1, k - 1) * n) / k);

  it("with constant gates and one gradient point order n weighs a gradient of age a by C(a + n - 1, n - 1) η^a", () => {
    const steady = { ...sequence, momentum: constant(0.6) };
    for (const momentumOrder of [1, 2, 3, 4]) {
      const { state } = run({ momentumOrder, chunk: length }, steady);
      let expected = zerosLike(memory);
      sequence.keys.forEach((_, t) => {
        const age = length - 1 - t;
        const weight = binomial(age + momentumOrder - 1, momentumOrder - 1) * 0.6 ** age;
        expected = combine(1, expected, -sequence.stepSize[t]! * weight, gradientAt(memory, t));
      });
      expect(maxDifference(state.momenta.at(-1), expected)).toBeLessThan(1e-6);
    }
  });

  it("the lower orders know nothing of the higher ones, and without momentum the order is nothing", () => {
    const one = run({ chunk: length });
    const three = run({ momentumOrder: 3, chunk: length });
    expect(three.state.momenta[0]).toEqual(one.state.momenta[0]);
    const still = { ...sequence, momentum: constant(0) };
    expect(maxDifference(run({ momentumOrder: 3 }, still).outputs, run({}, still).outputs)).toBeLessThan(1e-14);
  });
});

describe("oracle: what happens at chunk ends", () => {
  const firstChunk = sliceSequence(sequence, 0, 3);
  const rawEnd = whole.trace[2]!;
  const kept = firstChunk.forget.reduce((share, forget) => share * (1 - forget), 1);

  it("reads of the first chunk are the plain ones for each option, the momentum stays raw", () => {
    for (const options of [{ orthogonaliseSurprise: true }, { transitionLogit: -5 }, { renormaliseWeights: true }]) {
      const result = run(options);
      expect(result.outputs.slice(0, 3)).toEqual(whole.outputs.slice(0, 3));
      expect(maxDifference(result.outputs[3], whole.outputs[3])).toBeGreaterThan(1e-3);
      expect(run(options, firstChunk).state.momenta).toEqual(rawEnd.momenta);
    }
  });

  it("orthogonalised surprise: the chunk is one step, faded start plus NS5 of the raw surprise", () => {
    const { state } = run({ orthogonaliseSurprise: true }, firstChunk);
    state.weights.layers.forEach((matrix, l) => {
      const expected = addMatrix(scaleMatrix(kept, memory.layers[l]!), orthogonalise(rawEnd.momenta[0]!.layers[l]!));
      expect(maxDifference(matrix, expected)).toBeLessThan(1e-14);
    });
    expect(state.weights.norm).toEqual(rawEnd.weights.norm);
    expect(state.base).toEqual(state.weights);
  });

  it("orthogonalised surprise at chunk 1 is W = (1 - α) W + NS5(S) with gradients at the running weights", () => {
    let weights = memory;
    let surprise = zerosLike(memory);
    const { state } = run({ orthogonaliseSurprise: true, chunk: 1 });
    sequence.keys.forEach((_, t) => {
      surprise = combine(sequence.momentum[t]!, surprise, -sequence.stepSize[t]!, gradientAt(weights, t));
      const layers = weights.layers.map((matrix, l) =>
        addMatrix(scaleMatrix(1 - sequence.forget[t]!, matrix), orthogonalise(surprise.layers[l]!)),
      );
      const vectors = combine(1 - sequence.forget[t]!, weights.norm, 1, surprise.norm);
      weights = { layers, norm: vectors };
    });
    expect(maxDifference(state.weights, weights)).toBeLessThan(1e-5);
    expect(maxDifference(state.weights, memory)).toBeGreaterThan(1e-1);
  });

  it("gated transition: the share of the way is the sigmoid of the logit; the gradient point moves along", () => {
    const { state } = run({ transitionLogit: -5 }, firstChunk);
    const expected = combine(1 - sigmoid(-5), memory, sigmoid(-5), rawEnd.weights);
    expect(maxDifference(state.weights, expected)).toBeLessThan(1e-14);
    expect(state.base).toEqual(state.weights);
    expect(maxDifference(run({ transitionLogit: -800 }, firstChunk).state.weights, memory)).toBe(0);
  });

  it("renormalised weights: every matrix has the norm of M_0 and the direction of the plain rule", () => {
    const { state } = run({ renormaliseWeights: true }, firstChunk);
    state.weights.layers.forEach((matrix: Matrix, l) => {
      const size = treeNorm(memory.layers[l]);
      expect(treeNorm(matrix)).toBeCloseTo(size, 13);
      const raw = rawEnd.weights.layers[l]!;
      expect(maxDifference(matrix, scaleMatrix(size / treeNorm(raw), raw))).toBeLessThan(1e-14);
      expect(Math.abs(treeNorm(raw) - size)).toBeGreaterThan(1e-2);
    });
    expect(state.weights.norm).toEqual(rawEnd.weights.norm);
    const later = run({ renormaliseWeights: true }, sliceSequence(sequence, 0, 9)).state.weights;
    later.layers.forEach((matrix, l) => {
      expect(treeNorm(matrix)).toBeCloseTo(treeNorm(memory.layers[l]), 13);
    });
  });

  it("all three: orthogonalised step, then transition, then norms", () => {
    const muon = run({ orthogonaliseSurprise: true }, firstChunk).state.weights;
    const moved = combine(1 - sigmoid(-1), memory, sigmoid(-1), muon);
    const { state } = run({ orthogonaliseSurprise: true, transitionLogit: -1, renormaliseWeights: true }, firstChunk);
    state.weights.layers.forEach((matrix, l) => {
      const size = treeNorm(memory.layers[l]) / treeNorm(moved.layers[l]);
      expect(maxDifference(matrix, scaleMatrix(size, moved.layers[l]!))).toBeLessThan(1e-14);
    });
  });

  it("a shorter last chunk stays open until the caller closes it", () => {
    const options = { transitionLogit: -5 };
    const open = run(options, sliceSequence(sequence, 0, 2)).state;
    expect(open.weights).toEqual(whole.trace[1]!.weights);
    expect(closeChunk(open, options).weights).toEqual(
      run({ ...options, chunk: 2 }, sliceSequence(sequence, 0, 2)).state.weights,
    );
  });
});

describe("oracle: several key-value pairs a token", () => {
  const pairs: PairSequence = {
    ...sequence,
    keys: sequence.keys.map((key) => [key, random.unitVector(width)]),
    values: random.normalMatrix(length, width).map((value, t) => [sequence.values[t]!, value]),
  };
  const start = initialStableState(memory);
  const paired = pairRecurrence(pairs, start, plain);

  it("one pair a token is the plain rule", () => {
    const single = { ...sequence, keys: sequence.keys.map((k) => [k]), values: sequence.values.map((v) => [v]) };
    expect(pairRecurrence(single, start, plain)).toEqual(whole);
  });

  it("two pairs a token: two steps with the same gates, one gradient point a chunk of tokens, read after both", () => {
    let weights = memory;
    let surprise = zerosLike(memory);
    let base = memory;
    for (let t = 0; t < length; t++) {
      if (t % 3 === 0) base = weights;
      for (const pair of [0, 1]) {
        const { keys, values } = pairs;
        const gradient = memoryGradientByDifferences(plain.network, base, keys[t]![pair]!, values[t]![pair]!, 1);
        surprise = combine(sequence.momentum[t]!, surprise, -sequence.stepSize[t]!, gradient);
        weights = combine(1 - sequence.forget[t]!, weights, 1, surprise);
      }
      expect(
        maxDifference(paired.outputs[t], memoryForward(plain.network, weights, sequence.queries[t]!)),
      ).toBeLessThan(1e-6);
    }
    expect(paired.outputs).toHaveLength(length);
    expect(maxDifference(paired.outputs, whole.outputs)).toBeGreaterThan(1e-2);
  });

  it("the order of the pairs of a token matters, later tokens' pairs do not", () => {
    const swapped = {
      ...pairs,
      keys: pairs.keys.map((k) => k.toReversed()),
      values: pairs.values.map((v) => v.toReversed()),
    };
    expect(maxDifference(pairRecurrence(swapped, start, plain).outputs, paired.outputs)).toBeGreaterThan(1e-3);
    for (let changed = 0; changed < length; changed++) {
      const keys = pairs.keys.map((own, t) => (t === changed ? own.map(() => random.unitVector(width)) : own));
      const { outputs } = pairRecurrence({ ...pairs, keys }, start, plain);
      expect(outputs.slice(0, changed)).toEqual(paired.outputs.slice(0, changed));
      expect(maxDifference(outputs[changed], paired.outputs[changed])).toBeGreaterThan(1e-6);
    }
  });

  it("mode before reads what the previous token left", () => {
    const { outputs, trace } = pairRecurrence(pairs, start, { ...plain, read: "before" });
    expect(outputs[4]).toEqual(memoryForward(plain.network, trace[7]!.weights, sequence.queries[4]!));
  });
});
