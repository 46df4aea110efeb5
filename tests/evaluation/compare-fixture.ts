/** A comparison's data as no run would give it: round numbers, and names that look like markup. */
import { type CompareData, type ComparedModel, gainOverOrder0 } from "../../src/evaluation/compare-data.ts";
import { newRunConfig } from "../../src/training/index.ts";

const baselines = { order0: 4.5, bigram: 3.5, trigram: 2.9, bytes: 9999 };
const config = newRunConfig([{ preset: "lmm-tiny", corpus: "books & more" }], "test");

/** A model that ended at some bits per byte. */
export function comparedModel(name: string, bitsPerByte: number, parameters = 12_345): ComparedModel {
  const steps = Array.from({ length: 10 }, (_, i) => 2 * (i + 1));
  const curve = steps.map((step) => ({ step, bitsPerByte: bitsPerByte + (20 - step) / 10 }));
  return {
    name,
    config,
    parameters,
    engine: { name: "wasm", threads: 1 },
    training: curve,
    validation: curve,
    final: {
      bitsPerByte,
      windows: 32,
      length: 64,
      bytes: 2048,
      writes: { writes: 7, slots: 9, meanStepSize: 0.1 },
    },
    gainOverOrder0: gainOverOrder0(bitsPerByte, baselines),
    secondsPerStep: 0.125,
  };
}

/** A comparison of three models, the second of which is the best. */
export const comparison: CompareData = {
  format: 1,
  name: "compare <1>",
  corpus: "books & more",
  seed: 3,
  steps: 20,
  bytesRead: 2560,
  platform: "Node test",
  trainingBytes: 90_000,
  validationBytes: 10_000,
  baselines,
  models: [
    { ...comparedModel("first", 3.25), againstBest: { difference: 0.25, standardError: 0.01 } },
    comparedModel("<b>second</b>", 3, 54_321),
    { ...comparedModel("third", 4), againstBest: { difference: 1, standardError: 0.01 } },
  ],
  durations: [
    { stage: "training first", seconds: 65 },
    { stage: "measuring first", seconds: 5 },
  ],
};
