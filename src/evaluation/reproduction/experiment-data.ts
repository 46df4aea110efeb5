/** What is known of an experiment, as data: saved beside its page as JSON. */
import type { Experiment, Paper, Verdict } from "../experiments/experiment.ts";
import type { FoundPart, Part } from "./part.ts";
import { verdictOf } from "./verdict.ts";

/** What made the numbers. */
export interface Versions {
  readonly package: string;
  readonly node: string;
  /** Of the native engine, where it is installed. */
  readonly onnxruntime: string | null;
}

/** A part by name. */
interface NamedPart {
  readonly arm: string;
  readonly seed: number;
}

/** An experiment with everything that was found. */
export interface ExperimentData {
  readonly format: 1;
  readonly name: string;
  readonly paper: Paper;
  readonly title: string;
  readonly claim: string;
  readonly setting: string;
  readonly rule: string;
  readonly attempts: readonly string[];
  readonly size: Experiment["size"];
  readonly seeds: number;
  readonly verdict: Verdict;
  readonly because: string;
  readonly arms: readonly { readonly name: string; readonly label: string }[];
  readonly parts: readonly FoundPart[];
  /** Parts that did not come to their end yet. */
  readonly missing: readonly NamedPart[];
  readonly command: string;
  readonly versions: Versions;
}

/**
 * Judges an experiment and gathers everything about it.
 *
 * @param parts all parts of it
 * @param found those that came to their end
 */
export function experimentData(
  experiment: Experiment,
  parts: readonly Part[],
  found: readonly FoundPart[],
  about: Pick<ExperimentData, "seeds" | "command" | "versions">,
): ExperimentData {
  const { name, paper, title, claim, setting, rule, attempts, size, arms } = experiment;
  const isFound = ({ arm, seed }: NamedPart) => found.some((one) => one.arm === arm && one.seed === seed);
  return {
    format: 1,
    name,
    paper,
    title,
    claim,
    setting,
    rule,
    attempts,
    size,
    ...about,
    ...verdictOf(experiment, found, { parts: parts.length, seeds: about.seeds }),
    arms: arms.map(({ name: arm, label }) => ({ name: arm, label })),
    parts: found,
    missing: parts.filter((part) => !isFound(part)).map(({ arm, seed }) => ({ arm, seed })),
  };
}

/** Seconds that the parts of an experiment took together. */
export function secondsOf(parts: readonly Pick<FoundPart, "seconds">[]): number {
  return parts.reduce((total, { seconds: { training, measuring } }) => total + training + measuring, 0);
}
