import { beforeAll, describe, expect, it } from "vitest";
import { type Engine, startEngine } from "../../src/array/index.ts";
import { describeNative, nativeEngine } from "../array/native/support.ts";
import { architectureOf } from "./memory-cases.ts";
import { relativeTo } from "./memory-runs.ts";
import { libraryOptions, type OptionCase, type OptionRun, optionCells, oracleOptions } from "./option-cases.ts";

const exact = await nativeEngine({ precision: "float64" });

/** Two chunks of four and an open one. */
const tokens = 9;

const low: OptionCase[] = [
  { name: "each gradient clipped", options: { maxGradientNorm: 0.4 } },
  { name: "each gradient clipped, four layers", options: { maxGradientNorm: 0.2 }, architecture: { depth: 4 } },
  {
    name: "each gradient clipped, norm and residual",
    options: { maxGradientNorm: 0.7 },
    architecture: { norm: true, residual: true },
  },
  { name: "each gradient clipped behind the key guard", options: { maxGradientNorm: 0.4 }, guard: "key" },
  { name: "forgetting towards M_0", options: { decayToInitial: true } },
  { name: "forgetting towards M_0, a linear memory", options: { decayToInitial: true }, architecture: { depth: 1 } },
  {
    name: "forgetting towards M_0, three layers with norm, read before writing",
    options: { decayToInitial: true },
    architecture: { depth: 3, norm: true },
    read: "before",
  },
  { name: "momentum of order 2", options: { momentumOrder: 2 } },
  { name: "momentum of order 3, empty slots", options: { momentumOrder: 3 }, empty: [0, 3, 4, 5, 8] },
  { name: "momentum of order 2, read before writing", options: { momentumOrder: 2 }, read: "before" },
  { name: "two pairs a token", options: {}, pairs: 2 },
  { name: "three pairs a token, empty slots", options: {}, pairs: 3, empty: [2, 3, 6] },
  {
    name: "two pairs a token, read before writing, the tangent guard",
    options: {},
    pairs: 2,
    read: "before",
    guard: "tangent",
  },
  {
    name: "all of these at once",
    options: { maxGradientNorm: 0.4, decayToInitial: true, momentumOrder: 2 },
    pairs: 2,
    empty: [1, 7],
    architecture: { residual: true, norm: true },
  },
];

/** Logits that float32 holds exactly, so that both sides have the same numbers. */
const atEnds: OptionCase[] = [
  { name: "weights renormalised", options: { renormaliseWeights: true } },
  {
    name: "weights renormalised, norm and empty chunk",
    options: { renormaliseWeights: true },
    empty: [4, 5, 6, 7],
    architecture: { norm: true },
  },
  { name: "a gated transition", options: { transitionLogit: -0.5 } },
  { name: "a gated transition, an empty chunk", options: { transitionLogit: 0.25 }, empty: [0, 1, 2, 3, 6] },
];

const orthogonal: OptionCase[] = [
  { name: "surprise orthogonalised", options: { orthogonaliseSurprise: true } },
  {
    name: "surprise orthogonalised, three layers with norm, forgetting towards M_0, an empty chunk",
    options: { orthogonaliseSurprise: true, decayToInitial: true },
    architecture: { depth: 3, norm: true },
    empty: [4, 5, 6, 7],
  },
  {
    name: "all rules of chunk ends and of the low-rank form at once",
    options: {
      orthogonaliseSurprise: true,
      transitionLogit: -0.375,
      renormaliseWeights: true,
      maxGradientNorm: 0.4,
      decayToInitial: true,
      momentumOrder: 2,
    },
    pairs: 2,
    empty: [8],
  },
];

function distance(actual: OptionRun, expected: OptionRun): number {
  return Math.max(
    ...(["outputs", "weights", "momenta"] as const).map((part) => relativeTo(expected[part], actual[part])),
  );
}

function optionTests(engine: () => Engine, cases: readonly OptionCase[], tolerance: number): void {
  for (const given of cases) {
    it(`memoryChunk equals the token-by-token recurrence at chunks of 1, 4 and all tokens: ${given.name}`, async () => {
      const architecture = architectureOf(given.architecture);
      const cells = optionCells(given, architecture, tokens, 41);
      for (const chunk of [1, 4, tokens]) {
        const expected = oracleOptions(given, architecture, cells, chunk);
        const actual = await libraryOptions(engine(), given, architecture, cells, chunk);
        expect(distance(actual, expected), `chunks of ${chunk}`).toBeLessThanOrEqual(tolerance);
      }
    });
  }
}

describe("the low-rank chunk with options, in float32", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine("wasm");
  });
  // As for the chunk without options: 9 tokens through up to four layers, relative to the largest number.
  optionTests(() => engine, [...low, ...atEnds], 3e-5);
  // Five steps of the iteration make a small singular value, and its rounding, up to 3.44^5 = 480 times larger; then it is fed back.
  optionTests(() => engine, orthogonal, 1e-3);
});

describeNative("the low-rank chunk with options, in float64", () => {
  optionTests(() => exact, [...low, ...atEnds, ...orthogonal], 1e-9);
});

describe("every option makes a difference that the comparison above would see", () => {
  const options = [...low, ...atEnds, ...orthogonal];
  for (const given of options) {
    for (const name of Object.keys(given.options)) {
      it(`${name} in "${given.name}"`, () => {
        const architecture = architectureOf(given.architecture);
        const cells = optionCells(given, architecture, tokens, 41);
        const { [name as keyof typeof given.options]: _, ...without } = given.options;
        // At order 1 the same momentum moves the weights, without what feeds it.
        const highestOnly = cells.map((row) => row.map((cell) => ({ ...cell, momenta: cell.momenta.slice(-1) })));
        const off = oracleOptions(
          { ...given, options: without },
          architecture,
          name === "momentumOrder" ? highestOnly : cells,
          4,
        );
        const on = oracleOptions(given, architecture, cells, 4);
        expect(relativeTo(on.outputs, off.outputs)).toBeGreaterThan(1e-2);
      });
    }
  }
});
