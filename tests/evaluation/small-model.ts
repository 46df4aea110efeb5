/** A memory model small enough to compile and run in a second, and text for it. */
import { detached, key, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { memoryTokens, type TokenSource } from "../../src/data/index.ts";
import { LanguageModel, type ModelInput, type ModelParams, type ModelState } from "../../src/models/index.ts";

/** Sizes of the small model. */
export const CHUNK = 8;
export const SEGMENT = 16;

/** A model of two blocks with a memory each. */
export function smallModel(memory: ModelInput["memory"] = {}, others: Partial<ModelInput> = {}): LanguageModel {
  return new LanguageModel({
    architecture: "titans-lmm",
    dim: 16,
    layers: 2,
    heads: 2,
    memory: { chunkSize: CHUNK, normalizeValues: true, ...memory },
    ...others,
  });
}

/** Fresh parameters. */
export function paramsOf(model: LanguageModel, seed = 1): ModelParams {
  return detached(() => scope(() => model.init(key(seed))));
}

/** Bytes that repeat with some variation, like text. */
export function smallText(length: number): TokenSource {
  return memoryTokens(Int32Array.from({ length }, (_, i) => 97 + ((i * i + (i % 7) * 3 + Math.floor(i / 50)) % 26)));
}

/** The state before the first token of some sequences. */
export function freshState(model: LanguageModel, params: ModelParams, batch = 1): ModelState {
  return detached(() => scope(() => model.initialState(params, batch)));
}

/** One sequence of tokens: [1, tokens]. */
export function row(tokens: Int32Array): Tensor {
  return detached(() => tensor(tokens, [1, tokens.length]));
}
