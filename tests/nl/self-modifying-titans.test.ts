/** The layer of self-modifying Titans against plain loops, its limits, and its gradients. */
import { describe, expect, it } from "vitest";
import {
  grad,
  jit,
  key,
  leaves,
  mapTree,
  np,
  readSync,
  scope,
  slice,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import {
  type SelfModifyingInput,
  type SelfModifyingParams,
  type SelfModifyingState,
  SelfModifyingTitans,
} from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import { randomized, toNumbers, toTensor } from "../common/tensors.ts";
import { inFloat64, wide } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";
import { type PlainParams, plainLayer } from "./plain-self-modifying.ts";
import { selfModifyingOracle } from "./self-modifying-oracle.ts";

const [dim, tokens] = [4, 7];
const x = oracle.randomSource(901).normalMatrix(tokens, dim);

const base: SelfModifyingInput = {
  dim,
  chunkSize: 4,
  projectionChunkSize: 4,
  maxStepSize: 0.6,
  gateBiases: { stepSize: 0, retain: 1.5 },
  expansion: 1.5,
  // As in the paper, whose chunks the oracles compute.
  stepGuard: "off",
};

const all = x.map(() => true);

/** Every parameter random, so that nothing is zero or the identity. */
function paramsOf(layer: SelfModifyingTitans, seed = 902): SelfModifyingParams {
  return randomized(seed, layer.init(key(1)));
}

/** The layer, in float64. */
async function run(layer: SelfModifyingTitans, stored: readonly boolean[], own?: SelfModifyingParams) {
  const narrow = own ?? scope(() => paramsOf(layer));
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
    if (isKnown) expectSame(found, selfModifyingOracle(layer, found.params, x));
  });
});

