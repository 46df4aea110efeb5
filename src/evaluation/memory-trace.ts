/** What happens inside a model's memories while it reads a passage, as plain numbers. */
import { detached, type Engine, type Program, read, release, type Tensor, tensor } from "../array/index.ts";
import type { MemoryDiagnostics } from "../common/index.ts";
import {
  type LanguageModel,
  type ModelParams,
  type ModelState,
  memoryChunkSize,
  nextTokenLoss,
} from "../models/index.ts";
import { ConfigError } from "../utils/index.ts";

/** One layer's memory along a passage. Means are over the layer's heads. */
export interface LayerTrace {
  /** The block's number, from 0. */
  readonly layer: number;
  /** Mean norm of each token's gradient: [tokens]. */
  readonly surprises: readonly number[];
  /** Mean step size of each token as used: [tokens]. */
  readonly stepSizes: readonly number[];
  /** Tokens times heads with a step size above zero. */
  readonly writes: number;
  /** Mean associative loss of each chunk at the learned initial weights: [chunks]. */
  readonly lossAtInitial: readonly number[];
  /** Mean associative loss of each chunk before it is written: [chunks]. */
  readonly lossBefore: readonly number[];
  /** Mean associative loss of each chunk after it was written: [chunks]. */
  readonly lossAfter: readonly number[];
  /** Mean norm of the weights after each chunk: [chunks]. */
  readonly memoryNorm: readonly number[];
  /** Mean norm of the carried surprise (the momentum) after each chunk: [chunks]. */
  readonly surpriseNorm: readonly number[];
  /** Largest error norm of any head in each chunk: [chunks]. */
  readonly errorNorm: readonly number[];
  /** Largest rho of any head in each chunk: [chunks]. */
  readonly rho: readonly number[];
}

/** A passage as the memories saw it. */
export interface MemoryTrace {
  readonly tokens: number;
  readonly chunkSize: number;
  /** Mean over layers and heads of the norm of each token's gradient: [tokens]. */
  readonly surprises: readonly number[];
  /** What each token cost given the ones before it, in bits; the first has none before it and cost nothing: [tokens]. */
  readonly bits: readonly number[];
  readonly layers: readonly LayerTrace[];
}

type TraceProgram = Program<
  [ModelParams, ModelState, Tensor, Tensor, Tensor],
  { nats: Tensor; diagnostics: Record<string, MemoryDiagnostics>; state: ModelState }
>;

/** The compiled program with which passages are traced: one sequence, one segment at a time, its state carried along. */
export class MemoryTracer {
  private readonly model: LanguageModel;
  private readonly segment: number;
  private readonly program: TraceProgram;
  private readonly start: Program<[ModelParams], ModelState>;

  /** @param segment tokens of a segment; a multiple of the model's chunk size */
  constructor(engine: Engine, model: LanguageModel, segment: number) {
    this.model = model;
    this.segment = segment;
    this.start = engine.compile("diagnostics start", (params: ModelParams) => model.initialState(params, 1));
    this.program = engine.compile(
      "diagnostics segment",
      (params: ModelParams, state: ModelState, tokens: Tensor, targets: Tensor, mask: Tensor) => {
        const [logits, next, diagnostics] = model.diagnose(params, state, tokens, { mask });
        return { nats: nextTokenLoss(logits, targets), diagnostics, state: next };
      },
    );
  }

  /**
   * Reads a passage from a fresh memory.
   *
   * @param tokens any number of them
   * @throws ConfigError if there are none
   */
  async trace(params: ModelParams, tokens: Int32Array): Promise<MemoryTrace> {
    if (tokens.length === 0) throw new ConfigError("the passage to trace is empty; give at least one token");
    let state = await this.start(params);
    const nats: number[] = [];
    const segments: Record<string, HeadRows>[] = [];
    for (let at = 0; at < tokens.length; at += this.segment) {
      const inputs = this.inputsAt(tokens, at);
      const result = await this.program(params, state, ...inputs);
      nats.push(...(await read(result.nats)));
      segments.push(await headRows(result.diagnostics));
      release(state, inputs, result.nats, result.diagnostics);
      state = result.state;
    }
    release(state);
    const chunkSize = memoryChunkSize(this.model.config);
    const layers = Object.keys(segments[0]!).map((block) => {
      const rows = joinRows(segments.map((segment) => segment[block]!));
      return layerTrace(Number(block), rows, tokens.length, Math.ceil(tokens.length / chunkSize));
    });
    return {
      tokens: tokens.length,
      chunkSize,
      surprises: layers.length === 0 ? [] : meanOf(layers.map(({ surprises }) => surprises)),
      bits: [0, ...nats.slice(0, tokens.length - 1).map((nat) => nat / Math.LN2)],
      layers,
    };
  }

