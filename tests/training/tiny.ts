/** A model small enough for tests, and text for it. */
import { byteTokenizer, memoryTokens } from "../../src/data/index.ts";
import { LanguageModel, type ModelInput } from "../../src/models/index.ts";
import {
  type TrainingConfig,
  type TrainingData,
  type TrainingInput,
  trainingSchema,
} from "../../src/training/index.ts";

export const vocabularySize = 256;

export function tinyModel(overrides: Partial<ModelInput> = {}): LanguageModel {
  return new LanguageModel({
    architecture: "titans-lmm",
    dim: 12,
    layers: 1,
    heads: 2,
    memory: { chunkSize: 4, normalizeValues: true },
    miras: { chunkSize: 4 },
    ...overrides,
  });
}

export function tinyConfig(overrides: Partial<TrainingInput> = {}): TrainingConfig {
  return trainingSchema.parse({
    steps: 4,
    batch: 2,
    length: 16,
    segment: 8,
    warmupSteps: 2,
    evaluationTokens: 64,
    ...overrides,
  });
}

/** Bytes with some structure: a repeated phrase with a counter in it. */
export function tinyData(): TrainingData {
  const bytes = new TextEncoder().encode(Array.from({ length: 200 }, (_, i) => `call me ishmael ${i % 10}. `).join(""));
  const tokens = Int32Array.from(bytes);
  const cut = Math.floor(tokens.length * 0.9);
  return {
    tokenizer: byteTokenizer(),
    training: memoryTokens(tokens.slice(0, cut), "training"),
    validation: memoryTokens(tokens.slice(cut), "validation"),
  };
}
