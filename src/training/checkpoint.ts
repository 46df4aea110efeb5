/** Checkpoints: folders that hold everything a run needs to go on exactly, or a model needs to be used. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { key, shapesOf } from "../array/index.ts";
import {
  encodeTree,
  removePartials,
  restoreTree,
  type TaskSettings,
  type Tokenizer,
  type TokenizerDescription,
  taskSchema,
  tokenizerFromDescription,
  writeDirectoryAtomic,
  writeFileAtomic,
} from "../data/index.ts";
import { LanguageModel, type ModelConfig, type ModelParams, modelSchema } from "../models/index.ts";
import { CheckpointError, parseConfig } from "../utils/index.ts";
import { type TrainingConfig, trainingSchema } from "./config.ts";
import { optimizerOf } from "./optimizer-choice.ts";
import type { TrainingState } from "./train.ts";

/** Version of the folder's layout. */
const FORMAT = 1;
const POINTER = "latest";

const metaSchema = z.object({
  format: z.literal(FORMAT),
  step: z.int().min(0),
  model: modelSchema,
  training: trainingSchema,
  tokenizer: z.custom<TokenizerDescription>((value) => typeof value === "object" && value !== null && "kind" in value),
  corpus: z.string(),
  corpusFingerprint: z.string().optional(),
  task: taskSchema.optional(),
  engine: z.object({ name: z.string(), threads: z.int() }),
});

/** What a checkpoint says about itself beside its arrays. */
export interface CheckpointMeta {
  readonly step: number;
  readonly model: ModelConfig;
  readonly training: TrainingConfig;
  readonly tokenizer: TokenizerDescription;
  /** What the run was trained on, as the user named it. */
  readonly corpus: string;
  /** By which that text is known again; see `corpusFingerprint`. */
  readonly corpusFingerprint?: string | undefined;
  /** The task that it was trained on, if it was one. */
  readonly task?: TaskSettings | undefined;
  /** The engine and threads that computed it: others give other last digits. */
  readonly engine: { readonly name: string; readonly threads: number };
}

/** A checkpoint in memory. The caller releases `params`, and `state` where it was asked for. */
export interface LoadedCheckpoint {
  readonly path: string;
  readonly meta: CheckpointMeta;
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly params: ModelParams;
}

/**
 * Saves a state as the folder `step-<n>` in a folder of checkpoints, then points `latest` at it. Either all of it is there, or none.
 *
 * @param folder where the run keeps its checkpoints
 * @param keep how many to keep; older ones are removed
 * @returns the checkpoint's folder
 */
export async function saveCheckpoint(
  folder: string,
  state: TrainingState,
  about: {
    readonly model: LanguageModel;
    readonly training: TrainingConfig;
    readonly tokenizer: Tokenizer;
    readonly corpus: string;
    readonly corpusFingerprint?: string | undefined;
    readonly task?: TaskSettings | undefined;
    readonly engine: CheckpointMeta["engine"];
  },
  keep: number,
): Promise<string> {
  const meta: CheckpointMeta & { format: number } = {
    format: FORMAT,
    step: state.step,
    model: about.model.config,
    training: about.training,
    tokenizer: about.tokenizer.describe(),
    corpus: about.corpus,
    corpusFingerprint: about.corpusFingerprint,
    task: about.task,
    engine: { name: about.engine.name, threads: about.engine.threads },
  };
  const name = `step-${String(state.step).padStart(7, "0")}`;
  const files = new Map<string, Uint8Array | string>([
    ["model.safetensors", await encodeTree(state.params)],
    ["optimizer.safetensors", await encodeTree(state.optimizer)],
    ["checkpoint.json", `${JSON.stringify(meta, null, 2)}\n`],
  ]);
  await removePartials(folder);
  await writeDirectoryAtomic(join(folder, name), files);
  await pointLatest(join(folder, name));
  const older = (await checkpointNames(folder)).filter((other) => other < name);
  await Promise.all(
    older.slice(0, Math.max(0, older.length - keep + 1)).map((other) => rm(join(folder, other), { recursive: true })),
  );
  return join(folder, name);
}

/** Makes a checkpoint the one that its run goes on from. */
export async function pointLatest(checkpoint: string): Promise<void> {
  await writeFileAtomic(join(dirname(checkpoint), POINTER), `${basename(checkpoint)}\n`);
}

async function checkpointNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^step-\d+$/.test(name)).sort();
}

/**
 * The folder of a checkpoint, given itself, the folder of checkpoints it is in, or the run's folder.
 *
 * @throws CheckpointError if there is none
 */
export async function findCheckpoint(path: string): Promise<string> {
  for (const folder of [path, join(path, "checkpoints")]) {
    if (await exists(join(folder, "checkpoint.json"))) return folder;
    const pointer = await readFile(join(folder, POINTER), "utf8").catch(() => undefined);
    if (pointer !== undefined) return join(folder, pointer.trim());
  }
  if (!(await exists(path))) throw new CheckpointError(`there is no checkpoint at ${path}: no such folder`);
  throw new CheckpointError(
    `${path} holds no checkpoint; name a run's folder or a folder such as ${join(path, "checkpoints", "step-0000100")}`,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readPart(folder: string, name: string): Promise<Uint8Array> {
  return readFile(join(folder, name)).catch((cause) => {
    throw new CheckpointError(`the checkpoint ${folder} lacks ${name}; it is incomplete, use another one`, { cause });
  });
}

/**
 * What a checkpoint says about itself; its arrays are not read.
 *
 * @param folder the checkpoint's own
 * @throws CheckpointError if it is damaged or foreign
 */
export async function readMeta(folder: string): Promise<CheckpointMeta> {
  const text = new TextDecoder().decode(await readPart(folder, "checkpoint.json"));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      `${join(folder, "checkpoint.json")} is not JSON; the checkpoint is damaged, use another one`,
      { cause },
    );
  }
  if (typeof value !== "object" || value === null || (value as { format?: unknown }).format !== FORMAT) {
    throw new CheckpointError(`${folder} is not a checkpoint this version can read (expected format ${FORMAT})`);
  }
  return parseConfig(metaSchema, value, join(folder, "checkpoint.json"));
}

/**
 * Loads a model from a checkpoint.
 *
 * @param path the checkpoint's folder, or the run's
 * @throws CheckpointError if it is missing, damaged, or does not fit the model it describes
 */
export async function loadCheckpoint(path: string): Promise<LoadedCheckpoint> {
  const folder = await findCheckpoint(path);
  const meta = await readMeta(folder);
  const model = new LanguageModel(meta.model);
  const tokenizer = await tokenizerFromDescription(meta.tokenizer);
  const file = join(folder, "model.safetensors");
  const params = restoreTree(model.shapes(), await readPart(folder, "model.safetensors"), file) as ModelParams;
  return { path: folder, meta, model, tokenizer, params };
}

/** Loads the training state of a checkpoint, for a run that goes on from it; the run takes over its arrays and the checkpoint's parameters. */
export async function loadTrainingState(checkpoint: LoadedCheckpoint): Promise<TrainingState> {
  const { path, meta, model, params } = checkpoint;
  const expected = shapesOf(() => optimizerOf(meta.training).init(model.init(key(0))));
  const optimizer = restoreTree(
    expected,
    await readPart(path, "optimizer.safetensors"),
    join(path, "optimizer.safetensors"),
  );
  return { step: meta.step, params, optimizer };
}