  /** Tokens, targets and mask of the segment that begins at a token: [1, segment] each; what lies behind the passage is masked. */
  private inputsAt(tokens: Int32Array, at: number): [Tensor, Tensor, Tensor] {
    const inputs = new Int32Array(this.segment);
    const targets = new Int32Array(this.segment);
    const mask = new Float32Array(this.segment);
    const present = tokens.subarray(at, at + this.segment);
    inputs.set(present);
    targets.set(tokens.subarray(at + 1, at + 1 + this.segment));
    mask.fill(1, 0, present.length);
    const shape = [1, this.segment];
    return detached(() => [tensor(inputs, shape), tensor(targets, shape), tensor(mask, shape)]);
  }
}

/** The numbers of each diagnostic, one row a head. */
type HeadRows = Record<keyof MemoryDiagnostics, number[][]>;

async function headRows(diagnostics: Record<string, MemoryDiagnostics>): Promise<Record<string, HeadRows>> {
  const blocks = Object.entries(diagnostics).map(async ([block, found]) => {
    const rows = Object.entries(found).map(async ([name, values]) => [name, await rowsOf(values)] as const);
    return [block, Object.fromEntries(await Promise.all(rows)) as HeadRows] as const;
  });
  return Object.fromEntries(await Promise.all(blocks));
}

/** Rows of a tensor [1, heads, n]. */
async function rowsOf(values: Tensor): Promise<number[][]> {
  const [, heads, width] = values.shape as [number, number, number];
  const numbers = await read(values);
  return Array.from({ length: heads }, (_, head) => [...numbers.subarray(head * width, (head + 1) * width)]);
}

function joinRows(segments: readonly HeadRows[]): HeadRows {
  const names = Object.keys(segments[0]!) as (keyof HeadRows)[];
  const joined = names.map((name) => [
    name,
    segments[0]![name].map((_, head) => segments.flatMap((rows) => rows[name][head]!)),
  ]);
  return Object.fromEntries(joined) as HeadRows;
}

/** Chunks and tokens beyond the passage are padding, and cut off. */
function layerTrace(layer: number, rows: HeadRows, tokens: number, chunks: number): LayerTrace {
  const tokenMean = (values: number[][]) => meanOf(values).slice(0, tokens);
  const chunkMean = (values: number[][]) => meanOf(values).slice(0, chunks);
  const chunkMax = (values: number[][]) => columns(values, (column) => Math.max(...column)).slice(0, chunks);
  return {
    layer,
    surprises: tokenMean(rows.surprises),
    stepSizes: tokenMean(rows.stepSizes),
    writes: rows.stepSizes.flatMap((row) => row.slice(0, tokens)).filter((stepSize) => stepSize > 0).length,
    lossAtInitial: chunkMean(rows.lossAtInitial),
    lossBefore: chunkMean(rows.lossBefore),
    lossAfter: chunkMean(rows.lossAfter),
    memoryNorm: chunkMean(rows.memoryNorm),
    surpriseNorm: chunkMean(rows.surpriseNorm),
    errorNorm: chunkMax(rows.errorNorm),
    rho: chunkMax(rows.rho),
  };
}

function meanOf(rows: readonly (readonly number[])[]): number[] {
  return columns(rows, (column) => column.reduce((sum, n) => sum + n, 0) / column.length);
}

function columns(rows: readonly (readonly number[])[], reduce: (column: number[]) => number): number[] {
  return rows[0]!.map((_, i) => reduce(rows.map((row) => row[i]!)));
}

/** A layer's memory over a whole passage in a few numbers: one line of a training log. */
export interface LayerSummary {
  readonly layer: number;
  /** Means over the passage's chunks. */
  readonly lossAtInitial: number;
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Largest over the passage's chunks. */
  readonly memoryNorm: number;
  readonly surpriseNorm: number;
  readonly errorNorm: number;
  readonly rho: number;
  /** Tokens times heads with a step size above zero, and the mean step size. */
  readonly writes: number;
  readonly meanStepSize: number;
}

/** What a trace says in a few numbers a layer. */
export function summarizeTrace(trace: MemoryTrace): LayerSummary[] {
  const mean = (values: readonly number[]) => values.reduce((sum, n) => sum + n, 0) / values.length;
  return trace.layers.map((layer) => ({
    layer: layer.layer,
    lossAtInitial: mean(layer.lossAtInitial),
    lossBefore: mean(layer.lossBefore),
    lossAfter: mean(layer.lossAfter),
    memoryNorm: Math.max(...layer.memoryNorm),
    surpriseNorm: Math.max(...layer.surpriseNorm),
    errorNorm: Math.max(...layer.errorNorm),
    rho: Math.max(...layer.rho),
    writes: layer.writes,
    meanStepSize: mean(layer.stepSizes),
  }));
}
