/** Counts what was written to memory: evidence that a memory was used at all. */
import type { TensorData } from "../array/index.ts";

/** Writes over some tokens. One slot is one token in one head of one layer of one sequence. */
export interface MemoryWrites {
  /** Slots with a step size above zero. */
  readonly writes: number;
  /** Slots that could have been written. */
  readonly slots: number;
  /** Mean step size over all slots. */
  readonly meanStepSize: number;
}

/** No writes, as there were no tokens. */
export const noWrites: MemoryWrites = { writes: 0, slots: 0, meanStepSize: 0 };

/** @param stepSizes one number a slot, zero where nothing was written */
export function countWrites(stepSizes: TensorData): MemoryWrites {
  let writes = 0;
  let total = 0;
  for (const stepSize of stepSizes) {
    if (stepSize > 0) writes++;
    total += stepSize;
  }
  const slots = stepSizes.length;
  return { writes, slots, meanStepSize: slots === 0 ? 0 : total / slots };
}

/** The writes of both. */
export function addWrites(a: MemoryWrites, b: MemoryWrites): MemoryWrites {
  const slots = a.slots + b.slots;
  const total = a.meanStepSize * a.slots + b.meanStepSize * b.slots;
  return { writes: a.writes + b.writes, slots, meanStepSize: slots === 0 ? 0 : total / slots };
}
