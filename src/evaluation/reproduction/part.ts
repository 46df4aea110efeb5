/** The parts of an experiment: one arm with one seed each, its whole configuration, and what is kept of it (Node only). */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { writeFileAtomic } from "../../data/index.ts";
import { withoutWrites } from "../../models/index.ts";
import { newRunConfig, type RunLayer, runFolder } from "../../training/index.ts";
import { ConfigError } from "../../utils/index.ts";
import type { Arm, Experiment, ExperimentSize, Measure } from "../experiments/experiment.ts";
import type { FoundMetrics } from "../experiments/findings.ts";
import { changedEntries } from "./changed-entries.ts";
import type { MeasuredDetails } from "./measures.ts";

/** Validations of each training. */
const VALIDATIONS = 5;
/** One engine thread a part, so that numbers do not depend on how many parts are trained at a time. */
const THREADS = 1;
/** Claims of the papers are about their rule, whichever the presets use. */
const PAPERS_RULE: RunLayer = { model: { memory: { forgetTowards: "zero" } } };
/** Where a part's folder keeps what it was asked for, and what was found. */
const SETTINGS = "part.json";
const FOUND = "found.json";

/** What makes a part: another number here is another part. */
interface PartSettings {
  readonly layer: RunLayer;
  readonly measures: readonly Measure[];
}

/** One arm with one seed. */
export interface Part extends PartSettings {
  readonly experiment: string;
  readonly arm: string;
  readonly label: string;
  readonly seed: number;
  /** Of its run. */
  readonly folder: string;
  readonly withoutWrites: boolean;
}

/** What is kept of a part. */
export interface FoundPart extends FoundMetrics {
  readonly format: 1;
  /** Training and measuring, in seconds, interruptions not counted. */
  readonly seconds: { readonly training: number; readonly measuring: number };
  readonly parameters: number;
  readonly ran: { readonly engine: string; readonly threads: number; readonly platform: string };
  /** Loss of the validations, in bits per answer token or byte. */
  readonly validation: readonly { readonly step: number; readonly bits: number }[];
  readonly details: MeasuredDetails;
  readonly failure?: { readonly step: number; readonly arrays: readonly string[] };
}

/**
 * The parts of an experiment, seed by seed, so that an interrupted one has some of every arm.
 *
 * @param options `seeds`: trainings of each arm; `folder`: the experiment's
 * @throws ConfigError if a configuration cannot work, or two arms have one name
 */
export function partsOf(
  { name, arms, size }: Experiment,
  { seeds, folder }: { readonly seeds: number; readonly folder: string },
): Part[] {
  const twice = arms.find((arm, i) => arms.findIndex((other) => other.name === arm.name) < i);
  if (twice !== undefined) throw new ConfigError(`the experiment ${name} has two arms "${twice.name}"; rename one`);
  return Array.from({ length: seeds }, (_, seed) => seed).flatMap((seed) =>
    arms
      .filter((arm) => seed < (arm.seeds ?? seeds))
      .map((arm) => ({
        experiment: name,
        arm: arm.name,
        label: arm.label,
        seed,
        folder: join(folder, `${arm.name}-${seed}`),
        withoutWrites: arm.withoutWrites ?? false,
        layer: partLayer(name, arm, seed, size),
        measures: arm.measures,
      })),
  );
}

/** Everything that a training is told: the whole configuration but the vocabulary, which is the task's or the text's. */
function partLayer(
  experiment: string,
  { name, layer, withoutWrites: unwritten }: Arm,
  seed: number,
  size: ExperimentSize,
): RunLayer {
  // Two steps of a tiny model are mostly compilation, of which this engine has less.
  const engine = size === "smoke" ? { engine: "wasm" } : {};
  const layers = [engine, PAPERS_RULE, layer, { threads: THREADS, training: { seed } }];
  const config = newRunConfig(layers, `${experiment}, arm ${name}`);
  const { training } = config;
  const { vocabularySize: _, ...model } = unwritten ? withoutWrites(config.model) : config.model;
  return { ...config, model, training: { ...training, evaluateEvery: Math.ceil(training.steps / VALIDATIONS) } };
}

/**
 * Refuses a part whose folder holds one that was trained otherwise. One that is only to be measured otherwise is measured anew.
 *
 * @throws ConfigError with the entries that differ
 */
export function checkSettings(part: Part): void {
  const before = settingsIn(part.folder);
  // A part that never began to be trained has nothing to lose.
  if (before === undefined || !existsSync(join(runFolder(part.folder).checkpoints, "latest"))) return;
  const changed = changedEntries(before.layer, settingsOf(part).layer);
  if (changed.length === 0) return;
  throw new ConfigError(
    `${part.folder} was made with other settings than the code has now: ${changed.slice(0, 3).join("; ")}. ` +
      "Numbers of both cannot stand in one table: name another folder with --out, or delete this one",
  );
}

/** What was found of a part, if it has come to its end and its settings are still the same. */
export function foundOf(part: Part): FoundPart | undefined {
  const path = join(part.folder, FOUND);
  if (!existsSync(path) || !isDeepStrictEqual(settingsIn(part.folder), settingsOf(part))) return undefined;
  return JSON.parse(readFileSync(path, "utf8")) as FoundPart;
}

/** Notes what a part is asked for, before it is trained or measured; what was found when something else was asked for is gone. */
export async function keepSettings(part: Part): Promise<void> {
  await mkdir(part.folder, { recursive: true });
  await rm(join(part.folder, FOUND), { force: true });
  await writeFileAtomic(join(part.folder, SETTINGS), `${JSON.stringify(settingsOf(part))}\n`);
}

/** Keeps what was found. */
export function keepFound(part: Part, found: FoundPart): Promise<void> {
  return writeFileAtomic(join(part.folder, FOUND), `${JSON.stringify(found)}\n`);
}

/** As JSON has it: without entries that are not there. */
function settingsOf({ layer, measures }: Part): PartSettings {
  return JSON.parse(JSON.stringify({ layer, measures })) as PartSettings;
}

function settingsIn(folder: string): PartSettings | undefined {
  const path = join(folder, SETTINGS);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as PartSettings) : undefined;
}
