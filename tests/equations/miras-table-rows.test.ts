/** Every row of Table 1, as a setting of the engine, against its own recurrence in plain numbers. */
import { describe, expect, it } from "vitest";
import { jit, np, scope, type Tensor, type Tree } from "../../src/array/index.ts";
import { causalMask, scaledDotProductAttention } from "../../src/common/index.ts";
import {
  type AssociativeMemoryConfig,
  associativeMemory,
  lightningDecays,
  retNetDecays,
  rowForm,
  type TableRowName,
  tableRow,
  tableRowNames,
} from "../../src/miras/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, relativeError, toNumbers, toTensor } from "../common/tensors.ts";
import {
  byToken,
  chunksOf,
  constantGate,
  type EngineRun,
  type GateNumbers,
  inChunks,
  ofRun,
  type RunNumbers,
  type RunTensors,
  randomGate,
  randomTokens,
  type TokenNumbers,
  tensorsOf,
} from "../miras/engine-runs.ts";
import { inFloat64, wide } from "../miras/float64.ts";
import * as oracle from "../oracles/index.ts";

const [length, dim] = [7, 4];
/** One token at a time, whole chunks with a ragged one, and all at once. */
const sizes = [1, 3, length];
/** What float64 leaves of seven tokens. */
const tolerance = 1e-9;

const random = oracle.randomSource(501);
const tokens = randomTokens(502, length, dim);
const matrix = [random.normalMatrix(dim, dim, 0.5)];
const network = (width: number) => [random.normalMatrix(width, dim, 0.6), random.normalMatrix(dim, width, 0.4)];
const outputNorm = { scale: random.uniformVector(dim, 0.8, 1.2), shift: random.normalVector(dim, 0.2) };
const one = constantGate(length, 1);
const flat = (gate: oracle.Matrix) => gate.map(([value]) => value!);

/** What a row is run with, and what its own recurrence gives for chunks of a size: outputs and weights, or whatever it carries. */
interface RowCase {
  readonly gates: GateNumbers;
  readonly layers?: readonly oracle.Matrix[];
  readonly steps?: readonly oracle.Matrix[];
  readonly tokens?: TokenNumbers;
  readonly norm?: typeof outputNorm;
  readonly expected: (size: number) => RunNumbers;
}

const scalar = randomGate(503, length, 1, 0.8, 0.99);
const byValue = randomGate(504, length, dim, 0.8, 0.99);
const byKey = randomGate(505, length, dim, 0.7, 0.99);
const steps = randomGate(506, length, 1, 0.1, 0.9);
const stepsByValue = randomGate(507, length, dim, 0.1, 2);
const smallSteps = randomGate(508, length, 1, 0.02, 0.2);
const momentum = randomGate(509, length, 1, 0.2, 0.8);
const thresholds = randomGate(510, length, 1, 0.6, 1.2);

const ofTable = ({ outputs, final }: oracle.MirasTableRun): RunNumbers => ({ outputs, state: { layers: [final] } });
const start = matrix[0]!;

const hidden = 4 * dim;
const wideNetwork = network(hidden);
const titansNetwork = network(2 * dim);
const titansSteps = [random.normalMatrix(2 * dim, dim, 0.1), random.normalMatrix(dim, 2 * dim, 0.1)];
const mlp: oracle.MirasMemory = {
  activation: "gelu-erf",
  residual: true,
  norm: { epsilon: 1e-5, gamma: outputNorm.scale, beta: outputNorm.shift },
};
const ofModel = ({ outputs, state }: oracle.MirasRun): RunNumbers => ({
  outputs,
  state: { layers: state.accumulator },
});
const modelGates = { retain: byValue, stepSize: randomGate(511, length, dim, 0.01, 0.1) };
const sequence = { ...tokens, retain: modelGates.retain, stepSize: modelGates.stepSize };

function timeTraining(layers: oracle.Matrix[], stepSize: oracle.Matrix): RowCase {
  return {
    gates: { retain: one, stepSize },
    layers,
    norm: outputNorm,
    expected: (chunk) => {
      const given = { ...tokens, retain: flat(one), stepSize: flat(stepSize) };
      return ofModel(oracle.mirasDelta(given, oracle.mirasInitialState(layers), { memory: mlp, chunk }));
    },
  };
}

