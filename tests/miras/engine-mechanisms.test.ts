/** Every choice, gate and option of the engine does something, and what cannot be combined is refused. */
import { describe, expect, it } from "vitest";
import { jit, scope, type Tensor } from "../../src/array/index.ts";
import {
  type AssociativeMemoryConfig,
  associativeMemory,
  chunkFormOf,
  MirasMemory,
  type MirasMemoryConfig,
  plainSettings,
  table1,
} from "../../src/miras/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import { relativeError, toNumbers, toTensor } from "../common/tensors.ts";
import { type Matrix, randomSource } from "../oracles/index.ts";
import {
  algorithms,
  biases,
  dim,
  gatesOf,
  l2Retentions,
  length,
  mappedRetentions,
  matrix,
  network,
  runWith,
} from "./engine-cases.ts";
import {
  byToken,
  constantGate,
  type EngineRun,
  inChunks,
  ofRuns,
  randomGate,
  randomTokens,
  tensorsOf,
} from "./engine-runs.ts";

/** A mechanism by name, a run with it, and the same without it or with another in its place. */
type Mechanism = readonly [name: string, on: EngineRun, off: EngineRun];

const random = randomSource(951);
const erase = {
  keys: Array.from({ length }, () => random.unitVector(dim)),
  gate: randomGate(952, length, dim, 0.1, 0.9),
};
const plain = runWith();
const lq = mappedRetentions["lq printed 4"];
const kl = mappedRetentions["kl rows, lag token"];
const net = mappedRetentions["elastic net"];
const leader = mappedRetentions["elastic net leader"];
const tokenExact = { algorithm: algorithms.token };
const norm = { scale: [1.1, 0.9, 1.2], shift: [0.1, -0.2, 0.05] };
const onNetwork = (changes: Partial<typeof network> | object, given = {}) =>
  runWith({ architecture: { ...network, ...changes } }, given);
const withGates = (run: EngineRun, gates: Partial<EngineRun["gates"]>): EngineRun => ({
  ...run,
  gates: { ...run.gates, ...gates },
});
const huber = runWith({ bias: biases["huber norm"] });
const pairs = randomTokens(953, length, dim, 2);
const twoPairs = runWith(tokenExact, { tokens: pairs, gates: gatesOf("scalar", 2 * length) });
const momentum = runWith({ algorithm: algorithms.momentum });
const { momentum: _, ...withoutMomentum } = momentum.gates;

