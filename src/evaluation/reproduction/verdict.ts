/** The verdict of an experiment: what its own rule says, where there is enough to judge by. */
import type { Experiment, Judgement } from "../experiments/experiment.ts";
import { Findings, type FoundMetrics } from "../experiments/findings.ts";

/**
 * Judges an experiment. It is inconclusive as long as parts are missing, in smoke size, with fewer seeds than it asks for, and where a control was not reached;
 * what its own judge says then is never asked.
 *
 * @param found all parts that came to their end
 * @param asked `parts`: how many there are; `seeds`: trainings of each arm that were asked for
 */
export function verdictOf(
  experiment: Experiment,
  found: readonly FoundMetrics[],
  asked: { readonly parts: number; readonly seeds: number },
): Judgement {
  const inconclusive = (because: string): Judgement => ({ verdict: "inconclusive", because });
  const missing = asked.parts - found.length;
  if (missing > 0) return inconclusive(`${missing} of ${asked.parts} parts are missing.`);
  if (experiment.size === "smoke") return inconclusive("In smoke size numbers say nothing.");
  if (asked.seeds < experiment.seeds)
    return inconclusive(`${asked.seeds} of the ${experiment.seeds} seeds that the rule needs were asked for.`);
  const findings = new Findings(found);
  for (const { arm, metric, atLeast } of experiment.controls ?? []) {
    const reached = findings.mean({ arm, metric });
    if (reached >= atLeast) continue;
    const { label } = experiment.arms.find(({ name }) => name === arm)!;
    const was = Number.isNaN(reached) ? "was not measured" : `is ${Number(reached.toPrecision(3))} in the mean`;
    return inconclusive(`The control fails: ${metric} of ${label} ${was}, and has to be at least ${atLeast}.`);
  }
  return experiment.judge(findings);
}
