/** The parts of the MIRAS layer: gates, keys, pairs, what is not stored, and what it tells of itself. */
import { describe, expect, it } from "vitest";
import { key, mapTree, np, readSync, scope, type Tensor } from "../../src/array/index.ts";
import { boundedGate, gateHeadLogits, initGateHead, logGate, positiveGate } from "../../src/miras/gate-heads.ts";
import {
  associativeMemory,
  MirasMemory,
  type MirasMemoryConfig,
  type MirasMemoryParams,
  plainSettings,
  type TableRowName,
  tableRow,
  tableRowNames,
} from "../../src/miras/index.ts";
import { chunkDiagnostics } from "../../src/miras/memory-diagnostics.ts";
import { decoupledErase, interleaved, writeGates } from "../../src/miras/token-inputs.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, type NumberTree, randomized, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { algorithms, biases, length, network, runWith, dim as small } from "./engine-cases.ts";
import { type EngineRun, ofRun } from "./engine-runs.ts";

const [dim, heads, headDim, batch, tokens] = [8, 2, 4, 2, 5];
const random = oracle.randomSource(971);
const input = Array.from({ length: batch }, () => random.normalMatrix(tokens, dim));

function layerOf(settings: Omit<MirasMemoryConfig, "dim" | "heads" | "headDim">): MirasMemory {
  return new MirasMemory({ ...settings, dim, heads, headDim, chunkSize: 4 });
}

const rowLayer = (name: TableRowName) => layerOf(tableRow(name).settings!(heads));

/** Every parameter random, the initial memory too. */
function randomParams(layer: MirasMemory, seed: number): MirasMemoryParams {
  return randomized(seed, layer.init(key(3)));
}

describe("gates of a layer", () => {
  const x = () => toTensor(input);

  it("start at what their bias gives, whatever the token, within their bounds", () => {
    scope(() => {
      for (const source of [
        { kind: "token", bias: 1.5 },
        { kind: "channel", bias: 1.5, rank: 3 },
      ] as const) {
        const params = initGateHead(source, key(1), dim, heads, headDim);
        const given = { source, params, x: x(), heads };
        const shape = [batch, heads, tokens, source.kind === "token" ? 1 : headDim];
        for (const [gate, value] of [
          [logGate(given), Math.log(oracle.sigmoid(1.5))],
          [boundedGate(given, 0.3), 0.3 * oracle.sigmoid(1.5)],
          [positiveGate(given), Math.log1p(Math.exp(1.5))],
        ] as const) {
          expect(gate.shape).toEqual(shape);
          for (const number of readSync(gate)) expect(number).toBeCloseTo(value, 5);
        }
      }
    });
  });

  it("of channels are a low-rank map of the token, head by head", () => {
    scope(() => {
      const fresh = initGateHead({ kind: "channel", bias: 0.5, rank: 3 }, key(1), dim, heads, headDim)!;
      const params = randomized(972, fresh);
      const { down, up, bias } = toNumbers(params) as Record<string, oracle.Matrix> & { bias: oracle.Vector };
      const logits = toNumbers(gateHeadLogits(params, x(), heads));
      const expected = input.map((rows) => {
        const all = rows.map((row) => oracle.add(oracle.vecMat(oracle.vecMat(row, down!), up!), bias));
        return Array.from({ length: heads }, (_, head) => oracle.headColumns(all, head, headDim));
      });
      expectClose(logits, expected);
    });
  });

  it("that are fixed are one number, or one a head", () => {
    scope(() => {
      const given = { params: undefined, x: x(), heads };
      const perHead = logGate({ ...given, source: { kind: "fixed", value: [0.5, 0.25] } });
      const expected = input.map(() => [0.5, 0.25].map((value) => input[0]!.map(() => [Math.log(value)])));
      expectClose(perHead, expected);
      const one = boundedGate({ ...given, source: { kind: "fixed", value: 2 } }, 0.1);
      for (const value of readSync(one)) expect(value).toBe(2);
    });
  });
});