const mechanisms: readonly Mechanism[] = [
  ...Object.entries(biases)
    .filter(([name]) => name !== "l2 half")
    .map(([name, bias]): Mechanism => [`bias ${name}`, runWith({ bias }), plain]),
  ["l_p exponent", runWith({ bias: biases["lp 3"] }), runWith({ bias: { ...biases["lp 3"], p: 4 } })],
  [
    "l_p smoothing",
    runWith({ bias: biases["lp 1.5 smooth"] }),
    runWith({ bias: { ...biases["lp 1.5 smooth"], smooth: false } }),
  ],
  ["mixture against norm", runWith({ bias: biases["huber mixture"] }), huber],
  [
    "mixture's l1 gradient",
    runWith({ bias: biases["huber mixture"] }),
    runWith({ bias: { ...biases["huber mixture"], l1: "direction" } }),
  ],
  [
    "mixture's smoothing",
    runWith({ bias: biases["huber mixture smooth"] }),
    runWith({ bias: biases["huber mixture"] }),
  ],
  [
    "radius of the value shift",
    runWith({ bias: biases["value shift"] }),
    runWith({ bias: { kind: "valueShift", radius: 0.1 } }),
  ],
  ...Object.entries(mappedRetentions)
    .filter(([name]) => name !== "elastic net smooth" && name !== "bregman quadratic")
    .map(([name, retention]): Mechanism => {
      const on = runWith({ retention });
      return [`retention ${name}`, on, { ...runWith(), layers: on.layers }];
    }),
  ["l_q exponent", runWith({ retention: lq }), runWith({ retention: { ...lq, qDual: 3 } })],
  ["l_q map", runWith({ retention: lq }), runWith({ retention: { ...lq, map: "mirror" } })],
  ["lag token", runWith({ retention: kl }), runWith({ retention: { ...kl, lagToken: false } })],
  ["slice", runWith({ retention: { ...kl, total: 2 } }), runWith({ retention: { ...kl, total: 2, slice: "matrix" } })],
  ["total", runWith({ retention: kl }), runWith({ retention: { ...kl, total: 1 } })],
  ["strength of hard forgetting", runWith({ retention: net }), runWith({ retention: { ...net, inverseL1: 30 } })],
  ["thresholds at every token", runWith({ retention: net }), runWith({ retention: leader })],
  ["threshold of the leader", runWith({ retention: leader }), runWith({ retention: { ...leader, threshold: 0.01 } })],
  [
    "bregman generator",
    runWith({ retention: mappedRetentions["bregman logit"] }),
    runWith({ retention: mappedRetentions["bregman quadratic"] }),
  ],
  ["retain gate", plain, withGates(plain, { retain: constantGate(length, 1) })],
  ["step size gate", plain, withGates(plain, { stepSize: constantGate(length, 0) })],
  [
    "retain gate of the key channels",
    runWith({}, { mode: "rank one" }),
    withGates(runWith({}, { mode: "values" }), {}),
  ],
  ["momentum gate", momentum, withGates(momentum, { momentum: constantGate(length, 0.01) })],
  ["momentum", momentum, { ...plain, gates: withoutMomentum }],
  ["carried steps", momentum, { ...momentum, steps: [momentum.steps![0]!.map((row) => row.map(() => 0))] }],
  ["threshold gate", huber, withGates(huber, { threshold: constantGate(length, 10) })],
  ["gate axis: values or keys", runWith({}, { mode: "values" }), runWith({}, { mode: "keys" })],
  ["gate axis: model or values", onNetwork({}, { mode: "model" }), onNetwork({}, { mode: "values" })],
  ["gate axis: model or keys", onNetwork({}, { mode: "model" }), onNetwork({}, { mode: "keys" })],
  ["gradients at each token", runWith(tokenExact), plain],
  ["gradients after decay", runWith({ retention: l2Retentions.decayed }), runWith(tokenExact)],
  ["implicit steps", runWith({ algorithm: algorithms.implicit }), runWith({ retention: l2Retentions.decayed })],
  ["erasing elsewhere", runWith(tokenExact, { tokens: { ...plain.tokens, erase } }), runWith(tokenExact)],
  [
    "the second of a token's pairs",
    twoPairs,
    withGates(twoPairs, { stepSize: twoPairs.gates.stepSize.map((gate, i) => (i % 2 === 0 ? gate : [0])) }),
  ],
  [
    "least squares",
    runWith(
      { algorithm: { kind: "leastSquares" }, retention: l2Retentions.none },
      { layers: [plain.layers[0]!, [0, 1, 2].map((i) => [0, 1, 2].map((j) => Number(i === j)))] },
    ),
    runWith({ ...tokenExact, retention: l2Retentions.none }),
  ],
  ["network", onNetwork({}), plain],
  ["activation gelu", onNetwork({ activation: "gelu" }), onNetwork({})],
  ["activation exact gelu", onNetwork({ activation: "exactGelu" }), onNetwork({ activation: "gelu" })],
  ["residual", onNetwork({ residual: true }), onNetwork({})],
  ["norm", onNetwork({ norm: true }, { norm }), onNetwork({})],
  [
    "scale and shift of the norm",
    onNetwork({ norm: true }, { norm }),
    onNetwork({ norm: true }, { norm: { scale: [1, 1, 1], shift: [0, 0, 0] } }),
  ],
];