const twoPairs = randomTokens(512, length, dim, 2);
const removal = randomGate(513, length, dim, 0.2, 0.9);
const removalKeys = Array.from({ length }, () => random.unitVector(dim));

const rowCases: Readonly<Record<Exclude<TableRowName, "softmax-attention">, RowCase>> = {
  "linear-attention": {
    gates: { retain: one, stepSize: one },
    expected: () => ofTable(oracle.mirasLinearAttention(tokens, start)),
  },
  retnet: {
    gates: { retain: constantGate(length, retNetDecays(4)[2]!), stepSize: one },
    expected: () => ofTable(oracle.mirasScalarDecay(tokens, oracle.mirasRetNetDecay(2), start)),
  },
  lightning: {
    gates: { retain: constantGate(length, lightningDecays(4)[1]!), stepSize: one },
    expected: () => ofTable(oracle.mirasScalarDecay(tokens, Math.exp(-(2 ** -4)), start)),
  },
  dfw: {
    gates: { retain: byValue, retainKeys: byKey, stepSize: one },
    expected: () => ofTable(oracle.mirasDecayingFastWeights(tokens, { value: byValue, key: byKey }, start)),
  },
  gla: {
    gates: { retain: byKey, stepSize: one },
    expected: () => ofTable(oracle.mirasGatedLinearAttention(tokens, byKey, start)),
  },
  mamba2: {
    gates: { retain: scalar, stepSize: one },
    expected: () => ofTable(oracle.mirasScalarDecay(tokens, flat(scalar), start)),
  },
  hgrn2: {
    gates: { retain: byKey, stepSize: one },
    // The layer ties them; the engine is given keys.
    tokens: { ...tokens, keys: byKey.map((row) => row.map((alpha) => 1 - alpha)) },
    expected: () => ofTable(oracle.mirasHgrn2(tokens, byKey, start)),
  },
  deltanet: {
    gates: { retain: one, stepSize: steps },
    expected: () => ofTable(oracle.mirasDeltaNet(tokens, flat(steps), start)),
  },
  longhorn: {
    gates: { retain: one, stepSize: stepsByValue },
    expected: () => ofTable(oracle.mirasLonghorn(tokens, stepsByValue, start)),
  },
  "ttt-linear": timeTraining(matrix, smallSteps),
  "gated-deltanet": {
    gates: { retain: scalar, stepSize: steps },
    expected: () => ofTable(oracle.mirasGatedDeltaNet(tokens, { retain: flat(scalar), stepSize: flat(steps) }, start)),
  },
  rwkv7: {
    gates: { retain: byKey, stepSize: one },
    tokens: { ...tokens, erase: { keys: removalKeys, gate: removal } },
    expected: () =>
      ofTable(oracle.mirasRwkv7(tokens, { retain: byKey, removal, removalKeys, writeKeys: tokens.keys }, start)),
  },
  deltaproduct: {
    // Of a token's two pairs the first alone lets the memory fade.
    gates: { retain: scalar.flatMap((gate) => [gate, [1]]), stepSize: randomGate(514, 2 * length, 1, 0.1, 1.9) },
    tokens: twoPairs,
    expected: () => {
      const { stepSize } = rowCases.deltaproduct.gates;
      const pair = (rows: oracle.Matrix, t: number) => rows.slice(2 * t, 2 * t + 2);
      const perToken = twoPairs.queries.map((query, t) => ({
        keys: pair(twoPairs.keys, t),
        values: pair(twoPairs.values, t),
        stepSize: flat(pair(stepSize, t)),
        retain: scalar[t]![0]!,
        query,
      }));
      return ofTable(oracle.mirasDeltaProductForm(perToken, start));
    },
  },
  "ttt-mlp": timeTraining(wideNetwork, smallSteps),
  "titans-lmm": {
    gates: { retain: scalar, stepSize: smallSteps, momentum },
    layers: titansNetwork,
    steps: titansSteps,
    expected: (chunk) => {
      const run = oracle.titansRecurrence(
        {
          ...tokens,
          forget: flat(scalar).map((retain) => 1 - retain),
          momentum: flat(momentum),
          stepSize: flat(smallSteps),
        },
        oracle.initialMemoryState({ layers: titansNetwork, norm: null }, { layers: titansSteps, norm: null }),
        { network: { activation: "silu", residual: false, normEpsilon: 1e-3 }, kappa: 1, chunk, read: "after" },
      );
      return {
        outputs: run.outputs,
        state: { layers: run.state.weights.layers, steps: run.state.momentum.layers },
      };
    },
  },
  moneta: {
    gates: modelGates,
    layers: wideNetwork,
    norm: outputNorm,
    expected: (chunk) =>
      ofModel(
        oracle.mirasMoneta(sequence, oracle.mirasInitialState(wideNetwork), {
          memory: mlp,
          p: 3,
          smooth: { slope: 10, epsilon: 1e-6 },
          q: 4,
          map: "printed",
          normGuard: 1e-12,
          read: "exact",
          chunk,
        }),
      ),
  },
  yaad: {
    gates: { ...modelGates, threshold: thresholds },
    layers: wideNetwork,
    norm: outputNorm,
    expected: (chunk) =>
      ofModel(
        oracle.mirasYaad({ ...sequence, threshold: flat(thresholds) }, oracle.mirasInitialState(wideNetwork), {
          memory: mlp,
          l1: "sign",
          slope: 10,
          chunk,
        }),
      ),
  },
  memora: {
    gates: modelGates,
    layers: wideNetwork.map((layer) => layer.map(logSoftmax)),
    norm: outputNorm,
    expected: (chunk) => {
      // Rows of a mean weight of 1.
      const options: oracle.MirasMemoraOptions = {
        memory: mlp,
        totals: [dim, hidden],
        tail: "log",
        floor: null,
        chunk,
      };
      const logits = wideNetwork.map((layer) => layer.map(logSoftmax));
      const run = oracle.mirasMemora(sequence, oracle.mirasMemoraInitialState(logits, options), options);
      // The oracle carries sums of logarithms, which it normalises at the next chunk's start.
      return { outputs: run.outputs, state: { layers: run.state.accumulator.map((layer) => layer.map(logSoftmax)) } };
    },
  },
  mesa: {
    gates: { retain: one, stepSize: one },
    layers: [oracle.zeroMatrix(dim, dim), oracle.identity(dim)],
    expected: () => {
      const weights = oracle.mirasRidge(tokens.keys, tokens.values, 1);
      const curvature = tokens.keys.reduce(
        (sum, key) => oracle.addMatrix(sum, oracle.outer(key, key)),
        oracle.identity(dim),
      );
      return {
        outputs: weights.map((w, t) => oracle.matVec(w, tokens.queries[t]!)),
        state: { layers: [weights.at(-1)!, oracle.inverse(curvature)] },
      };
    },
  },
};

