import { describe, expect, it } from "vitest";
import { centralGradientTree } from "./finite-differences.ts";
import { add, dot, identity, type Matrix, matVec, scale, scaleMatrix, subtract, zeroMatrix } from "./matrix.ts";
import { type ContinuumBlock, type ContinuumLoss, continuumBlock, initialContinuumState } from "./nl-continuum.ts";
import {
  type HopeAttentionParameters,
  type HopeOptions,
  type HopeParameters,
  hopeAttentionBlock,
  hopeBlock,
  initialHopeState,
} from "./nl-hope.ts";
import { type SelfModifyingMemory, selfModifyingForward } from "./nl-self-modifying.ts";
import { l2Normalise, rmsNorm } from "./norms.ts";
import { randomSource } from "./random.ts";
import { combine, flatten, maxDifference, treeNorm, unflatten } from "./tree.ts";

const random = randomSource(711);
const [d, headDim, hidden, tokens] = [4, 2, 3, 9];
const mlp = (): SelfModifyingMemory => ({
  kind: "mlp",
  inward: random.normalMatrix(hidden, headDim, 0.7),
  outward: random.normalMatrix(headDim, hidden, 0.4),
});
const block = (): ContinuumBlock => ({
  gain: random.uniformVector(d, 0.7, 1.3),
  up: random.normalMatrix(hidden, d, 0.6),
  down: random.normalMatrix(d, hidden, 0.5),
});
const head = () => ({ key: mlp(), value: mlp(), stepSize: mlp(), retain: mlp(), memory: mlp() });
const parameters: HopeParameters = {
  gain: random.uniformVector(d, 0.7, 1.3),
  heads: [head(), head()],
  gateBiases: [
    { stepSize: 0, retain: 2 },
    { stepSize: 0.3, retain: 1.5 },
  ],
  queryWeight: random.normalMatrix(d, d, 0.5),
  convolution: {
    query: random.normalMatrix(4, d, 0.5),
    key: random.normalMatrix(4, d, 0.5),
    value: random.normalMatrix(4, d, 0.5),
  },
  output: random.normalMatrix(d, d, 0.5),
  blocks: [block(), block()],
};
const options: HopeOptions = {
  selfModifying: { memoryChunk: 2, projectionChunk: 3, maxStepSize: 0.4, normaliseEpsilon: 1e-12 },
  continuum: {
    levels: [
      { chunk: 2, stepSize: 0.05 },
      { chunk: 4, stepSize: 0.05 },
    ],
    epsilon: 1e-6,
  },
  epsilon: 1e-6,
};
const x = random.normalMatrix(tokens, d);
const targets = random.normalMatrix(tokens, d);
const squares: ContinuumLoss = (output, token) => {
  const error = subtract(output, targets[token]!);
  return { value: dot(error, error) / 2, slope: error };
};
const run = (p: HopeParameters, o: HopeOptions = options, inputs = x) =>
  hopeBlock(p, initialHopeState(p), inputs, squares, o);
const frozen: HopeOptions = {
  ...options,
  selfModifying: { ...options.selfModifying, maxStepSize: 0, decay: false },
  continuum: { ...options.continuum, levels: options.continuum.levels.map((level) => ({ ...level, stepSize: 0 })) },
};