describeNative("mechanisms of the engine, in float64", () => {
  // The plain form gives the same numbers: engine.test.ts.
  it("each changes what is read", async () => {
    const runs = mechanisms.flatMap(([, on, off]) => [on, off]);
    const outputs = await ofRuns<Matrix>(
      runs,
      (given, { config }) => inChunks(associativeMemory(config), given, 3).outputs,
    );
    for (const [i, [name]] of mechanisms.entries())
      expect(relativeError(outputs[2 * i]!, outputs[2 * i + 1]!), name).toBeGreaterThan(1e-5);
  });
});

describe("smooth thresholds of the elastic net, in float32", () => {
  it("change what is read, at every token and of the leader", () => {
    scope(() => {
      for (const retention of [net, leader]) {
        const [hard, smooth] = [false, true].map((isSmooth) => {
          const run = runWith({ retention: { ...retention, smooth: isSmooth } });
          const memory = associativeMemory(run.config);
          const given = tensorsOf(run, toTensor);
          const read = (keys: Tensor) => inChunks(memory, { ...given, tokens: { ...given.tokens, keys } }, 3).outputs;
          return toNumbers(jit(read)(given.tokens.keys));
        });
        expect(relativeError(smooth!, hard!)).toBeGreaterThan(1e-3);
      }
    });
  });
});

describe("choices that cannot be combined", () => {
  const base: AssociativeMemoryConfig = plain.config;
  const leastSquares = { kind: "leastSquares" } as const;
  const none = l2Retentions.none;
  it.each<[Partial<AssociativeMemoryConfig>, RegExp]>([
    [{ algorithm: algorithms.momentum, gateAxis: "keys" }, /momentum.*gateAxis "values"/],
    [{ algorithm: leastSquares, architecture: network }, /least squares.*plain matrix/],
    [{ algorithm: leastSquares, retention: lq }, /least squares.*retention map/],
    [{ algorithm: leastSquares, retention: none, bias: biases["dot product"] }, /least squares.*l2 bias/],
    [{ algorithm: leastSquares, retention: none, bias: biases["l2 full"] }, /least squares.*"half"/],
    [{ algorithm: leastSquares, retention: none, bias: biases["lp 3"] }, /least squares.*l2 bias/],
    [{ retention: lq, algorithm: algorithms.token }, /l_q.*gradientPoint "chunk"/],
    [{ retention: kl, algorithm: algorithms.implicit }, /relative entropy.*gradientPoint "chunk"/],
    [{ retention: kl, algorithm: algorithms.momentum }, /lag token.*without momentum/],
    [{ bias: biases["dot product"], algorithm: algorithms.implicit }, /"implicit" is gradient descent/],
    [{ architecture: network, algorithm: algorithms.token }, /network of depth 2.*gradientPoint "chunk"/],
    [{ bias: biases["lp 3"], algorithm: algorithms.token }, /lp bias.*gradientPoint "chunk"/],
    [{ architecture: network, retention: l2Retentions.decayed }, /network of depth 2.*gradientAt "previous"/],
    [{ algorithm: algorithms.momentum, retention: l2Retentions.decayed }, /momentum.*gradientAt "previous"/],
  ])("%j are refused", (changes, reason) => {
    const make = () => associativeMemory({ ...base, ...changes });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(reason);
  });

  it("the others have one form each", () => {
    const formOf = (changes: Partial<AssociativeMemoryConfig>) =>
      chunkFormOf(associativeMemory({ ...base, ...changes }).choices);
    expect(formOf({})).toBe("lowRank");
    expect(formOf(tokenExact)).toBe("triangular");
    expect(formOf({ ...tokenExact, bias: biases["dot product"] })).toBe("lowRank");
    expect(formOf({ retention: l2Retentions.decayed })).toBe("triangular");
    expect(formOf({ retention: lq })).toBe("boundary");
    expect(formOf({ algorithm: leastSquares, retention: none })).toBe("recurrent");
  });

  it("several pairs, erasing elsewhere, and key gates beside momentum are refused where the form has no place for them", () => {
    scope(() => {
      for (const [run, reason] of [
        [runWith({}, { tokens: pairs, gates: gatesOf("scalar", 2 * length) }), /several pairs.*"lowRank"/],
        [runWith({ retention: lq }, { tokens: { ...plain.tokens, erase } }), /erasing.*"boundary"/],
        [
          withGates(momentum, { retainKeys: randomGate(954, length, dim, 0.5, 1) }),
          /momentum.*gate of the key channels/,
        ],
      ] as const) {
        const memory = associativeMemory(run.config);
        const given = tensorsOf(run, toTensor);
        for (const form of [() => inChunks(memory, given, 3), () => byToken(memory, given, 3)]) {
          expect(form).toThrow(ConfigError);
          expect(form).toThrow(reason);
        }
      }
    });
  });
});