function logSoftmax(logits: oracle.Vector): oracle.Vector {
  const sum = Math.log(logits.reduce((total, x) => total + Math.exp(x), 0));
  return logits.map((x) => x - sum);
}

function configOf(name: keyof typeof rowCases): AssociativeMemoryConfig {
  const settings: AssociativeMemoryConfig = { ...tableRow(name).settings!(1), dim };
  return settings;
}

function runOf(name: keyof typeof rowCases): EngineRun {
  const { expected: _, ...given } = rowCases[name];
  return { config: configOf(name), layers: matrix, tokens, ...given };
}

function expectRun(actual: RunNumbers, expected: RunNumbers, title: string): void {
  expect(relativeError(actual.outputs, expected.outputs), `outputs, ${title}`).toBeLessThan(tolerance);
  expect(relativeError([...actual.state.layers], [...expected.state.layers]), `state, ${title}`).toBeLessThan(
    tolerance,
  );
  if (expected.state.steps)
    expect(relativeError([...actual.state.steps!], [...expected.state.steps]), `steps, ${title}`).toBeLessThan(
      tolerance,
    );
}

const names = Object.keys(rowCases) as (keyof typeof rowCases)[];
const isExact = (name: TableRowName) => rowForm(tableRow(name)).exact;

describe("the catalogue of Table 1", () => {
  it("has twenty rows, each with a form, and says which of them freeze their gradients over a chunk", () => {
    expect(tableRowNames).toHaveLength(20);
    expect(tableRowNames.filter((name) => !isExact(name))).toEqual([
      "ttt-linear",
      "ttt-mlp",
      "titans-lmm",
      "moneta",
      "yaad",
      "memora",
    ]);
    const forms = Object.fromEntries(tableRowNames.map((name) => [name, rowForm(tableRow(name)).form]));
    expect(forms).toEqual({
      ...Object.fromEntries(tableRowNames.map((name) => [name, "lowRank"])),
      ...Object.fromEntries(
        ["deltanet", "longhorn", "gated-deltanet", "rwkv7", "deltaproduct"].map((name) => [name, "triangular"]),
      ),
      moneta: "boundary",
      memora: "boundary",
      mesa: "recurrent",
      "softmax-attention": "set",
    });
  });

  it("refuses an unknown row with the nearest name", () => {
    expect(() => tableRow("deltanett")).toThrow(ConfigError);
    expect(() => tableRow("deltanett")).toThrow(/deltanet/);
  });
});

