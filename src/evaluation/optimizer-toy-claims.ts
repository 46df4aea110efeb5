/** What the paper says about momenta on toy problems, held against what was measured. */
import type { OptimizerToyData, ToyResult } from "./optimizer-toys.ts";

/** A claim and in how many seeds it holds. */
export interface ToyVerdict {
  readonly claim: string;
  readonly problem: string;
  readonly holds: number;
  readonly seeds: number;
}

/**
 * The verdicts on delta momentum against the heavy ball; none if one of the two was not measured.
 *
 * A run that does not arrive or is not finite counts as later and as forgetting more; if neither arrives, the claim does not hold.
 */
export function toyVerdicts(data: OptimizerToyData): ToyVerdict[] {
  const claims = [
    {
      claim: "Delta momentum arrives before the heavy ball",
      problem: "varying curvature",
      of: (result: ToyResult) => result.arrival,
    },
    {
      claim: "Delta momentum leaves a lower loss on the earlier tasks than the heavy ball",
      problem: "orthogonal tasks",
      of: (result: ToyResult) => result.earlierLoss,
    },
  ];
  return claims.flatMap(({ claim, problem, of }) => {
    const results = data.findings.find((finding) => finding.problem === problem)?.results ?? [];
    const delta = results.find(({ optimizer }) => optimizer === "delta-momentum");
    const heavy = results.find(({ optimizer }) => optimizer === "momentum");
    if (!delta || !heavy) return [];
    const other = of(heavy);
    const holds = of(delta).filter((value, seed) => smaller(value, other[seed]!)).length;
    return [{ claim, problem, holds, seeds: data.seeds.length }];
  });
}

function smaller(a: number | null, b: number | null): boolean {
  return a !== null && (b === null || a < b);
}
