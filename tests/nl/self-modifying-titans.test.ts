/** The layer of self-modifying Titans against plain loops, its limits, and its gradients. */
import { expect, it } from "vitest";
import { key, mapTree, readSync, scope, tensor } from "../../src/array/index.ts";
import { type SelfModifyingInput, type SelfModifyingParams, SelfModifyingTitans } from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import { randomized, toNumbers } from "../common/tensors.ts";
import { inFloat64, wide } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";
import { type PlainParams, plainLayer } from "./plain-self-modifying.ts";

const [dim, tokens] = [4, 7];
const x = oracle.randomSource(901).normalMatrix(tokens, dim);

const base: SelfModifyingInput = {
  dim,
  chunkSize: 4,
  projectionChunkSize: 4,
  maxStepSize: 0.6,
  gateBiases: { stepSize: 0, retain: 1.5 },
  expansion: 1.5,
};

/** Every parameter random, so that nothing is zero or the identity. */
function paramsOf(layer: SelfModifyingTitans, seed = 902): SelfModifyingParams {
  return randomized(seed, layer.init(key(1)));
}

/** The layer, in float64. */
async function run(layer: SelfModifyingTitans, stored: readonly boolean[]) {
  const narrow = scope(() => paramsOf(layer));
  const params = toNumbers(narrow) as unknown as PlainParams;
  const found = (await inFloat64(
    (p, u, s) => {
      const [y, state] = layer.step(p, layer.initialState(p, 1), u, { storeMask: s });
      return { y, memory: state.memory.layers };
    },
    mapTree(narrow, (u) => tensor(Float64Array.from(readSync(u)), u.shape)),
    wide([x]),
    wide([stored.map(Number)]),
  )) as unknown as { y: oracle.Matrix[]; memory: oracle.Matrix[][][] };
  return { y: found.y[0]!, memory: found.memory.map((layers) => layers[0]![0]!), params };
}

/** The same by the oracle of the memories alone, which knows one head, and stores every token. */
function oracleRun(
  { config }: SelfModifyingTitans,
  params: PlainParams,
): { y: oracle.Matrix; memory: oracle.Matrix[] } {
  const { projections = {}, initialMemories, convolutions } = params;
  const memoryOf = (name: string): oracle.SelfModifyingMemory => {
    const fixed = projections[name];
    // A static matrix is a memory that is never written.
    if (fixed) return { kind: "matrix", weight: oracle.transpose(fixed) };
    const [first, second] = initialMemories[name]?.layers.map(([layer]) => layer!) ?? [oracle.identity(dim)];
    return second ? { kind: "mlp", inward: first!, outward: second } : { kind: "matrix", weight: first! };
  };
  const names = ["key", "value", "stepSize", "retain", "memory"] as const;
  const memories = Object.fromEntries(names.map((name) => [name, memoryOf(name)]));
  const all = config.adaptiveQuery ? { ...memories, query: memoryOf("query") } : memories;
  const mix = (branch: oracle.SelfModifyingBranch, window: oracle.Matrix) => {
    const taps = convolutions[branch]!.slice(-window.length);
    const mixed = window[0]!.map((_, j) => window.reduce((sum, u, n) => sum + u[j]! * taps[n]![j]!, 0));
    return branch === "value" && config.normalizeValues ? oracle.l2Normalise(mixed, 1e-6) : mixed;
  };
  const result = oracle.selfModifyingTitans(
    oracle.initialSelfModifyingState(all as unknown as oracle.SelfModifyingMemories),
    { x, ...(config.adaptiveQuery ? {} : { queryWeight: oracle.transpose(projections.query!) }) },
    {
      ...config,
      activation: "silu",
      memoryChunk: config.chunkSize,
      projectionChunk: config.projectionChunkSize,
      stepSizeBias: params.gateBiases.stepSize![0]!,
      retainBias: params.gateBiases.retain?.[0] ?? 0,
      normaliseEpsilon: 1e-6,
      frozen: [...config.staticProjections, ...(config.decay ? [] : (["retain"] as const))],
      convolution: { length: config.convolutionKernel, mix },
    },
  );
  const y = result.outputs.map((read, t) => {
    const rms = Math.sqrt(oracle.dot(read, read) / dim + 1e-6);
    const gate = oracle.vecMat(x[t]!, params.outputGate).map(oracle.sigmoid);
    return oracle.vecMat(
      read.map((u, j) => (u / rms) * params.readScale[0]![j]! * gate[j]!),
      params.output,
    );
  });
  const { memory } = result.state.memories;
  return { y, memory: memory.kind === "mlp" ? [memory.inward, memory.outward] : [memory.weight] };
}

const options: [string, Partial<SelfModifyingInput>][] = [
  ["as it is by default", {}],
  ["with two heads", { heads: 2 }],
  ["with matrices", { memory: "matrix" }],
  ["token by token", { chunkSize: 1, projectionChunkSize: 1 }],
  ["with longer chunks of the main memory", { projectionChunkSize: 2 }],
  ["with longer chunks of the projections", { chunkSize: 2 }],
  ["with adaptive queries", { adaptiveQuery: true }],
  ["read from the running state", { readState: "running" }],
  ["read from the running state, matrices", { readState: "running", memory: "matrix" }],
  ["with the delta rule", { rule: "delta" }],
  ["without erasing", { erase: false }],
  ["that erases at the input alone", { eraseLayers: "input" }],
  ["without decay", { decay: false }],
  ["with momentum", { momentum: 0.7 }],
  ["with momentum, not erasing, running", { momentum: 0.7, erase: false, readState: "running" }],
  ["with momentum, running", { momentum: 0.7, readState: "running", projectionChunkSize: 1 }],
  ["with normalised steps", { normalizedStep: true }],
  ["with shared targets", { targets: "shared" }],
  ["with values as they are", { normalizeValues: false, maxStepSize: 0.2 }],
  ["with static keys", { staticProjections: ["key"] }],
  ["with static values and gates", { staticProjections: ["value", "stepSize"] }],
  ["with nothing but static projections", { staticProjections: ["key", "value", "stepSize", "retain"] }],
];

function expectSame(
  a: { y: oracle.Matrix; memory: oracle.Matrix[] },
  b: { y: oracle.Matrix; memory: oracle.Matrix[] },
) {
  expect(oracle.maxDifference(a.y, b.y)).toBeLessThan(1e-9);
  expect(oracle.maxDifference(a.memory, b.memory)).toBeLessThan(1e-9);
}

describeNative("self-modifying Titans against a loop in plain numbers", () => {
  it.each(options)("NL Eq. 90: SelfModifyingTitans %s is the loop over tokens", async (_, changes) => {
    const layer = new SelfModifyingTitans({ ...base, ...changes });
    const isKnown = layer.config.heads === 1 && layer.config.targets === "self" && !layer.config.normalizedStep;
    const stored = x.map((_, t) => isKnown || t !== 3);
    const found = await run(layer, stored);
    const plain = plainLayer(layer.config, found.params, x, stored);
    expectSame(found, { y: plain.outputs, memory: plain.memories.memory! });
    if (isKnown) expectSame(found, oracleRun(layer, found.params));
  });
});
