/** Writes rows: tokens from left to right, with the questions among them. */
import { ShapeError } from "../../utils/errors.ts";
import type { RandomStream } from "../random-stream.ts";
import type { Question, TaskRow } from "./task.ts";

/** Writes a row from left to right. */
export class RowWriter {
  private readonly tokens: number[] = [];
  private readonly questions: Question[] = [];

  /** The place of the next token. */
  get place(): number {
    return this.tokens.length;
  }

  /** Adds tokens; returns the place of the first. */
  write(...tokens: readonly number[]): number {
    const { place } = this;
    this.tokens.push(...tokens);
    return place;
  }

  /** Adds many tokens. */
  copy(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.tokens.push(tokens[i]!);
  }

  /** Adds the same token several times. */
  repeat(token: number, count: number): void {
    for (let i = 0; i < count; i++) this.tokens.push(token);
  }

  /** Adds an answer, which follows from the fact at a place. */
  answer(tokens: readonly number[], fact: number | null): void {
    const { place } = this;
    const seen = fact === null ? { distance: null, depth: null } : { distance: place - fact, depth: fact / place };
    this.questions.push({ target: place - 1, count: tokens.length, fact, ...seen });
    this.write(...tokens);
  }

  /**
   * The row, filled up at its end.
   *
   * @throws ShapeError if more was written than fits
   */
  row(length: number, filler: number): TaskRow {
    const free = length + 1 - this.place;
    if (free < 0) throw new ShapeError(`${this.place} tokens were written to a row of ${length + 1}`);
    this.repeat(filler, free);
    return { tokens: Int32Array.from(this.tokens), questions: this.questions };
  }
}

/**
 * Distributes free slots: how many stand before each of some items, and after the last. Every arrangement is as likely.
 *
 * @returns [items + 1], summing to `free`
 */
export function randomGaps(random: RandomStream, items: number, free: number): number[] {
  // The items' places among all slots; for few items in many slots this is faster than a shuffle.
  const places = new Set<number>();
  while (places.size < items) places.add(random.below(items + free));
  const ordered = [...places].sort((a, b) => a - b);
  const gaps = ordered.map((place, i) => place - (i === 0 ? 0 : ordered[i - 1]! + 1));
  return [...gaps, free + items - 1 - (ordered.at(-1) ?? -1)];
}