describeNative("self-modifying Titans and their limits", () => {
  const matrixLayer = (changes: Partial<SelfModifyingInput>) =>
    new SelfModifyingTitans({ ...base, memory: "matrix", chunkSize: 1, projectionChunkSize: 1, ...changes });

  it("with frozen memories are the layer with static projections", async () => {
    const never = { maxStepSize: 0, decay: false };
    const frozen = matrixLayer(never);
    const fixed = matrixLayer({ ...never, staticProjections: ["key", "value", "stepSize"] });
    const found = await run(frozen, all);
    const { initialMemories, projections, ...rest } = scope(() => paramsOf(frozen));
    const asStatic = (name: "key" | "value" | "stepSize") => {
      const [[memory]] = toNumbers(initialMemories[name]!.layers as Tensor[]) as unknown as [[oracle.Matrix]];
      return toTensor(oracle.transpose(memory));
    };
    const params = {
      ...rest,
      projections: { ...projections, key: asStatic("key"), value: asStatic("value"), stepSize: asStatic("stepSize") },
      initialMemories: { memory: initialMemories.memory! },
    };
    expectSame(await run(fixed, all, params), found);
    expect(oracle.maxDifference(found.y, (await run(matrixLayer({}), all)).y)).toBeGreaterThan(1e-3);
  });

  it("with static projections, values as targets and no erase, the main memory is M (alpha I - eta k k^T) + eta v k^T, read before the write", async () => {
    const layer = matrixLayer({
      staticProjections: ["key", "value", "stepSize", "retain"],
      erase: false,
      targets: "shared",
      normalizeValues: false,
    });
    const { memory, params } = await run(layer, all);
    let M = params.initialMemories.memory!.layers[0]![0]!;
    const convolved = (name: string, t: number) => {
      const taps = params.convolutions[name]!;
      const past = taps.map((_, n) => t - (taps.length - 1) + n);
      return past.reduce(
        (sum, s, n) =>
          s < 0 ? sum : oracle.add(sum, oracle.hadamard(oracle.vecMat(x[s]!, params.projections![name]!), taps[n]!)),
        oracle.zeroVector(dim),
      );
    };
    const gate = (name: string, t: number) => {
      const features = oracle.vecMat(x[t]!, params.projections![name]!);
      return oracle.sigmoid(features.reduce((sum, u) => sum + u, 0) / dim + params.gateBiases[name]![0]!);
    };
    x.forEach((_, t) => {
      const k = oracle.l2Normalise(convolved("key", t), 1e-6);
      const [eta, alpha] = [0.6 * gate("stepSize", t), gate("retain", t)];
      const transition = oracle.addMatrix(
        oracle.scaleMatrix(alpha, oracle.identity(dim)),
        oracle.scaleMatrix(-eta, oracle.outer(k, k)),
      );
      const written = oracle.scaleMatrix(eta, oracle.outer(convolved("value", t), k));
      M = oracle.addMatrix(oracle.matMul(M, transition), written);
    });
    expect(oracle.maxDifference(memory[0]!, M)).toBeLessThan(1e-9);
  });

  it("are other layers with other chunk sizes", async () => {
    const of = async (size: number) =>
      (await run(new SelfModifyingTitans({ ...base, chunkSize: size, projectionChunkSize: size }), all)).y;
    const [one, two] = [await of(1), await of(2)];
    expect(oracle.maxDifference(one.slice(0, 1), two.slice(0, 1))).toBeLessThan(1e-9);
    expect(oracle.maxDifference(one, two)).toBeGreaterThan(1e-4);
  });

  it.each([
    ["networks", {}],
    ["two chunk sizes, running", { projectionChunkSize: 2, readState: "running" }],
  ] as const)("have the outer gradients of differences, into every initial memory: %s", async (_, changes) => {
    const layer = new SelfModifyingTitans({ ...base, ...changes });
    const params = scope(() => paramsOf(layer));
    const readout = oracle.randomSource(903).normalMatrix(tokens, dim);
    const loss = (p: SelfModifyingParams) => {
      const [y] = layer.step(p, layer.initialState(p, 1), wide([x]));
      return np.sum(np.multiply(y, wide([readout])));
    };
    const wideParams = mapTree(params, (u) => tensor(Float64Array.from(readSync(u)), u.shape));
    const found = await inFloat64((p) => grad(loss)(p), wideParams);
    const numbers = toNumbers(params);
    const analytic = oracle.flatten(found);
    const flat = oracle.flatten(numbers);
    const plain = (at: number[]) => {
      const { outputs } = plainLayer(layer.config, oracle.unflatten(at, numbers) as unknown as PlainParams, x);
      return oracle.dot(outputs.flat(), readout.flat());
    };
    const scale = Math.max(...analytic.map(Math.abs));
    flat.forEach((value, i) => {
      const at = (h: number) => (plain(flat.with(i, value + h)) - plain(flat.with(i, value - h))) / (2 * h);
      const expected = (4 * at(5e-4) - at(1e-3)) / 3;
      expect(Math.abs(analytic[i]! - expected), `entry ${i}`).toBeLessThan(1e-6 * scale);
    });
    const { initialMemories } = found as unknown as PlainParams;
    for (const { layers } of Object.values(initialMemories))
      for (const layer of layers) expect(oracle.treeNorm(layer)).toBeGreaterThan(1e-5 * scale);
  });
});

