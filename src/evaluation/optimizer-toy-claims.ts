/** What the paper says about momenta on toy problems, held against what was measured; and which optimiser arrives first. */
import { meanAndDeviation } from "./associations.ts";
import { HEAVY_BALL } from "./optimizer-toy-carry.ts";
import type { OptimizerToyData, ToyFinding, ToyResult } from "./optimizer-toys.ts";

/** A claim and in how many seeds it holds. */
export interface ToyVerdict {
  readonly claim: string;
  readonly problem: string;
  readonly holds: number;
  readonly seeds: number;
}

/**
 * The verdicts on the paper's claims; one whose optimisers were not measured is left out.
 *
 * A run that does not arrive or is not finite counts as later; if neither arrives, the claim does not hold.
 */
export function toyVerdicts({ findings, seeds, carries }: OptimizerToyData): ToyVerdict[] {
  const valley = findings.find(({ problem }) => problem === "varying curvature")?.results ?? [];
  const of = (name: string) => valley.find(({ optimizer }) => optimizer === name)?.arrival;
  const [delta, heavy] = [of("delta-momentum"), of("momentum")];
  const arrives =
    delta === undefined || heavy === undefined
      ? []
      : [
          verdict("Delta momentum arrives before the heavy ball", "varying curvature", seeds, (i) =>
            smaller(delta[i]!, heavy[i]!),
          ),
        ];
  const forgets = carries.flatMap(({ optimizer, after, left }) => {
    const share = HEAVY_BALL ** after;
    const problem = "orthogonal tasks";
    if (optimizer === "momentum")
      return [
        verdict(
          `After ${after} steps on another task the heavy ball has forgotten all but ${share.toFixed(3)} of an old direction, its momentum to the power of ${after}`,
          problem,
          seeds,
          (i) => Math.abs(left[i]! - share) < 1e-3,
        ),
      ];
    return [
      verdict(
        `The slow momentum of M3 has kept all of it, as its period is not over`,
        problem,
        seeds,
        (i) => Math.abs(left[i]! - 1) < 1e-3,
      ),
    ];
  });
  return [...arrives, ...forgets];
}

function verdict(
  claim: string,
  problem: string,
  seeds: readonly number[],
  holdsIn: (seed: number) => boolean,
): ToyVerdict {
  return { claim, problem, holds: seeds.filter((_, i) => holdsIn(i)).length, seeds: seeds.length };
}

function smaller(a: number | null, b: number | null): boolean {
  return a !== null && (b === null || a < b);
}

/** Who arrives first with every seed, and who is within the larger of the two spreads of that; empty if nobody arrives with every seed. */
export function firstToArrive({ results }: Pick<ToyFinding, "results">): string[] {
  const arrived = results.flatMap(({ optimizer, arrival }: ToyResult) => {
    const steps = arrival.filter((step) => step !== null);
    return steps.length === arrival.length && steps.length > 0 ? [{ optimizer, ...meanAndDeviation(steps) }] : [];
  });
  const [best] = [...arrived].sort((a, b) => a.mean - b.mean);
  if (best === undefined) return [];
  return arrived
    .filter(({ mean, deviation }) => mean - best.mean <= Math.max(deviation, best.deviation))
    .sort((a, b) => a.mean - b.mean)
    .map(({ optimizer }) => optimizer);
}