describe("oracle: the Hope block", () => {
  it("frozen it is a static function of the token, written out here; Eq 97 as printed has no output map", () => {
    const plain = { ...parameters, convolution: null, output: null };
    const { outputs } = run(plain, frozen);
    x.forEach((row, t) => {
      const normed = rmsNorm(row, parameters.gain, 1e-6);
      const raw = matVec(parameters.queryWeight!, normed);
      const o = parameters.heads.flatMap((memories, h) =>
        selfModifyingForward(memories.memory, l2Normalise(raw.slice(h * headDim, (h + 1) * headDim), 1e-12)),
      );
      const y = plain.blocks.reduce((input, b) => continuumBlock(b, input, 1e-6), add(row, o));
      expect(maxDifference(outputs[t], y)).toBeLessThan(1e-14);
    });
    expect(run(plain, frozen, [...x].reverse()).outputs).toEqual([...outputs].reverse());
    const mapped = run({ ...plain, output: identity(d) }, frozen).outputs;
    expect(maxDifference(mapped, outputs)).toBeLessThan(1e-15);
  });

  it("learning memories, learning blocks and the convolution each change what a frozen block gives", () => {
    const still = run({ ...parameters, convolution: null }, frozen).outputs;
    const moved = (o: HopeOptions, p: HopeParameters): number => maxDifference(run(p, o).outputs[8], still[8]);
    expect(moved(frozen, parameters)).toBeGreaterThan(1e-2);
    expect(
      moved({ ...frozen, selfModifying: options.selfModifying }, { ...parameters, convolution: null }),
    ).toBeGreaterThan(1e-2);
    expect(moved({ ...frozen, continuum: options.continuum }, { ...parameters, convolution: null })).toBeGreaterThan(
      1e-2,
    );
  });

  it("with blocks of zero the output is the residual plus the read, with a zero output map the continuum sees x", () => {
    const zero = parameters.blocks.map((b) => ({ ...b, down: zeroMatrix(d, hidden) }));
    const bare = run({ ...parameters, blocks: zero }, frozen);
    expect(bare.outputs).toEqual(bare.mixed);
    expect(run({ ...parameters, output: zeroMatrix(d, d) }).mixed).toEqual(x);
  });

  it("is causal, inside chunks and across them", () => {
    const changed = x.map((row, t) => (t === 4 ? scale(-1, row) : row));
    const [a, b] = [run(parameters).outputs, run(parameters, options, changed).outputs];
    expect(b.slice(0, 4)).toEqual(a.slice(0, 4));
    expect(maxDifference(b[4], a[4])).toBeGreaterThan(1e-3);
    expect(maxDifference(b[8], a[8])).toBeGreaterThan(1e-3);
  });

  it("one head's columns reach no other head before the output map", () => {
    const plain = { ...parameters, output: null, queryWeight: identity(d) };
    const replaced = { ...plain, heads: [plain.heads[0]!, head()] };
    const [a, b] = [run(plain).mixed, run(replaced).mixed];
    const columns = (m: Matrix, from: number): Matrix => m.map((row) => row.slice(from, from + headDim));
    expect(columns(b, 0)).toEqual(columns(a, 0));
    expect(maxDifference(columns(b, headDim), columns(a, headDim))).toBeGreaterThan(1e-3);
  });

  it("pieces give what the whole gives, from a state of constant size", () => {
    const whole = run(parameters);
    const first = hopeBlock(parameters, initialHopeState(parameters), x.slice(0, 5), squares, options);
    const second = hopeBlock(parameters, first.state, x.slice(5), squares, options);
    expect([...first.outputs, ...second.outputs]).toEqual(whole.outputs);
    expect(second.state).toEqual(whole.state);
    expect(flatten(first.state).length).toBe(flatten(whole.state).length);
  });

  it("the outer slope of the summed loss reaches every initial state, the biases and all static weights", () => {
    const loss = (p: HopeParameters): number => run(p).continuum.losses.reduce((sum, value) => sum + value, 0);
    const parts: [string, (p: HopeParameters) => unknown][] = [
      ...parameters.heads.flatMap((memories, h) =>
        Object.keys(memories).map((name): [string, (p: HopeParameters) => unknown] => [
          `${name} of head ${h}`,
          (p) => p.heads[h]![name as keyof typeof memories],
        ]),
      ),
      ...parameters.blocks.map((_, l): [string, (p: HopeParameters) => unknown] => [`block ${l}`, (p) => p.blocks[l]]),
      ...(["gain", "gateBiases", "queryWeight", "convolution", "output"] as const).map(
        (name): [string, (p: HopeParameters) => unknown] => [name, (p) => p[name]],
      ),
    ];
    const noise = unflatten(random.normalVector(flatten(parameters).length), parameters);
    for (const [name, part] of parts) {
      const shifted = (by: number): HopeParameters => {
        const copy = structuredClone(parameters);
        Object.assign(part(copy) as object, combine(1, part(parameters), by, part(noise)));
        return copy;
      };
      const slope = (loss(shifted(1e-4)) - loss(shifted(-1e-4))) / 2e-4;
      expect(Math.abs(slope), name).toBeGreaterThan(1e-4);
    }
  });
});

describe("oracle: Hope-Attention", () => {
  const attention: HopeAttentionParameters = {
    gain: parameters.gain,
    heads: 2,
    query: random.normalMatrix(d, d),
    key: random.normalMatrix(d, d),
    value: random.normalMatrix(d, d),
    output: random.normalMatrix(d, d),
    blocks: [parameters.blocks[0]!],
  };
  const still = { continuum: { levels: [{ chunk: 2, stepSize: 0 }], epsilon: 1e-6 }, epsilon: 1e-6 };
  const attend = (p: HopeAttentionParameters, o = still, inputs = x) =>
    hopeAttentionBlock(p, initialContinuumState(p.blocks), inputs, squares, o);

  it("frozen it is a Transformer block: the first token attends to itself, equal scores give the mean of the past", () => {
    const { outputs } = attend({ ...attention, query: scaleMatrix(0, attention.query) });
    const values = x.map((row) => matVec(attention.value, rmsNorm(row, attention.gain, 1e-6)));
    x.forEach((row, t) => {
      const mean = scale(1 / (t + 1), values.slice(0, t + 1).reduce(add));
      const y = continuumBlock(attention.blocks[0]!, add(row, matVec(attention.output, mean)), 1e-6);
      expect(maxDifference(outputs[t], y)).toBeLessThan(1e-13);
    });
    expect(maxDifference(attend(attention).outputs[0], outputs[0])).toBeLessThan(1e-14);
    expect(maxDifference(attend(attention).outputs[5], outputs[5])).toBeGreaterThan(1e-2);
  });

  it("is causal and its block learns in context", () => {
    const learning = { ...still, continuum: { ...still.continuum, levels: [{ chunk: 2, stepSize: 0.05 }] } };
    const changed = x.map((row, t) => (t === 4 ? scale(-1, row) : row));
    const [a, b] = [attend(attention, learning).outputs, attend(attention, learning, changed).outputs];
    expect(b.slice(0, 4)).toEqual(a.slice(0, 4));
    expect(maxDifference(attend(attention).outputs.slice(0, 2), a.slice(0, 2))).toBe(0);
    expect(maxDifference(attend(attention).outputs[2], a[2])).toBeGreaterThan(1e-3);
    const slope = centralGradientTree(
      (blocks) =>
        attend({ ...attention, blocks })
          .continuum.losses.slice(0, 2)
          .reduce((sum, value) => sum + value, 0),
      attention.blocks,
    );
    const found = attend(attention, learning).continuum.trace[1]!.states;
    expect(maxDifference(found, combine(1, attention.blocks, -0.05, slope))).toBeLessThan(1e-8);
    expect(treeNorm(slope)).toBeGreaterThan(0.1);
  });
});