describe("several pairs a token", () => {
  const layer = rowLayer("deltaproduct");

  it("stand one after another, each with its own step size; the first alone lets the memory fade", () => {
    scope(() => {
      const [a, b] = [randomBlockOf(981, [2, 3]), randomBlockOf(982, [2, 3])];
      expectClose(interleaved([toTensor(a), toTensor(b)]), [a[0]!, b[0]!, a[1]!, b[1]!]);
      const params = randomParams(layer, 983);
      const storeMask = input.map(() => [1, 1, 0, 1, 1]);
      const gates = writeGates(layer.config, params.gates!, toTensor(input), false, toTensor(storeMask));
      const logits = (name: "retain" | "stepSize", of: number) =>
        toNumbers(gateHeadLogits(params.gates![name]!, toTensor(input), of)) as number[][][][];
      const [retain, step] = [logits("retain", heads), logits("stepSize", 2 * heads)];
      const expected = (value: (n: number, h: number, t: number, pair: number) => number) =>
        input.map((_, n) =>
          Array.from({ length: heads }, (_, h) =>
            Array.from({ length: 2 * tokens }, (_, i) => [value(n, h, Math.floor(i / 2), i % 2)]),
          ),
        );
      expectClose(
        gates.logRetain,
        expected((n, h, t, pair) => (pair === 0 ? Math.log(oracle.sigmoid(retain[n]![h]![t]![0]!)) : 0)),
        1e-5,
      );
      const max = layer.config.maxStepSize;
      expectClose(
        gates.stepSize,
        expected((n, h, t, pair) => storeMask[n]![t]! * max * oracle.sigmoid(step[n]![2 * h + pair]![t]![0]!)),
      );
    });
  });

  it("carry a second gate of key channels on the first of them as well", () => {
    scope(() => {
      const gates = { ...layer.config.gates, retainKeys: { kind: "channel", bias: 2, rank: 2 } as const };
      const withKeys = new MirasMemory({ ...layer.config, gates });
      const params = randomParams(withKeys, 984);
      const { logRetainKeys } = writeGates(withKeys.config, params.gates!, toTensor(input), false, undefined);
      expect(logRetainKeys!.shape).toEqual([batch, heads, 2 * tokens, headDim]);
      const rows = toNumbers(logRetainKeys!) as number[][][][];
      for (const [i, row] of rows[0]![0]!.entries()) expect(row.every((value) => value === 0)).toBe(i % 2 === 1);
      const [y] = withKeys.step(params, withKeys.initialState(params, batch), toTensor(input));
      expect([...readSync(y)].every(Number.isFinite)).toBe(true);
    });
  });
});

function randomBlockOf(seed: number, [rows, columns]: readonly [number, number]): oracle.Matrix {
  return oracle.randomSource(seed).normalMatrix(rows, columns);
}

describe("where keys come from", () => {
  it("HGRN2: keys are what the retain gate lets go of; projected keys are not looked at", () => {
    scope(() => {
      const layer = rowLayer("hgrn2");
      const params = randomParams(layer, 991);
      const read = (p: MirasMemoryParams) => toNumbers(layer.step(p, layer.initialState(p, batch), toTensor(input))[0]);
      // Queries come first, then keys, then values.
      const isKey = toTensor(
        Array.from({ length: 3 * heads * headDim }, (_, i) => Number(i >= heads * headDim && i < 2 * heads * headDim)),
      );
      const without = { ...params, projection: np.multiply(params.projection, np.subtract(1, isKey)) };
      expectClose(read(without), read(params), 0);
      const open = mapTree(params.gates!, (x) => np.multiply(x, 0));
      const shut = { ...open, retain: { ...open.retain!, bias: np.full([heads * headDim], 40) } };
      // A gate that keeps all writes nothing: only the initial memory is read.
      const state = layer.initialState(params, batch);
      const [, next] = layer.step({ ...params, gates: shut }, state, toTensor(input));
      expectClose(toNumbers(next.memory.layers[0]!), toNumbers(state.memory.layers[0]!), 1e-6);
    });
  });

  it("RWKV-7: erases along the scaled unit key, and weakens the written one as its gate says", () => {
    scope(() => {
      const params = randomized(992, rowLayer("rwkv7").init(key(3)).erase!);
      const keys = [0, 1].map((n) => [0, 1].map((h) => randomBlockOf(993 + 2 * n + h, [tokens, headDim])));
      const result = decoupledErase(params, toTensor(keys), toTensor(input));
      const logits = toNumbers(gateHeadLogits(params.gate, toTensor(input), heads)) as number[][][][];
      const { scale, mix } = toNumbers({ scale: params.scale, mix: params.mix }) as Record<string, oracle.Matrix>;
      const each = <R>(f: (n: number, h: number, t: number) => R) =>
        keys.map((row, n) => row.map((head, h) => head.map((_, t) => f(n, h, t))));
      const removal = each((n, h, t) => logits[n]![h]![t]!.map(oracle.sigmoid));
      const expected = each((n, h, t) =>
        oracle.mirasRwkv7Keys(keys[n]![h]![t]!, removal[n]![h]![t]!, scale![h]!, mix![h]!),
      );
      const pick = (name: "removalKey" | "writeKey") =>
        expected.map((row) => row.map((head) => head.map((x) => x[name])));
      expectClose(result.keys, pick("writeKey"));
      // The unit length has a guard against zero.
      expectClose(result.erase.keys, pick("removalKey"), 1e-5);
      expectClose(result.erase.gate, removal);
    });
  });
});

