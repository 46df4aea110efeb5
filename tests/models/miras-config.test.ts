/** Architectures of MIRAS in a model's configuration: what the section changes, what is refused, and the control without writes. */
import { describe, expect, it, test } from "vitest";
import { key, readSync, scope, tensor } from "../../src/array/index.ts";
import { MirasMemory, monetaSettings, tableRow, yaadSettings } from "../../src/miras/index.ts";
import {
  LanguageModel,
  type ModelInput,
  mayWrite,
  memoryChunkSize,
  mirasArchitectureNames,
  withoutWrites,
} from "../../src/models/index.ts";
import { ConfigError } from "../../src/utils/index.ts";

const base = { dim: 8, layers: 1, heads: 2 } as const;

function layerOf(input: Partial<ModelInput>): MirasMemory {
  const { mixer } = new LanguageModel({ architecture: "miras", ...base, ...input }).blocks[0]!;
  expect(mixer).toBeInstanceOf(MirasMemory);
  return mixer as unknown as MirasMemory;
}

describe("the section miras", () => {
  it("is not needed: every architecture has the settings of its row", () => {
    expect(layerOf({ architecture: "moneta" }).config).toMatchObject({
      ...monetaSettings,
      dim: 8,
      heads: 2,
      headDim: 4,
    });
    const row = tableRow("gla").settings!(2);
    expect(layerOf({ architecture: "miras:gla" }).config).toMatchObject(row);
  });

  it("changes single choices and single gates, and leaves the others", () => {
    const { config } = layerOf({
      architecture: "yaad",
      miras: { bias: { kind: "lp", p: 1.5 }, gates: { retain: { kind: "fixed", value: 1 } }, chunkSize: 4 },
    });
    expect(config.bias).toEqual({ kind: "lp", p: 1.5, smooth: { slope: 10, epsilon: 1e-6 } });
    expect(config.gates).toEqual({ ...yaadSettings.gates, retain: { kind: "fixed", value: 1 } });
    expect(config.chunkSize).toBe(4);
    expect(config.architecture).toEqual(yaadSettings.architecture);
  });

  it("survives a configuration file", () => {
    const model = new LanguageModel({ architecture: "memora", ...base, miras: { chunkSize: 8 } });
    expect(new LanguageModel(JSON.parse(JSON.stringify(model.config))).config).toEqual(model.config);
  });
});

const mlp = { kind: "mlp" } as const;
const l2 = { kind: "l2" } as const;
test.each<[string, NonNullable<ModelInput["miras"]>, RegExp]>([
  [
    "each token's own gradient in a network",
    { architecture: mlp, bias: l2, algorithm: { kind: "gradientDescent", gradientPoint: "token" } },
    /solved for a plain matrix memory with the l2 bias, not for a network of depth 2/,
  ],
  [
    "an implicit step with another bias",
    { bias: { kind: "lp", p: 3 }, algorithm: { kind: "implicit" } },
    /solved for a plain matrix memory with the l2 bias/,
  ],
  [
    "least squares in a network",
    { architecture: mlp, bias: l2, algorithm: { kind: "leastSquares" } },
    /least squares are solved for a plain matrix memory/,
  ],
  [
    "an exact step under a map",
    { retention: { kind: "kl" }, algorithm: { kind: "implicit" } },
    /maps an accumulator to weights once a chunk/,
  ],
  [
    "momentum with gates of columns",
    { algorithm: { kind: "momentum" }, gateAxis: "keys" },
    /momentum carries steps whose rows may be gated, not their columns/,
  ],
  [
    "momentum and a lag token",
    { algorithm: { kind: "momentum" }, retention: { kind: "kl", lagToken: true } },
    /a lag token takes a plain gradient step/,
  ],
  [
    "no retention and a gate that fades",
    { retention: { kind: "none" } },
    /retention "none" keeps everything, but the retain gate may be below 1/,
  ],
  [
    "gates that differ inside a slice",
    { retention: { kind: "kl", slice: "row" }, gateAxis: "keys", gates: { retain: { kind: "channel", bias: 4 } } },
    /gates must be equal inside a slice/,
  ],
  [
    "keys tied to a gate of a head",
    { keySource: "tiedToRetain", gateAxis: "keys" },
    /keys tied to the retain gate are one a key channel/,
  ],
  [
    "several steps a token at one gradient point",
    { architecture: mlp, algorithm: { kind: "multiStep" } },
    /each token's own weights|solved for a plain matrix/,
  ],
  [
    "values of fixed gates for other heads",
    { gates: { retain: { kind: "fixed", value: [0.9] } } },
    /1 values for 2 heads/,
  ],
  ["an unknown choice", { retention: { kind: "softmax" } as never }, /retention/],
])("a memory with %s is refused with the reason", (_, miras, reason) => {
  const make = () => new LanguageModel({ architecture: "miras", ...base, miras });
  expect(make).toThrow(ConfigError);
  expect(make).toThrow(reason);
});

describe("a model whose memory is never written", () => {
  const names = ["titans-lmm", ...mirasArchitectureNames.filter((name) => name !== "miras:softmax-attention")] as const;

  it.each(names)("%s: has step sizes of zero, and writes before", (architecture) => {
    scope(() => {
      const model = new LanguageModel({ architecture, ...base, miras: { chunkSize: 4 }, memory: { chunkSize: 4 } });
      const off = new LanguageModel(withoutWrites(model.config));
      expect([mayWrite(model.config), mayWrite(off.config)]).toEqual([true, false]);
      expect(memoryChunkSize(model.config)).toBe(4);
      const tokens = tensor(Int32Array.of(1, 2, 3, 4), [1, 4]);
      const stepSizes = (m: LanguageModel) => {
        const params = m.init(key(0));
        return [...readSync(m.diagnose(params, m.initialState(params, 1), tokens)[2]["0"]!.stepSizes)];
      };
      expect(Math.min(...stepSizes(model))).toBeGreaterThan(0);
      expect(stepSizes(off).every((step) => step === 0)).toBe(true);
    });
  });

  it("is what softmax attention always is", () => {
    const { config } = new LanguageModel({ architecture: "miras:softmax-attention", ...base });
    expect(mayWrite(config)).toBe(false);
  });
});
