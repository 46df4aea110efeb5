/** The layer of self-modifying Titans against plain loops, its limits, and its gradients. */
import { expect, it } from "vitest";
import { key, mapTree, readSync, scope, type Tree, tensor } from "../../src/array/index.ts";
import { type SelfModifyingInput, type SelfModifyingParams, SelfModifyingTitans } from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import { randomized, toNumbers } from "../common/tensors.ts";
import { inFloat64, wide } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";
import { type PlainParams, plainLayer } from "./plain-self-modifying.ts";

const [dim, tokens] = [4, 9];
const x = oracle.randomSource(901).normalMatrix(tokens, dim);

const base: SelfModifyingInput = {
  dim,
  heads: 2,
  chunkSize: 4,
  projectionChunkSize: 4,
  maxStepSize: 0.6,
  gateBiases: { stepSize: 0, retain: 1.5 },
};

/** Every parameter random, so that nothing is zero or the identity. */
function paramsOf(layer: SelfModifyingTitans, seed = 902): SelfModifyingParams {
  return randomized(seed, layer.init(key(1)));
}

async function run(layer: SelfModifyingTitans, stored = x.map(() => true)) {
  const narrow = scope(() => paramsOf(layer));
  const params = toNumbers(narrow) as unknown as PlainParams;
  const wideParams = mapTree(narrow, (u) => tensor(Float64Array.from(readSync(u)), u.shape));
  const found = (await inFloat64(
    (p: Tree, u, s) => {
      const own = p as unknown as SelfModifyingParams;
      const [y, state] = layer.step(own, layer.initialState(own, 1), u as never, { storeMask: s as never });
      return { y, memory: state.memory.layers } as Tree;
    },
    wideParams as unknown as Tree,
    wide([x]),
    wide([stored.map(Number)]),
  )) as unknown as { y: oracle.Matrix[]; memory: oracle.Matrix[][][] };
  return { found, plain: plainLayer(layer.config, params, x, stored) };
}

const options: [string, Partial<SelfModifyingInput>][] = [
  ["as it is by default", {}],
  ["with one head", { heads: 1 }],
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

describeNative("self-modifying Titans against a loop in plain numbers", () => {
  it.each(options)("NL Eq. 90: SelfModifyingTitans %s is the loop over tokens", async (_, changes) => {
    const layer = new SelfModifyingTitans({ ...base, ...changes });
    const { found, plain } = await run(
      layer,
      x.map((_, t) => t !== 3),
    );
    expect(oracle.maxDifference(found.y[0], plain.outputs)).toBeLessThan(1e-9);
    const memory = found.memory.map((layers) => layers[0]![0]!);
    expect(oracle.maxDifference(memory, plain.memories.memory)).toBeLessThan(1e-9);
  });
});
