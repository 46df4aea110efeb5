/** Saves a trained model with levels stacked onto it as a checkpoint of its own (Node only). */
import { detached, release, scope } from "../array/index.ts";
import { type LanguageModel, type StackedLevels, stackLevels } from "../models/index.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { optimizerOf } from "./optimizer-choice.ts";
import { newRunFolder } from "./run-folder.ts";

/** A checkpoint with stacked levels. */
export interface StackedRun {
  /** The run's folder. */
  readonly folder: string;
  readonly checkpoint: string;
  readonly model: LanguageModel;
}

/**
 * Stacks levels onto the model of a checkpoint.
 *
 * @param path a run's folder, or one of its checkpoints; it stays as it is
 * @param out folder of the new run; `runs/stacked-<number>` if left out
 * @throws CheckpointError if there is no checkpoint
 * @throws ConfigError if the levels cannot work, or `out` holds a run
 */
export async function stackCheckpoint(path: string, levels: StackedLevels, out?: string): Promise<StackedRun> {
  const { meta, model: original, params, tokenizer } = await loadCheckpoint(path);
  const { model, params: stacked } = stackLevels({ config: original.config, params }, levels);
  const { path: folder, checkpoints } = newRunFolder(out, "stacked");
  // What an optimiser had gathered for parameters of other names is of no use to these.
  const optimizer = detached(() => scope(() => optimizerOf(meta.training).init(stacked)));
  const { step, training, corpus, corpusFingerprint, task, engine } = meta;
  const about = { model, training, tokenizer, corpus, corpusFingerprint, task, engine };
  const checkpoint = await saveCheckpoint(checkpoints, { step, params: stacked, optimizer }, about, 1);
  release(params, optimizer);
  return { folder, checkpoint, model };
}