describe("tokens that are not stored", () => {
  const keepsAll = { kind: "fixed", value: 1 } as const;

  it.each(tableRowNames.filter((name) => !["softmax-attention", "hgrn2"].includes(name)))(
    "%s: leave the memory as it is where the retain gate keeps all",
    (name) => {
      scope(() => {
        const settings = tableRow(name).settings!(heads);
        const { retainKeys: _, ...gates } = settings.gates;
        const layer = layerOf({ ...settings, gates: { ...gates, retain: keepsAll } });
        const params = randomParams(layer, 1001);
        const state = layer.initialState(params, batch);
        const [, stored] = layer.step(params, state, toTensor(input));
        const storeMask = np.zeros([batch, tokens]);
        const [, idle] = layer.step(params, state, toTensor(input), { storeMask });
        const weights = (s: typeof state) => toNumbers([...layer.memory.weights(s.memory).layers]);
        expectClose(weights(idle), weights(state), 1e-5);
        const moved = oracle.maxDifference(weights(stored), weights(state));
        expect(moved).toBeGreaterThan(1e-3);
      });
    },
  );
});

describe("the starts of memories", () => {
  it("are empty for linear maps, and random where nothing could be written to zeros", () => {
    scope(() => {
      const size = (layer: MirasMemory) =>
        layer.init(key(5)).initialMemory.map((w) => Math.max(...[...readSync(w)].map(Math.abs)));
      for (const name of ["deltanet", "gla", "mesa"] as const) expect(size(rowLayer(name))).toEqual([0]);
      for (const name of ["ttt-linear", "titans-lmm", "moneta", "yaad", "memora"] as const)
        for (const largest of size(rowLayer(name))) expect(largest).toBeGreaterThan(0.1);
    });
  });

  it("fit keys of one feature, with a gate of key channels too", () => {
    scope(() => {
      const layer = layerOf({
        ...plainSettings,
        architecture: { kind: "vector" },
        gateAxis: "keys",
        gates: { ...plainSettings.gates, retain: { kind: "channel", bias: 2, rank: 2 } },
      });
      const params = randomParams(layer, 1002);
      const [y] = layer.step(params, layer.initialState(params, batch), toTensor(input));
      expect([...readSync(y)].every(Number.isFinite)).toBe(true);
    });
  });
});

/** A chunk's diagnostics, one memory in one head of one sequence. */
async function diagnosticsOf(run: EngineRun): Promise<Record<string, number[][][]>> {
  const memory = associativeMemory(run.config);
  return ofRun(run, (given) => {
    const lifted = mapTree(given as never, (x: Tensor) => np.expandDims(x, [0, 1])) as typeof given;
    const { state: before, tokens, gates, mask, norm } = lifted;
    const initial = {
      layers: before.layers.map((x) => np.multiply(x, 0.5)),
      ...(before.steps ? { steps: before.steps } : {}),
    };
    const result = memory.chunk(before, tokens, gates, { ...(mask ? { mask } : {}), ...(norm ? { norm } : {}) });
    return chunkDiagnostics(memory, { initial, before, tokens, gates, result, norm, mask });
  });
}

