/** Which level is updated when: a matter of how many data points there have been, not of the calls that brought them. */
import { np, type Tree, zipTrees } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import { updateFrequency } from "./levels.ts";

/** Data points that are read with all levels as they are, and the levels that are updated after the last one. */
export interface ScheduledPiece {
  /** How many data points of the call come before it. */
  readonly from: number;
  /** The same with its own. */
  readonly to: number;
  /** Names of the levels whose period ends with its last data point, the most frequently updated first. */
  readonly due: readonly string[];
}

/**
 * Whether a level's period ends with a data point: $t \equiv 0 \pmod C$, and t > 0.
 *
 * @param period C, as in `NestedComponent`
 * @param count t, how many data points there have been with this one
 * @throws ConfigError if the period is none
 */
export function isDue(period: number, count: number): boolean {
  updateFrequency(period);
  return count > 0 && (period === 0 || count % period === 0);
}

/**
 * Cuts a call at every data point after which a level is updated.
 *
 * However a stream is divided into calls, each level of period C is due after data points C, 2 C, 3 C, ... of the stream. Levels of period `Infinity` are never due; those of period 0
 * keep no state and cut nothing.
 *
 * @param periods of the levels, by name
 * @param seen data points before the call
 * @param arriving data points of the call
 * @returns pieces that follow each other and make up the call; none for an empty one
 * @throws ConfigError if a period is none or a count is not a whole number
 */
export function schedulePieces(
  periods: Readonly<Record<string, number>>,
  seen: number,
  arriving: number,
): ScheduledPiece[] {
  for (const count of [seen, arriving]) {
    if (!Number.isInteger(count) || count < 0)
      throw new ConfigError(
        `a call of ${arriving} data points after ${seen} is impossible; both must be whole numbers from 0`,
      );
  }
  const levels = Object.entries(periods)
    .filter(([, period]) => updateFrequency(period) < Infinity)
    .sort(([, a], [, b]) => (a === b ? 0 : a - b));
  const pieces: ScheduledPiece[] = [];
  for (let from = 0; from < arriving; ) {
    const ends = levels.map(([, period]) => (Math.floor((seen + from) / period) + 1) * period - seen);
    const to = Math.min(arriving, ...ends);
    const due = levels.filter(([, period]) => isDue(period, seen + to)).map(([name]) => name);
    pieces.push({ from, to, due });
    from = to;
  }
  return pieces;
}

/** What a level carries: its parameters, and the changes since its last update. */
export type PeriodicState<P extends Tree> = { readonly params: P; readonly pending: P };

/**
 * Takes in the change that a piece asks for, and makes all changes of a period at its end.
 *
 * $$\theta \leftarrow \theta - \sum_{i=t-C+1}^{t} \eta_i\,f_i \quad\text{where a period ends}$$
 *
 * Within a period the parameters stand still. The sum of a period that has not ended is part of the state, so that calls may end anywhere.
 *
 * @param state theta and the sum so far, trees alike
 * @param change the sum of $\eta_i f_i$ over the piece, a tree like them
 * @param due whether the period ends with the piece
 */
export function periodicUpdate<P extends Tree>(state: PeriodicState<P>, change: P, due: boolean): PeriodicState<P> {
  const pending = zipTrees((p, c) => np.add(p, c), state.pending, change);
  if (!due) return { params: state.params, pending };
  const params = zipTrees((w, p) => np.subtract(w, p), state.params, pending);
  return { params, pending: zipTrees((p) => np.zerosLike(p), pending) };
}
