/** What a trained model loses when its memory is not written, or is another sequence's: does the memory matter, and how much? */
import { detached, release, scope } from "../array/index.ts";
import { selectRows } from "../common/index.ts";
import type { Tokenizer, TokenWindows } from "../data/index.ts";
import type { LanguageModel, ModelParams, ModelState } from "../models/index.ts";
import { type Segment, segmentsOf } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { addWrites, type MemoryWrites, noWrites } from "./memory-writes.ts";
import {
  bitsPerByte,
  joinScores,
  type PairedDifference,
  pairedDifference,
  type WindowScores,
} from "./paired-scores.ts";
import { bytesOf, type Reading, type WindowReader } from "./window-reader.ts";

/** One control: what the scored halves cost under it, and how much more that is than with the memory on. */
export interface ControlScore extends PairedDifference {
  readonly bitsPerByte: number;
}

/** What `memoryControls` finds. Every condition scores the second halves of the same windows. */
export interface MemoryControls {
  /** Windows read; each starts from a fresh memory. */
  readonly windows: number;
  /** Tokens of a window before the scored ones. */
  readonly contextTokens: number;
  /** Bytes scored over all windows. */
  readonly bytes: number;
  /** Bits per byte with memory written and read throughout. */
  readonly on: number;
  /** No writes during the context; written as usual in the scored half. */
  readonly contextNotWritten: ControlScore;
  /** No writes at all. */
  readonly neverWritten: ControlScore;
  /** At the half, memories and carried surprises of another window of the batch; convolution tails and attention windows stay. */
  readonly otherMemory: ControlScore;
  /** At the half, the whole state of another window: convolution tails and attention windows too. */
  readonly otherState: ControlScore;
  /** Writes with memory on, over whole windows. */
  readonly writes: MemoryWrites;
  /** Writes in `neverWritten`: none, or the control is broken. */
  readonly writesWhenOff: MemoryWrites;
}

const conditions = ["on", "contextNotWritten", "neverWritten", "otherMemory", "otherState"] as const;
type Condition = (typeof conditions)[number];

/**
 * A state whose memories and carried surprises are those of other sequences of the batch, everything else unchanged.
 *
 * @param rows whose memory each sequence gets: indices from 0 to batch - 1
 * @returns a new state; the caller releases it
 */
export function withMemoryOf(model: LanguageModel, state: ModelState, rows: readonly number[]): ModelState {
  return detached(() => scope(() => model.mapMemories(state, (memory) => selectRows(memory, rows))));
}

/**
 * Scores the second halves of windows with memory on, with writes off, and with another window's memory.
 *
 * A model that was trained with a memory may lean on it in ways that have nothing to do with what is stored there, so writes off mostly shows that
 * a path is broken. Another window's memory is written like its own, and differs from it only in what it learned.
 *
 * @param reader the model's
 * @param params the model's
 * @param batches windows of an even number of segments, at least two windows a batch
 * @throws ConfigError if the model has no memory, or the windows cannot be halved or swapped
 */
export async function memoryControls(
  reader: WindowReader,
  params: ModelParams,
  batches: readonly TokenWindows[],
  tokenizer: Tokenizer,
): Promise<MemoryControls> {
  checkWindows(reader, batches);
  const scores: Record<Condition, WindowScores[]> = {
    on: [],
    contextNotWritten: [],
    neverWritten: [],
    otherMemory: [],
    otherState: [],
  };
  let writes = noWrites;
  let writesWhenOff = noWrites;
  for (const windows of batches) {
    const segments = segmentsOf(windows, reader.segment);
    const found = await readConditions(reader, params, segments, windows.batch);
    release(segments);
    const bytes = bytesOf(windows, tokenizer, windows.length / 2, windows.length);
    for (const condition of conditions) scores[condition].push({ bits: found.bits[condition], bytes });
    writes = addWrites(writes, found.writes);
    writesWhenOff = addWrites(writesWhenOff, found.writesWhenOff);
  }
  const on = joinScores(scores.on);
  const compared = (condition: Condition): ControlScore => {
    const all = joinScores(scores[condition]);
    return { bitsPerByte: bitsPerByte(all), ...pairedDifference(all, on) };
  };
  return {
    windows: on.bits.length,
    contextTokens: batches[0]!.length / 2,
    bytes: on.bytes.reduce((total, n) => total + n, 0),
    on: bitsPerByte(on),
    contextNotWritten: compared("contextNotWritten"),
    neverWritten: compared("neverWritten"),
    otherMemory: compared("otherMemory"),
    otherState: compared("otherState"),
    writes,
    writesWhenOff,
  };
}

/** Bits of the second half of each window under each condition: [batch] each. */
async function readConditions(
  reader: WindowReader,
  params: ModelParams,
  segments: readonly Segment[],
  batch: number,
): Promise<{ bits: Record<Condition, readonly number[]>; writes: MemoryWrites; writesWhenOff: MemoryWrites }> {
  const context = segments.slice(0, segments.length / 2);
  const scored = segments.slice(segments.length / 2);
  const readOn = async (state: ModelState, part: readonly Segment[], write: boolean): Promise<Reading> =>
    reader.read(params, state, part, { write });
  const scoreFrom = async (state: ModelState, write: boolean): Promise<Reading> => {
    const reading = await readOn(state, scored, write);
    release(reading.state);
    return reading;
  };

  const start = await reader.start(params, batch);
  const written = await readOn(start, context, true);
  const unwritten = await readOn(start, context, false);
  const others = Array.from({ length: batch }, (_, row) => (row + 1) % batch);
  const otherMemory = withMemoryOf(reader.model, written.state, others);
  const otherState = detached(() => scope(() => selectRows(written.state, others)));

  const on = await scoreFrom(written.state, true);
  const never = await scoreFrom(unwritten.state, false);
  const bits = {
    on: on.bits,
    contextNotWritten: (await scoreFrom(unwritten.state, true)).bits,
    neverWritten: never.bits,
    otherMemory: (await scoreFrom(otherMemory, true)).bits,
    otherState: (await scoreFrom(otherState, true)).bits,
  };
  release(start, written.state, unwritten.state, otherMemory, otherState);
  return {
    bits,
    writes: addWrites(written.writes, on.writes),
    writesWhenOff: addWrites(unwritten.writes, never.writes),
  };
}

function checkWindows(reader: WindowReader, batches: readonly TokenWindows[]): void {
  if (reader.model.memoryBlocks.length === 0) {
    throw new ConfigError(
      `the architecture "${reader.model.config.architecture}" has no memory that could be switched off; use one with a memory, such as titans-lmm`,
    );
  }
  if (batches.length === 0) throw new ConfigError("there are no windows to score; give at least one batch");
  for (const { batch, length } of batches) {
    if (length % (2 * reader.segment) !== 0) {
      throw new ConfigError(
        `windows of ${length} tokens cannot be halved into segments of ${reader.segment}; use a multiple of ${2 * reader.segment}`,
      );
    }
    if (batch < 2)
      throw new ConfigError(`a batch has ${batch} window; another window's memory needs at least two of them`);
  }
}
