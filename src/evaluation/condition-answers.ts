/** What rows are answered with the memory on, and with something done to it. */
import { release, type Tree } from "../array/index.ts";
import type { LanguageModel, ModelParams, ModelState } from "../models/index.ts";
import type { Segment } from "../training/index.ts";
import { addLosses, type ChunkLosses, type ConditionReader, noLosses } from "./condition-reader.ts";
import { addWrites, type MemoryWrites, noWrites } from "./memory-writes.ts";

/**
 * What is done to the memory while a task is answered.
 *
 * - `on`: written and read throughout.
 * - `off`: empty; all its numbers are zero before every segment, and nothing is written.
 * - `shuffled`: before every segment it is what the next row's was at that place. Attention windows and convolution tails stay the row's own, and the row
 *   goes on with its own memory.
 * - `frozen`: before every segment it is what it was before the first token, and nothing is written.
 */
export const memoryConditions = ["on", "off", "shuffled", "frozen"] as const;
/** One of `memoryConditions`. */
export type MemoryCondition = (typeof memoryConditions)[number];

/** Which targets of some rows were predicted, and what was written with the memory on. */
export interface ConditionAnswers {
  /** 1 where a target was predicted, else 0: [batch, length]. Without a memory all conditions are `on`. */
  readonly right: Readonly<Record<MemoryCondition, Float32Array>>;
  readonly writes: MemoryWrites;
  readonly losses: ChunkLosses;
}

/**
 * Reads rows segment by segment under all conditions; only the states of one segment are held at a time.
 *
 * @param segments of the same rows, one after the other
 * @param onSegment told how many segments are read; what it throws ends the reading
 */
export async function readConditions(
  reader: ConditionReader,
  params: ModelParams,
  segments: readonly Segment[],
  onSegment: (done: number) => Promise<void>,
): Promise<ConditionAnswers> {
  const { model } = reader;
  const [batch, width] = segments[0]!.tokens.shape as [number, number];
  const length = width * segments.length;
  const answers = () => new Float32Array(batch * length);
  const right = { on: answers(), off: answers(), shuffled: answers(), frozen: answers() };
  const others = Array.from({ length: batch }, (_, row) => (row + 1) % batch);
  let writes = noWrites;
  let losses = noLosses;

  const start = await reader.start(params, batch);
  const states = { on: start, off: start, frozen: start };
  const goOn = (condition: keyof typeof states, next: ModelState) => {
    if (states[condition] !== start) release(states[condition]);
    states[condition] = next;
  };
  try {
    for (const [s, segment] of segments.entries()) {
      const place = { batch, width, length, from: s * width };
      if (model.memoryBlocks.length > 0) {
        const frozen = withMemories(model, states.frozen, start);
        const treated = {
          shuffled: await reader.readTreated(params, states.on, segment, { rows: others, write: true }),
          frozen: await reader.readTreated(params, frozen, segment, { write: false }),
          off: await reader.readTreated(params, states.off, segment, { emptied: true, write: false }),
        };
        for (const condition of ["shuffled", "frozen", "off"] as const)
          setSegment(right[condition], treated[condition].right, place);
        release(treated.shuffled.state);
        goOn("frozen", treated.frozen.state);
        goOn("off", treated.off.state);
      }
      const on = await reader.read(params, states.on, segment);
      setSegment(right.on, on.right, place);
      goOn("on", on.state);
      writes = addWrites(writes, on.writes);
      losses = addLosses(losses, on.losses);
      await onSegment(s + 1);
    }
  } finally {
    for (const condition of ["on", "off", "frozen"] as const) goOn(condition, start);
    release(start);
  }
  if (model.memoryBlocks.length > 0) return { right, writes, losses };
  const { on } = right;
  return { right: { on, off: on, shuffled: on, frozen: on }, writes, losses };
}

/** A state with the memories of another one; it borrows from both. */
function withMemories(model: LanguageModel, state: ModelState, from: ModelState): ModelState {
  const memories: Tree[] = [];
  model.mapMemories(from, (memory) => {
    memories.push(memory);
    return memory;
  });
  const given = memories.values();
  return model.mapMemories(state, <M extends Tree>() => given.next().value as M);
}

/** Puts what was found for a segment, [batch, width], at its place in what was found for the rows, [batch, length]. */
function setSegment(
  whole: Float32Array,
  part: ArrayLike<number>,
  { batch, width, length, from }: { batch: number; width: number; length: number; from: number },
): void {
  for (let row = 0; row < batch; row++)
    for (let t = 0; t < width; t++) whole[row * length + from + t] = part[row * width + t]!;
}
