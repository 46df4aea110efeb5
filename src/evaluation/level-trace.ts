/** When each level of a continuum memory was updated while a text was read, and how far that moved its weights. */
import { namedLeaves, read } from "../array/index.ts";
import type { TokenSource } from "../data/index.ts";
import type { Memory, Reader } from "../inference/index.ts";
import type { LanguageModel } from "../models/index.ts";
import { ContinuumMemory } from "../nl/index.ts";

/** One level of one block that learns. */
export interface TracedLevel {
  readonly block: number;
  /** Among the block's levels that learn, in the order in which a token passes them. */
  readonly level: number;
  readonly period: number;
  readonly stepSize: number;
  /** Tokens read when it was updated. */
  readonly updatedAt: readonly number[];
  /** Distance of the weights from those that it started with, over the length of these: after every `unit` tokens. */
  readonly change: readonly number[];
}

/** What happened to the levels along a text. */
export interface LevelTrace {
  /** Tokens between two looks: the shortest period. */
  readonly unit: number;
  /** Tokens read. */
  readonly tokens: number;
  readonly levels: readonly TracedLevel[];
}

/** The numbers of a level's state that are looked at. */
interface LevelNumbers {
  readonly updates: number;
  readonly weights: readonly number[];
}

const LEVEL = /^blocks\.(\d+)\.continuum\.(\d+)\.(updates|weights\..+)$/;

/** The levels of a state, by block and level. */
async function levelsOf(memory: Memory): Promise<Map<string, LevelNumbers>> {
  const found = new Map<string, LevelNumbers>();
  for (const [path, leaf] of namedLeaves(memory.closed)) {
    const [, block, level, part] = LEVEL.exec(path) ?? [];
    if (part === undefined) continue;
    const key = `${block}.${level}`;
    const { updates, weights } = found.get(key) ?? { updates: 0, weights: [] };
    const numbers = [...(await read(leaf))];
    found.set(
      key,
      part === "updates" ? { weights, updates: numbers[0]! } : { updates, weights: [...weights, ...numbers] },
    );
  }
  return found;
}

/** $\lVert \theta - \theta_0 \rVert / \lVert \theta_0 \rVert$ */
function relativeChange(now: readonly number[], start: readonly number[]): number {
  const length = (numbers: readonly number[]) => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0));
  return length(now.map((x, i) => x - start[i]!)) / length(start);
}

/** The levels of a model that learn, without what happened to them. */
function learningLevels(model: LanguageModel): Pick<TracedLevel, "block" | "level" | "period" | "stepSize">[] {
  return model.blocks.flatMap(({ learned }, block) => {
    if (!(learned instanceof ContinuumMemory)) return [];
    const learning = learned.levels.filter(({ period }) => period < Infinity);
    return learning.map(({ period, stepSize }, level) => ({ block, level, period, stepSize }));
  });
}

/** How far each level's weights are from those of another state, by block and level as `traceLevels` lists them. */
export async function levelChanges(model: LanguageModel, start: Memory, now: Memory): Promise<number[]> {
  const [before, after] = [await levelsOf(start), await levelsOf(now)];
  return learningLevels(model).map(({ block, level }) => {
    const key = `${block}.${level}`;
    return relativeChange(after.get(key)!.weights, before.get(key)!.weights);
  });
}

/**
 * Reads the beginning of a text from a fresh state, looking at every level after each stretch of the shortest period.
 *
 * @param tokens how many to read at most
 * @returns no levels for a model none of which learns
 */
export async function traceLevels(reader: Reader, source: TokenSource, tokens: number): Promise<LevelTrace> {
  const { model } = reader;
  const unit = model.chunkSize;
  const looks = Math.floor((Math.min(tokens, source.length) - 1) / unit);
  const levels = learningLevels(model).map((level) => ({
    ...level,
    updatedAt: [] as number[],
    change: [] as number[],
  }));
  const session = await reader.open();
  const start = await levelsOf(session.memory);
  const updates = new Map([...start].map(([key]) => [key, 0]));
  for (let look = 1; look <= looks && levels.length > 0; look++) {
    // A chunk is learned from when the token after it arrives.
    await session.read(source.read(session.position, look * unit + 1 - session.position));
    const now = await levelsOf(session.memory);
    for (const { block, level, updatedAt, change } of levels) {
      const key = `${block}.${level}`;
      const numbers = now.get(key)!;
      if (numbers.updates > updates.get(key)!) updatedAt.push(look * unit);
      updates.set(key, numbers.updates);
      change.push(relativeChange(numbers.weights, start.get(key)!.weights));
    }
  }
  session.close();
  return { unit, tokens: looks * unit, levels };
}
