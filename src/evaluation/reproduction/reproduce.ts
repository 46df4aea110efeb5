/** Runs experiments: trains and measures all parts that are missing, judges, and writes a page for each and one about all (Node only). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../utils/index.ts";
import type { Experiment, ExperimentSize } from "../experiments/experiment.ts";
import { experimentNamed, experimentNames, experiments } from "../experiments/index.ts";
import { loadPlotter } from "../plots.ts";
import { type ReportPaths, writePage } from "../report.ts";
import { type ExperimentData, experimentData } from "./experiment-data.ts";
import { renderExperiment } from "./experiment-page.ts";
import { indexData, renderIndex } from "./index-page.ts";
import { checkSettings, foundOf, type Part, partsOf } from "./part.ts";
import { type ReproduceHooks, trainMissing } from "./train-missing.ts";
import { versionsNow } from "./versions.ts";

/** What to reproduce. */
export interface ReproduceOptions {
  /** Names of experiments; all by default. */
  readonly names?: readonly string[] | undefined;
  /** Trainings of each arm; by default as many as each experiment asks for. */
  readonly seeds?: number | undefined;
  /** Parts at a time; 1 by default. No number depends on it. */
  readonly workers?: number | undefined;
  /** `full` by default. */
  readonly size?: ExperimentSize;
  /** The folder of everything. */
  readonly out: string;
  /** The command that asks for it, for the pages. */
  readonly command: string;
  /** The package's version, for the pages. */
  readonly version: string;
}

/** What it came to. One that was stopped goes on with the same options. */
export interface ReproduceResult {
  /** Whether all parts that were asked for are there. */
  readonly finished: boolean;
  readonly folder: string;
  readonly index: ReportPaths;
  readonly experiments: readonly { readonly report: ReportPaths; readonly data: ExperimentData }[];
}

/** An experiment with its parts. */
interface Planned {
  readonly experiment: Experiment;
  readonly seeds: number;
  readonly parts: readonly Part[];
}

/**
 * Runs experiments. Every part is an ordinary run in `<out>/<experiment>/<arm>-<seed>`; those that were measured are kept, one that was half trained goes on
 * exactly. Pages are written however far it came: an experiment with missing parts is inconclusive.
 *
 * @throws ConfigError if an experiment is unknown or named twice, or a part was trained otherwise: before anything is trained
 * @throws MissingPackageError if a package that the pages need is not installed
 */
export async function reproduce(options: ReproduceOptions, hooks: ReproduceHooks = {}): Promise<ReproduceResult> {
  const { names = experimentNames, out } = options;
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new ConfigError(`the experiment "${twice}" is named twice; name each one once`);
  for (const name of names) experimentNamed(name);
  const isAsked = ({ name }: { readonly name: string }) => names.includes(name);
  const plans = experiments.map((sized) => {
    const experiment = sized.of(options.size ?? "full");
    return planned(experiment, out, isAsked(sized) ? options.seeds : undefined);
  });
  const asked = plans.filter(({ experiment }) => isAsked(experiment));
  for (const { parts } of asked) for (const part of parts) checkSettings(part);
  await loadPlotter();
  await mkdir(out, { recursive: true });
  await trainMissing(
    asked.flatMap(({ parts }) => parts),
    options.workers ?? 1,
    hooks,
  );
  return written(plans, names, options);
}

function planned(experiment: Experiment, out: string, seeds = experiment.seeds): Planned {
  return { experiment, seeds, parts: partsOf(experiment, { seeds, folder: join(out, experiment.name) }) };
}

async function written(
  plans: readonly Planned[],
  names: readonly string[],
  { out, command, version }: ReproduceOptions,
): Promise<ReproduceResult> {
  const plotter = await loadPlotter();
  const versions = versionsNow(version);
  const data = plans.map(({ experiment, seeds, parts }) => {
    const found = parts.flatMap((part) => foundOf(part) ?? []);
    return { experiment, data: experimentData(experiment, parts, found, { seeds, command, versions }) };
  });
  const pages: { report: ReportPaths; data: ExperimentData }[] = [];
  for (const { experiment, data: one } of data) {
    // The others have the page that the command for them wrote.
    if (!names.includes(one.name)) continue;
    const report = await writePage(join(out, one.name), one, renderExperiment(plotter, experiment, one));
    pages.push({ report, data: one });
  }
  const all = indexData(data.map(({ data: one }) => one));
  return {
    finished: pages.every((page) => page.data.missing.length === 0),
    folder: out,
    index: await writePage(join(out, "index"), all, renderIndex(all)),
    experiments: pages,
  };
}
