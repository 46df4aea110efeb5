/** The folder of a run: what is where in it, and that no run is ever written over (Node only). */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeFileAtomic } from "../data/index.ts";
import { CheckpointError, ConfigError, parseConfig } from "../utils/index.ts";
import { type RunConfig, runSchema } from "./run-config.ts";

/** Where runs without a name of their own are kept. */
const RUNS = "runs";

/** Where the parts of a run are. */
export interface RunFolder {
  readonly path: string;
  /** Folder of checkpoints. */
  readonly checkpoints: string;
  /** JSON lines, see `MetricsLine`. */
  readonly metrics: string;
  /** The resolved configuration. */
  readonly config: string;
}

/** The parts of a run's folder; nothing is read or written. */
export function runFolder(path: string): RunFolder {
  return {
    path,
    checkpoints: join(path, "checkpoints"),
    metrics: join(path, "metrics.jsonl"),
    config: join(path, "config.json"),
  };
}

/**
 * Makes the folder of a new run.
 *
 * @param out the folder that was asked for, if any; it may exist already as long as no run is in it
 * @param name what a folder of its own in `runs` is named after otherwise, such as the preset's
 * @throws ConfigError if the folder holds a run, or cannot be made
 */
export function newRunFolder(out: string | undefined, name: string): RunFolder {
  return out === undefined ? numberedRunFolder(RUNS, name) : claimRunFolder(out);
}

/**
 * Makes the folder of a new run.
 *
 * @param path the folder; it may exist already as long as no run is in it
 * @throws ConfigError if it holds a run, or cannot be a folder
 */
function claimRunFolder(path: string): RunFolder {
  const folder = runFolder(path);
  if (existsSync(path) && !statSync(path).isDirectory())
    throw new ConfigError(`${path} is a file; a run needs a folder, so choose another --out`);
  // A run that was killed before its first checkpoint was complete has nothing to lose.
  const taken = [join(folder.checkpoints, "latest"), folder.config, folder.metrics].find((part) => existsSync(part));
  if (taken !== undefined) {
    throw new ConfigError(`${path} already holds a run; go on with --resume ${path}, or choose another --out`);
  }
  makeFolder(path);
  return folder;
}

/**
 * Makes the folder of a new run that was given no name: `<name>-1`, or the first number that is free.
 *
 * @param parent where runs are
 * @param name such as the preset's
 */
function numberedRunFolder(parent: string, name: string): RunFolder {
  makeFolder(parent);
  for (let n = 1; ; n++) {
    const path = join(parent, `${name}-${n}`);
    try {
      mkdirSync(path);
      return runFolder(path);
    } catch (error) {
      if (!existsSync(path)) throw error;
    }
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ConfigError(`the folder ${path} cannot be made (${code}); choose another --out`, { cause });
  }
}

/**
 * The run that a checkpoint belongs to.
 *
 * @param checkpoint the checkpoint's own folder
 * @throws CheckpointError if it lies outside a run
 */
export function runFolderOf(checkpoint: string): RunFolder {
  const folder = runFolder(dirname(dirname(checkpoint)));
  if (basename(dirname(checkpoint)) === "checkpoints") return folder;
  throw new CheckpointError(
    `${checkpoint} is not in the checkpoints folder of a run, so there is no run to resume; copy it to <run>/checkpoints/`,
  );
}

/** Writes a run's configuration. */
export async function writeRunConfig(folder: RunFolder, config: RunConfig): Promise<void> {
  await writeFileAtomic(folder.config, `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * Reads a run's configuration.
 *
 * @returns `undefined` if there is none: the run was killed before it was written
 * @throws ConfigError if it was damaged
 */
export function readRunConfig(folder: RunFolder): RunConfig | undefined {
  if (!existsSync(folder.config)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(folder.config, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${folder.config} is not JSON; remove it to go on with the checkpoint's numbers`, { cause });
  }
  return parseConfig(runSchema, value, folder.config);
}
