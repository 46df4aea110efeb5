/** A report's data as no run would give it: round numbers, and text that looks like markup. */
import type { LayerTrace } from "../../src/evaluation/memory-trace.ts";
import type { ReportData } from "../../src/evaluation/report-data.ts";
import { newRunConfig } from "../../src/training/index.ts";

/** Text with markup, quotes and characters of several bytes. */
export const MARKUP = '</pre><script>alert("1")</script> & ’—🐳\nend';
const passage = [...new TextEncoder().encode(MARKUP)];
const tokens = passage.length;
const chunkSize = 16;
const chunks = Math.ceil(tokens / chunkSize);

const ramp = (length: number, scale: number) => Array.from({ length }, (_, i) => scale * (1 + i));

function layerTrace(layer: number): LayerTrace {
  return {
    layer,
    surprises: ramp(tokens, 0.01),
    stepSizes: ramp(tokens, 0.001),
    writes: 2 * tokens,
    lossAtInitial: ramp(chunks, 0.3),
    lossBefore: ramp(chunks, 0.2),
    lossAfter: ramp(chunks, 0.1),
    memoryNorm: ramp(chunks, 2),
    surpriseNorm: ramp(chunks, 0.002),
    errorNorm: ramp(chunks, 1),
    rho: ramp(chunks, 0.5),
  };
}

const point = (step: number) => ({
  step,
  layers: [0, 1].map((layer) => ({
    layer,
    lossAtInitial: 0.6,
    lossBefore: 0.5 - step / 100,
    lossAfter: 0.4 - step / 100,
    memoryNorm: 5,
    surpriseNorm: 0.01,
    errorNorm: 1.5,
    rho: 2,
    writes: 128,
    meanStepSize: 0.05,
  })),
});

const writes = { writes: 1234, slots: 2048, meanStepSize: 0.0123 };
const control = (difference: number) => ({ bitsPerByte: 3.25 + difference, difference, standardError: 0.01 });

/** A report of a model with two layers of memory. */
export const memoryReport: ReportData = {
  format: 1,
  name: "run <1>",
  config: newRunConfig([{ preset: "lmm-tiny", corpus: "books & more" }], "test"),
  parameters: 12_345,
  engine: { name: "wasm", threads: 1 },
  platform: "Node test",
  trainingBytes: 90_000,
  validationBytes: 10_000,
  baselines: { order0: 4.5, bigram: 3.5, trigram: 2.9, bytes: 9999 },
  training: ramp(20, 1).map((step) => ({ step, bitsPerByte: 8 - step / 5 })),
  validation: [10, 20].map((step) => ({ step, bitsPerByte: 8 - step / 5 })),
  validationWithoutWrites: [10, 20].map((step) => ({ step, bitsPerByte: 8.1 - step / 5 })),
  diagnosticsTokens: 64,
  diagnostics: [0, 10, 20].map(point),
  final: { bitsPerByte: 3.25, windows: 32, length: 64, bytes: 2048, writes },
  withoutWrites: {
    bitsPerByte: 3.375,
    windows: 32,
    length: 64,
    bytes: 2048,
    writes: { ...writes, writes: 0 },
    difference: 0.125,
    standardError: 0.01,
  },
  controls: {
    windows: 16,
    contextTokens: 32,
    bytes: 512,
    on: 3.25,
    contextNotWritten: control(0.0625),
    neverWritten: control(1.5),
    otherMemory: control(0.005),
    otherState: control(0.5),
    writes,
    writesWhenOff: { ...writes, writes: 0 },
  },
  passage: {
    bytes: passage,
    trace: {
      tokens,
      chunkSize,
      surprises: ramp(tokens, 0.01),
      bits: ramp(tokens, 0.1),
      layers: [layerTrace(0), layerTrace(1)],
    },
  },
  samples: { prompt: "<b>Call</b>", before: `\u0000${MARKUP}`, after: " me & them", temperature: 0.8, seed: 7 },
  durations: [
    { stage: "training", seconds: 125 },
    { stage: "measuring", seconds: 7.25 },
  ],
};

/** A report of a model without memory. */
export const plainReport: ReportData = (() => {
  const { withoutWrites, controls, passage: shown, ...rest } = memoryReport;
  return { ...rest, diagnostics: [], validationWithoutWrites: [] };
})();