describeNative("what a layer tells of its memory, in float64", () => {
  const only = (x: number[][][]) => x[0]![0]!;
  const mean = (x: oracle.Vector) => x.reduce((a, b) => a + b, 0) / x.length;

  it("a network with momentum: losses, norms, errors, surprises and the chunk's step are those of plain numbers", async () => {
    const run = runWith({ architecture: network, algorithm: algorithms.momentum, bias: biases["lp 3"] });
    const told = await diagnosticsOf(run);
    const plainMemory: oracle.MirasMemory = { activation: "silu", residual: false, norm: null };
    const bias: oracle.MirasBias = { kind: "lp", p: 3 };
    const { keys, values } = run.tokens;
    const lossAt = (layers: oracle.Matrix[]) =>
      mean(keys.map((k, t) => oracle.mirasLoss(bias, oracle.mirasForward(plainMemory, layers, k), values[t]!)));
    const layers = [...run.layers];
    const signals = keys.map((k, t) => {
      const error = oracle.mirasOutputError(bias, oracle.mirasForward(plainMemory, layers, k), values[t]!);
      return {
        ...oracle.mirasSignals(plainMemory, layers, k, error),
        gradient: oracle.mirasPullBack(plainMemory, layers, k, error),
      };
    });
    let [weights, steps, left] = [layers, [...run.steps!], 0];
    /** The same recurrence with numbers for gradients: what is left of the step sizes. */
    let carried = 0;
    signals.forEach(({ gradient }, t) => {
      const at = (gate: oracle.Matrix) => gate[t]![0]!;
      steps = oracle.mirasCombine(at(run.gates.momentum!), steps, -at(run.gates.stepSize), gradient);
      weights = oracle.mirasCombine(at(run.gates.retain), weights, 1, steps);
      carried = at(run.gates.momentum!) * carried + at(run.gates.stepSize);
      left = at(run.gates.retain) * left + carried;
    });
    const half = layers.map((w) => oracle.scaleMatrix(0.5, w));
    expectClose(only(told.lossAtInitial!), [lossAt(half)], 1e-9);
    expectClose(only(told.lossBefore!), [lossAt(layers)], 1e-9);
    expectClose(only(told.lossAfter!), [lossAt(weights)], 1e-9);
    expectClose(only(told.memoryNorm!), [oracle.treeNorm(weights)], 1e-9);
    expectClose(only(told.surpriseNorm!), [oracle.treeNorm(steps)], 1e-9);
    const largest = Math.max(...signals.flatMap(({ deltas }) => deltas.map(oracle.norm)));
    expectClose(only(told.errorNorm!), [largest], 1e-9);
    expectClose(only(told.rho!), [left], 1e-9);
    expectClose(
      only(told.surprises!),
      signals.map(({ gradient }) => oracle.treeNorm(gradient)),
      1e-9,
    );
    expectClose(
      only(told.stepSizes!),
      run.gates.stepSize.map(([x]) => x!),
      1e-9,
    );
  });

  it("with a norm at the output, surprises are of what is written, not of its scale and shift", async () => {
    const norm = { scale: [1.2, 0.8, 1], shift: [0.1, -0.1, 0.2] };
    const run = runWith({ architecture: { ...network, norm: true } }, { norm });
    const told = await diagnosticsOf(run);
    const plainMemory: oracle.MirasMemory = {
      activation: "silu",
      residual: false,
      norm: { epsilon: 1e-5, gamma: norm.scale, beta: norm.shift },
    };
    const layers = [...run.layers];
    const expected = run.tokens.keys.map((k, t) => {
      const error = oracle.subtract(oracle.mirasForward(plainMemory, layers, k), run.tokens.values[t]!);
      return oracle.treeNorm(oracle.mirasPullBack(plainMemory, layers, k, error));
    });
    expectClose(only(told.surprises!), expected, 1e-9);
  });

  it("implicit steps are told as they are used, and none of an empty slot", async () => {
    const mask = [1, 1, 0, 1, 0];
    const run = runWith({ algorithm: algorithms.implicit }, { mask });
    const told = await diagnosticsOf(run);
    // Unit keys.
    const used = run.gates.stepSize.map(([eta], t) => (mask[t]! * eta!) / (1 + eta!));
    expectClose(only(told.stepSizes!), used, 1e-9);
    const left = used.reduce((sum, step, t) => (mask[t] === 1 ? sum * run.gates.retain[t]![0]! : sum) + step, 0);
    expectClose(only(told.rho!), [left], 1e-9);
    const zeros = [told.surprises!, told.stepSizes!].map((x) => [only(x)[2], only(x)[4]]) as NumberTree;
    expectClose(
      zeros,
      [
        [0, 0],
        [0, 0],
      ],
      0,
    );
    expect([small, length]).toEqual([3, 5]);
  });
});
