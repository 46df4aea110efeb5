/** Timing within one run: medians over rounds that take turns, so that a busy machine slows both sides of a ratio. */

/** One line of a suite's result. */
export interface Row {
  readonly measure: string;
  readonly value: number;
  /** Standard deviation over seeds, where there are some. */
  readonly spread?: number;
  readonly unit: string;
  /** What the project promises, where it promises something. */
  readonly target?: string;
}

/** First call (tracing and compiling included) and the median of later calls, in milliseconds. */
export interface Timing {
  readonly first: number;
  readonly median: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export async function milliseconds(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Times several functions in turns: each once for its first call, then `rounds` times. */
export async function inTurns<N extends string>(
  runs: Record<N, () => unknown>,
  rounds: number,
): Promise<Record<N, Timing>> {
  const names = Object.keys(runs) as N[];
  const firsts = new Map<N, number>();
  const times = new Map<N, number[]>(names.map((name) => [name, []]));
  for (const name of names) firsts.set(name, await milliseconds(runs[name]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) times.get(name)!.push(await milliseconds(runs[name]));
  }
  const timings = names.map((name) => [name, { first: firsts.get(name)!, median: median(times.get(name)!) }]);
  return Object.fromEntries(timings) as Record<N, Timing>;
}