describe("layers that cannot be made", () => {
  const base: MirasMemoryConfig = { ...plainSettings, dim: 8, heads: 2, headDim: 4 };
  const { gates } = base;
  const channel = { kind: "channel", bias: 2, rank: 2 } as const;
  const exact = { architecture: matrix, ...tokenExact } as const;
  const multiStep = { algorithm: { kind: "multiStep", steps: 2 }, retention: l2Retentions.decayed } as const;

  it.each<[Partial<MirasMemoryConfig>, RegExp]>([
    [{ heads: 0 }, /heads/],
    [{ chunkSize: 1.5 }, /chunkSize/],
    [{ algorithm: { kind: "multiStep", steps: 0 } }, /pairs/],
    [{ maxStepSize: -1 }, /maxStepSize/],
    [{ maxMomentum: 1 }, /maxMomentum/],
    [{ gates: { ...gates, retain: { kind: "fixed", value: [0.9] } } }, /1 values for 2 heads/],
    [{ retention: { kind: "none" } }, /keeps everything/],
    [{ algorithm: { kind: "leastSquares" } }, /keep everything/],
    [
      {
        algorithm: { kind: "leastSquares" },
        gates: { ...gates, retain: { kind: "fixed", value: 1 }, stepSize: channel },
      },
      /least squares weigh/,
    ],
    [{ keySource: "tiedToRetain" }, /tied to the retain gate/],
    [{ gates: { ...gates, retainKeys: channel }, gateAxis: "keys" }, /retainKeys.*gateAxis "values"/],
    [{ algorithm: algorithms.momentum, gates: { ...gates, momentum: channel } }, /momentum gate is one number/],
    [{ algorithm: algorithms.momentum, gates: { ...gates, retainKeys: channel } }, /momentum.*retainKeys/],
    [{ bias: biases["huber norm"], gates: { ...gates, threshold: channel } }, /one threshold/],
    [{ retention: kl, gates: { ...gates, retain: channel }, gateAxis: "model" }, /equal inside a slice/],
    [
      { retention: mappedRetentions["kl whole matrix"], gates: { ...gates, stepSize: channel } },
      /equal inside a slice.*matrix/,
    ],
    [{ retention: kl, gates: { ...gates, retainKeys: channel } }, /equal inside a slice.*retainKeys/],
    [{ keySource: "decoupledErase" }, /erasing apart from writing/],
    [{ ...exact, ...multiStep, keySource: "decoupledErase" }, /several steps.*keySource "projected"/],
  ])("%j are refused", (changes, reason) => {
    const make = () => new MirasMemory({ ...base, ...changes });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(reason);
  });

  it("all rows of the table can", () => {
    for (const row of Object.values(table1)) {
      const settings = row.settings?.(2);
      if (settings === undefined) continue;
      expect(() => new MirasMemory({ ...settings, dim: 8, heads: 2, headDim: 4 })).not.toThrow();
    }
  });
});
