/** A trained model as files for every language that has onnxruntime: it goes on learning at test time there. */
import { key, scope, shapesOf, type Tensor, tensor } from "../array/index.ts";
import { type OnnxFile, onnxFile, onnxFileOfAnyLength } from "../array/native/index.ts";
import type { TokenizerDescription } from "../data/index.ts";
import { type LanguageModel, type ModelParams, type ModelState, standingStill } from "../models/index.ts";
import { ConfigError } from "../utils/index.ts";
import { BATCH_AXIS, EXPORT_FORMAT, type ExportDescription, elementTypes, notesOf } from "./export-description.ts";

/** Lengths of the batch whose programs are compared: primes that no other axis is likely to have. */
const SAMPLE_BATCHES = [7, 11] as const;

/** What a file is exported for. */
export interface ExportOptions {
  /** Slots a call: a whole number of the model's chunks. */
  readonly tokens: number;
  /** Sequences a call; `symbolic` for any number. */
  readonly batch: number | "symbolic";
  /** Optimiser steps that the weights were trained for. */
  readonly step: number;
  readonly tokenizer: TokenizerDescription;
}

/** An exported model. */
export interface ExportedModel {
  /** The ONNX file of a call: tokens, mask and state in, logits and next state out. */
  readonly model: Uint8Array;
  /** An ONNX file without inputs, whose outputs are the state before the first token; with any batch, of one sequence. */
  readonly initialState: Uint8Array;
  readonly description: ExportDescription;
}

/** What one call takes. */
type CallInputs = {
  /** 1 where a slot holds a token, 0 in the slots after the last one: [batch, tokens] */
  readonly mask: Tensor;
  readonly state: ModelState;
  /** [batch, tokens], int32 */
  readonly tokens: Tensor;
};

/**
 * Exports a model: its weights, and the step over `tokens` slots that reads and learns.
 *
 * The file is called with `tokens` and `mask` ([batch, tokens]) and one input an array of the state; it gives `logits` [batch, tokens, vocabulary] and
 * `next.<name>` for each of them. After a call whose slots all held tokens the next state is carried on. A call may also hold fewer, with mask 0
 * behind them: its logits are right, and its tokens are given again, with those that came since, until the call is full. So a file reads any length,
 * and writes token by token.
 *
 * The levels of a continuum memory stand still in the file: it is not told what came next.
 *
 * @param params the model's; borrowed
 * @throws ConfigError if the numbers cannot work
 * @throws EngineError if the batch is symbolic and the program is not the same for every batch
 * @throws UnsupportedPrimitive if the model computes something that has no form in standard ONNX here
 */
export function exportModel(given: LanguageModel, params: ModelParams, options: ExportOptions): ExportedModel {
  const model = standingStill(given);
  checkOptions(model, options);
  const description = describe(model, options);
  const notes = notesOf(description);
  const { tokens, batch } = options;
  const step = ({ mask, state, tokens: read }: CallInputs) => {
    const [logits, next] = model.step(params, state, read, { mask });
    return { logits, state: next };
  };
  const symbolic = batch === "symbolic";
  const file = withInputs(model, params, tokens, symbolic ? SAMPLE_BATCHES : [batch], (inputs) =>
    symbolic
      ? onnxFileOfAnyLength(step, inputs as [CallInputs, CallInputs], BATCH_AXIS, notes)
      : onnxFile(step, inputs[0]!, notes),
  );
  const start = onnxFile(() => ({ state: model.initialState(params, symbolic ? 1 : batch) }), {}, notes);
  return { model: file.bytes, initialState: start.bytes, description };
}

/** Lends a function inputs of each batch. */
function withInputs(
  model: LanguageModel,
  params: ModelParams,
  tokens: number,
  batches: readonly number[],
  write: (inputs: readonly CallInputs[]) => OnnxFile,
): OnnxFile {
  return scope(() =>
    write(
      batches.map((batch) => ({
        mask: tensor(new Float32Array(batch * tokens), [batch, tokens]),
        state: model.initialState(params, batch),
        tokens: tensor(new Int32Array(batch * tokens), [batch, tokens]),
      })),
    ),
  );
}

function checkOptions({ chunkSize }: LanguageModel, { tokens, batch }: ExportOptions): void {
  if (!Number.isInteger(tokens) || tokens < 1 || tokens % chunkSize !== 0) {
    const nearest = Math.max(1, Math.round(tokens / chunkSize) || 1) * chunkSize;
    throw new ConfigError(
      `a call of ${tokens} tokens is not a whole number of the model's chunks of ${chunkSize}; choose a multiple such as ${nearest} ` +
        "(a call may hold fewer tokens than that: its mask says how many)",
    );
  }
  if (batch !== "symbolic" && !(Number.isInteger(batch) && batch >= 1))
    throw new ConfigError(
      `a batch of ${batch} sequences cannot be; it must be a whole number of at least 1, or symbolic`,
    );
}

function describe(model: LanguageModel, options: ExportOptions): ExportDescription {
  const { tokens, step, tokenizer } = options;
  const batch: ExportDescription["batch"] = options.batch === "symbolic" ? BATCH_AXIS : options.batch;
  const layout = shapesOf(() => model.initialState(model.init(key(0)), 1));
  const slots: ExportDescription["inputs"][number]["shape"] = [batch, tokens];
  return {
    format: EXPORT_FORMAT,
    architecture: model.config.architecture,
    step,
    model: model.config,
    tokenizer,
    batch,
    tokens,
    chunkSize: model.chunkSize,
    inputs: [
      { name: "mask", type: "float32", shape: slots },
      { name: "tokens", type: "int32", shape: slots },
    ],
    outputs: [{ name: "logits", type: "float32", shape: [...slots, model.config.vocabularySize] }],
    state: [...layout].map(([path, { shape, dtype }]) => ({
      input: `state.${path}`,
      output: `next.state.${path}`,
      type: elementTypes.parse(dtype),
      shape: [batch, ...shape.slice(1)],
    })),
  };
}