describeNative("rows of Table 1 in the engine, in float64", () => {
  for (const name of names.filter(isExact)) {
    it(`MIRAS Eq. 28: associativeChunk as ${name} is its recurrence, in chunks of ${sizes.join(", ")} tokens`, async () => {
      const runs = await chunksOf(runOf(name), sizes);
      for (const [i, run] of runs.entries()) expectRun(run, rowCases[name].expected(1), `chunks of ${sizes[i]}`);
    });
  }

  for (const name of names.filter((row) => !isExact(row))) {
    it(`MIRAS Eq. 28: associativeChunk as ${name} takes gradients at the starts of chunks of ${sizes.join(", ")} tokens, each size another function`, async () => {
      const runs = await chunksOf(runOf(name), sizes);
      for (const [i, run] of runs.entries())
        expectRun(run, rowCases[name].expected(sizes[i]!), `chunks of ${sizes[i]}`);
      for (const run of runs.slice(1)) expect(relativeError(run.outputs, runs[0]!.outputs)).toBeGreaterThan(1e-4);
    });
  }

  for (const name of names) {
    it(`MIRAS Eq. 5, 28 and MIRAS Table 1 row ${name}: associativeRecurrence as tableRow sets it is its recurrence, and with a period as its chunks`, async () => {
      const memory = associativeMemory(configOf(name));
      const periods = isExact(name) ? [1] : [1, 3];
      const runs = await ofRun<RunNumbers[]>(runOf(name), (given) =>
        periods.map((period) => byToken(memory, given, period)),
      );
      for (const [i, run] of runs.entries())
        expectRun(run, rowCases[name].expected(periods[i]!), `period ${periods[i]}`);
    });
  }

  it("MIRAS Eq. 2 and MIRAS Table 1 row softmax-attention: scaledDotProductAttention is what tableRow calls a set that grows", async () => {
    expect(rowForm(tableRow("softmax-attention"))).toEqual({ form: "set", exact: true });
    const positions = () => np.arange(length);
    const attend = (q: Tensor, k: Tensor, v: Tensor) =>
      scaledDotProductAttention(q, k, v, causalMask(positions(), positions()));
    const outputs = await inFloat64(attend, wide(tokens.queries), wide(tokens.keys), wide(tokens.values));
    expectClose(outputs, oracle.mirasSoftmaxAttention(tokens), tolerance);
  });

  it("starts the least squares of mesa at zero with the identity", async () => {
    const memory = associativeMemory(configOf("mesa"));
    const state = await inFloat64((w: Tensor) => memory.start([w]), wide(oracle.zeroMatrix(dim, dim)));
    expectClose(state, { layers: [...rowCases.mesa.layers!] }, 0);
  });
});

describe("rows of Table 1 in float32 on the reference engine", () => {
  for (const name of ["gated-deltanet", "moneta"] as const) {
    it(`${name} agrees with its recurrence to some 1e-5`, () => {
      scope(() => {
        const memory = associativeMemory(configOf(name));
        const run = tensorsOf(runOf(name), toTensor);
        const { outputs, layers } = jit((state: Tree) => {
          const result = inChunks(memory, { ...run, state: state as RunTensors["state"] }, 4);
          return { outputs: result.outputs, layers: result.state.layers };
        })(run.state);
        const expected = rowCases[name].expected(4);
        expectClose(outputs, expected.outputs, 1e-5);
        expectClose(toNumbers(layers), [...expected.state.layers], 1e-5);
      });
    });
  }
});