describe("a configuration of self-modifying Titans", () => {
  it.each([
    [{ heads: 3 }, "multiple of the heads"],
    [{ chunkSize: 4, projectionChunkSize: 6 }, "multiple of the other"],
    [{ momentum: 1 }, "below 1"],
    [{ maxStepSize: -1 }, "0 (never write) or more"],
    [{ expansion: 0 }, "above 0"],
    [{ readState: "runing" as never }, "running"],
    [{ staticProjections: ["keys" as never] }, "key"],
  ])("that cannot work is refused: %j", (changes, message) => {
    expect(() => new SelfModifyingTitans({ dim: 4, ...changes })).toThrow(message);
  });

  it("leaves out the memories it has no use for", () => {
    const names = (changes: Partial<SelfModifyingInput>) =>
      scope(() => {
        const layer = new SelfModifyingTitans({ dim: 4, ...changes });
        const params = layer.init(key(1));
        const state = layer.initialState(params, 2);
        expect(state.projections?.layers[0]?.shape.slice(0, 3) ?? []).toEqual(
          Object.keys(params.initialMemories).length > 1 ? [2, 1, Object.keys(params.initialMemories).length - 1] : [],
        );
        return Object.keys(params.initialMemories).sort();
      });
    expect(names({})).toEqual(["key", "memory", "retain", "stepSize", "value"]);
    expect(names({ decay: false, adaptiveQuery: true })).toEqual(["key", "memory", "query", "stepSize", "value"]);
    expect(names({ staticProjections: ["key", "value", "stepSize", "retain"] })).toEqual(["memory"]);
  });

  it("tells of the main memory: losses fall by what is written, and memories can be replaced", () => {
    scope(() => {
      const layer = new SelfModifyingTitans({
        ...base,
        heads: 2,
        erase: false,
        momentum: 0.3,
        decay: false,
        maxStepSize: 0.1,
      });
      const params = paramsOf(layer);
      const u = toTensor([x, x]);
      const mask = toTensor([x.map(() => 1), x.map((_, t) => Number(t < 5))]);
      const state = layer.initialState(params, 2);
      const [y, next, found] = layer.diagnose(params, state, u, { mask });
      expect(toNumbers(y)).toEqual(toNumbers(layer.step(params, state, u, { mask })[0]));
      const shapes = Object.values(found).map(({ shape }) => shape);
      expect(shapes.slice(0, 2)).toEqual([
        [2, 2, 2],
        [2, 2, 2],
      ]);
      expect(found.surprises.shape).toEqual([2, 2, tokens]);
      const [initial, before, after] = [found.lossAtInitial, found.lossBefore, found.lossAfter].map((l) => [
        ...readSync(l),
      ]);
      expect(before![0]).toBeCloseTo(initial![0]!, 6);
      expect(after![0]).toBeLessThan(before![0]!);
      const [rho, steps] = [[...readSync(found.rho)], [...readSync(found.stepSizes)]];
      // Momentum 0.3 takes each step up to 1/0.7 times.
      const sum = steps.slice(0, 4).reduce((total, step) => total + step, 0);
      expect(rho[0]).toBeGreaterThan(sum);
      expect(rho[0]).toBeLessThan(sum / 0.7);
      expect(Math.max(...readSync(slice(found.stepSizes, 1, [], [5, tokens])))).toBe(0);
      const cleared = layer.mapMemory(next, (memory) => mapTree(memory as Tree, (w) => np.zerosLike(w)) as never);
      expect(Math.max(...readSync(cleared.memory.layers[0]!))).toBe(0);
      expect(toNumbers(cleared.tails)).toEqual(toNumbers(next.tails));
    });
  });
});

describe("gates of self-modifying Titans", () => {
  it("stay in their range for tokens of any size, and the memory stays finite", () => {
    scope(() => {
      const layer = new SelfModifyingTitans(base);
      const params = paramsOf(layer);
      for (const size of [0, 1e-4, 1e4]) {
        const u = toTensor([x.map((row) => oracle.scale(size, row))]);
        const [y, next, { stepSizes }] = layer.diagnose(params, layer.initialState(params, 1), u);
        for (const step of readSync(stepSizes)) {
          expect(step).toBeGreaterThanOrEqual(0);
          expect(step).toBeLessThanOrEqual(Math.fround(0.6));
        }
        const numbers = [y, ...next.memory.layers].flatMap((leaf) => [...readSync(leaf)]);
        expect(numbers.every(Number.isFinite)).toBe(true);
      }
    });
  });
});

describe("the step guard of self-modifying Titans", () => {
  /** The largest weight of any memory after segments of one token over and over, in chunks of 32 with steps of one half. */
  const largest = (stepGuard: "off" | "curvature", expansion: number) =>
    scope(() => {
      const layer = new SelfModifyingTitans({
        dim: 8,
        chunkSize: 32,
        projectionChunkSize: 32,
        maxStepSize: 1,
        expansion,
        stepGuard,
      });
      const grown = mapTree(layer.init(key(4)), (u, path) =>
        path.startsWith("initialMemories") ? np.multiply(u, 4) : u,
      );
      const token = oracle.randomSource(905).normalVector(8);
      const x = toTensor([Array.from({ length: 64 }, () => token)]);
      const step = jit((p: SelfModifyingParams, s: SelfModifyingState) => layer.step(p, s, x)[1]);
      let state = layer.initialState(grown, 1);
      for (let segment = 0; segment < 10; segment++) state = step(grown, state);
      const numbers = [...leaves(state.memory), ...leaves(state.projections!)].flatMap((leaf) => [...readSync(leaf)]);
      return Math.max(...numbers.map((u) => (Number.isFinite(u) ? Math.abs(u) : Infinity)));
    });

  it("keeps memories bounded where chunks of similar keys overshoot without it", () => {
    expect(largest("off", 2)).toBeGreaterThan(1e6);
    expect(largest("curvature", 2)).toBeLessThan(10);
  });
});
