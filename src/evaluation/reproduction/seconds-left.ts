/** How long the parts that are missing will take, judging by those that are there. */
import { secondsOf } from "./experiment-data.ts";
import { foundOf, type Part } from "./part.ts";

/**
 * An estimate: a missing part takes as long as those of its arm did, of its experiment if there is none, or of all.
 *
 * @returns seconds; `undefined` if no part came to its end
 */
export function secondsLeft(parts: readonly Part[]): number | undefined {
  const done = parts.flatMap((part) => {
    const found = foundOf(part);
    return found === undefined ? [] : [{ part, seconds: secondsOf([found]) }];
  });
  if (done.length === 0) return undefined;
  const missing = parts.filter((part) => !done.some((one) => one.part === part));
  return missing.reduce((total, { experiment, arm }) => {
    const ofExperiment = done.filter(({ part }) => part.experiment === experiment);
    const ofArm = ofExperiment.filter(({ part }) => part.arm === arm);
    const alike = [ofArm, ofExperiment, done].find(({ length }) => length > 0)!;
    return total + alike.reduce((sum, { seconds }) => sum + seconds, 0) / alike.length;
  }, 0);
}
