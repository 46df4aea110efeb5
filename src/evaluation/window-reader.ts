/** Reads windows with one compiled program, and says what each cost and what was written to memory. */
import { detached, type Engine, np, type Program, read, release, type Tensor } from "../array/index.ts";
import type { Tokenizer, TokenWindows } from "../data/index.ts";
import { type LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "../models/index.ts";
import { type Segment, segmentsOf } from "../training/index.ts";
import { addWrites, countWrites, type MemoryWrites, noWrites } from "./memory-writes.ts";
import { joinScores, type WindowScores } from "./paired-scores.ts";

/** What reading some segments gave. The caller releases the state. */
export interface Reading {
  /** What the targets of each sequence cost, in bits: [batch]. */
  readonly bits: readonly number[];
  readonly writes: MemoryWrites;
  readonly state: ModelState;
}

/** What reading some windows gave. */
export interface WindowsRead {
  readonly scores: WindowScores;
  readonly writes: MemoryWrites;
}

type ReadingProgram = Program<
  [ModelParams, ModelState, Tensor, Tensor, Tensor],
  { nats: Tensor; stepSizes: Record<string, Tensor>; state: ModelState }
>;

/**
 * The compiled program with which windows are scored: one shape, for a batch of sequences and one segment of tokens. Another makes fresh memories.
 *
 * With `write: false` the step sizes are zero while everything else goes on, forgetting and carried surprise included. Parameters of a model that was trained
 * with step size 0 score exactly as in that model when they are read with `write: false`, so that both are measured by one program.
 */
export class WindowReader {
  readonly model: LanguageModel;
  /** Tokens of a segment. */
  readonly segment: number;
  private readonly program: ReadingProgram;
  private readonly onStart: Program<[ModelParams, Tensor], ModelState>;

  /** @param segment tokens of a segment; a multiple of the model's chunk size */
  constructor(engine: Engine, model: LanguageModel, segment: number) {
    this.model = model;
    this.segment = segment;
    this.onStart = engine.compile("evaluation start", (params: ModelParams, rows: Tensor) =>
      model.initialState(params, rows.shape[0]!),
    );
    this.program = engine.compile(
      "evaluation segment",
      (params: ModelParams, state: ModelState, tokens: Tensor, targets: Tensor, storeMask: Tensor) => {
        const [logits, next, diagnostics] = model.diagnose(params, state, tokens, { storeMask });
        const stepSizes = Object.entries(diagnostics).map(([block, found]) => [block, found.stepSizes]);
        return { nats: nextTokenLoss(logits, targets), stepSizes: Object.fromEntries(stepSizes), state: next };
      },
    );
  }

  /** The state of `batch` sequences before their first token; the caller releases it. */
  async start(params: ModelParams, batch: number): Promise<ModelState> {
    const rows = detached(() => np.zeros([batch]));
    return this.onStart(params, rows).finally(() => release(rows));
  }

  /**
   * Reads consecutive segments of a batch of sequences.
   *
   * @param state before them; borrowed
   * @param options `write`: whether memory is written
   */
  async read(
    params: ModelParams,
    state: ModelState,
    segments: readonly Segment[],
    options: { readonly write: boolean },
  ): Promise<Reading> {
    let writes = noWrites;
    let bits: readonly number[] = [];
    let now = state;
    for (const { tokens, targets } of segments) {
      const storeMask = detached(() => np.full([...tokens.shape], options.write ? 1 : 0, { dtype: "float32" }));
      const { nats, stepSizes, state: next } = await this.program(params, now, tokens, targets, storeMask);
      const cost = sumRows(await read(nats), tokens.shape[0]!);
      bits = cost.map((sum, row) => sum / Math.LN2 + (bits[row] ?? 0));
      for (const layer of Object.values(stepSizes)) writes = addWrites(writes, countWrites(await read(layer)));
      if (now !== state) release(now);
      release(storeMask, nats, stepSizes);
      now = next;
    }
    return { bits, writes, state: now };
  }

  /**
   * Reads batches of whole windows, each from a fresh memory.
   *
   * @param batches windows whose length is a multiple of the segment
   * @param options `write: false` leaves the memory at its initial weights (but for forgetting)
   */
  async readWindows(
    params: ModelParams,
    batches: readonly TokenWindows[],
    tokenizer: Tokenizer,
    options: { readonly write: boolean },
  ): Promise<WindowsRead> {
    const scores: WindowScores[] = [];
    let writes = noWrites;
    for (const windows of batches) {
      const start = await this.start(params, windows.batch);
      const segments = segmentsOf(windows, this.segment);
      const reading = await this.read(params, start, segments, options);
      release(start, reading.state, segments);
      scores.push({ bits: reading.bits, bytes: bytesOf(windows, tokenizer, 0, windows.length) });
      writes = addWrites(writes, reading.writes);
    }
    return { scores: joinScores(scores), writes };
  }
}

/** UTF-8 bytes of the targets `from` to `to` (exclusive) of each window: [batch]. */
export function bytesOf(windows: TokenWindows, tokenizer: Tokenizer, from: number, to: number): number[] {
  return Array.from({ length: windows.batch }, (_, row) => {
    const first = row * (windows.length + 1) + 1;
    return tokenizer.byteLength(windows.tokens.subarray(first + from, first + to));
  });
}

function sumRows(values: ArrayLike<number>, rows: number): number[] {
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += values[row * width + i]!;
    return sum;
  });
}
