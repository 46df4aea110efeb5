/** A training run with everything around it: data, engine, folder, metrics, checkpoints, exact resume (Node only). */
import { type Engine, type EngineOptions, release, startEngine } from "../array/index.ts";
import { assertTokenizerFits, openTokenizer } from "../data/index.ts";
import { LanguageModel } from "../models/index.ts";
import { ConfigError, EngineError, parseConfig } from "../utils/index.ts";
import {
  type CheckpointMeta,
  findCheckpoint,
  loadCheckpoint,
  loadTrainingState,
  pointLatest,
  saveCheckpoint,
} from "./checkpoint.ts";
import { openMetrics, readMetrics } from "./metrics-file.ts";
import { newRunConfig, type RunConfig, type RunLayer, resumedRunConfig, runSchema } from "./run-config.ts";
import { newRunFolder, type RunFolder, readRunConfig, runFolderOf, writeRunConfig } from "./run-folder.ts";
import {
  checkTraining,
  initialTrainingState,
  type StepMetrics,
  type TrainingState,
  train,
  type ValidationMetrics,
} from "./train.ts";
import { absoluteCorpus, openRunTask, openRunText, type RunData } from "./training-data.ts";

/** A run that is ready to train. */
export interface Run {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly model: LanguageModel;
  readonly data: RunData;
  readonly engine: Engine;
  /** The state to go on from; `trainRun` takes it over. */
  readonly from: TrainingState;
}

/** What a run has come to. */
export interface RunSummary {
  readonly run: string;
  readonly checkpoint: string;
  readonly step: number;
  readonly steps: number;
  /** Whether all steps are done. */
  readonly complete: boolean;
  /** Loss of the last step; `null` if none was done, or on a task. */
  readonly trainingBitsPerByte: number | null;
  /** The last validation's; `null` if there was none, or on a task. */
  readonly validationBitsPerByte: number | null;
  /** The last validation, as the metrics file has it; `null` if there was none. */
  readonly validation: ValidationMetrics | null;
  /** Tokens trained on, in all steps. */
  readonly tokens: number;
  /** Time spent in all steps and validations. */
  readonly seconds: number;
  readonly engine: string;
}

/** What to hear from a run, and when to stop it. */
export interface RunHooks {
  /** Called after each step. */
  onStep?(metrics: StepMetrics & { readonly seconds: number }): void;
  /** The state is borrowed. */
  onValidation?(metrics: ValidationMetrics, state: TrainingState): void | Promise<void>;
  /** Told, in a sentence each, what makes the run's numbers mean something else than they seem to. Nothing by default. */
  onNote?(sentence: string): void;
  readonly signal?: AbortSignal;
}

/**
 * Prepares a new run, and saves its state before the first step. Nothing is written unless everything fits.
 *
 * @param options `layers`: its configuration, from the weakest to the strongest; `where` they were written, for messages; `out`: its folder,
 *   by default a new one in `runs`
 * @throws ConfigError if the configuration cannot work, or the folder holds a run
 * @throws DataError if the corpus or tokenizer cannot be used
 */
export async function startRun(options: {
  readonly layers: readonly RunLayer[];
  readonly where: string;
  readonly out?: string | undefined;
  readonly onNote?: EngineOptions["onNote"];
}): Promise<Run> {
  const { config, model, data } = await checkedParts(options);
  const { out } = options;
  const engine = await openEngine(config, options.onNote);
  const folder = newRunFolder(out, config.task?.name ?? config.preset);
  const run: Run = { folder, config, model, data, engine, from: initialTrainingState(model, config.training) };
  // A run that is killed before its first step can then be resumed like any other.
  await save(run, run.from);
  await writeRunConfig(folder, config);
  return run;
}

/**
 * The whole configuration of a run that could be started now; nothing is written.
 *
 * @param options `layers`: its configuration, from the weakest to the strongest; `where` they were written, for messages
 * @throws ConfigError if the configuration cannot work
 * @throws DataError if the corpus or tokenizer cannot be used
 */
export async function checkedRunConfig(options: {
  readonly layers: readonly RunLayer[];
  readonly where: string;
}): Promise<RunConfig> {
  const { config, data } = await checkedParts(options);
  data.close();
  return config;
}

/** What a new run is made of; the model knows as many tokens as its data have, unless a layer says otherwise. */
async function checkedParts({
  layers,
  where,
}: {
  readonly layers: readonly RunLayer[];
  readonly where: string;
}): Promise<Pick<Run, "config" | "model" | "data"> & { readonly config: { readonly preset: string } }> {
  const first = newRunConfig(layers, where);
  const task = first.task && (await openRunTask(first.task));
  const tokenizer = task?.tokenizer ?? (await openTokenizer(first.tokenizer));
  const vocabulary = { model: { vocabularySize: tokenizer.vocabularySize } };
  const written = newRunConfig([vocabulary, ...layers], where);
  const config = { ...written, corpus: absoluteCorpus(written.corpus) };
  const model = new LanguageModel(config.model);
  const data = task ?? (await openRunText(config.corpus, tokenizer));
  checkTraining(model, config.training, data);
  return { config, model, data };
}

/**
 * Prepares a run to go on from a checkpoint, as if it had never stopped.
 *
 * @param options `path`: the run's folder, or one of its checkpoints, which then becomes its latest; `layers`: configuration that is asked for,
 *   which must not contradict the run's; `where` they were written, for messages; `allowEngineChange`: go on with an engine that gives other
 *   last digits
 * @throws CheckpointError if there is no usable checkpoint
 * @throws ConfigError if another model or other steps are asked for
 * @throws DataError if the corpus or tokenizer is not the run's
 * @throws EngineError if the engine or its number of threads is not the run's
 */
export async function resumeRun(options: {
  readonly path: string;
  readonly layers: readonly RunLayer[];
  readonly where: string;
  readonly allowEngineChange: boolean;
  readonly onNote?: EngineOptions["onNote"];
}): Promise<Run> {
  const { path, layers, where, allowEngineChange } = options;
  const checkpoint = await loadCheckpoint(path);
  const { meta, model, tokenizer } = checkpoint;
  const folder = runFolderOf(checkpoint.path);
  const before = configBefore(folder, meta);
  const after = resumedRunConfig(before, layers, where);
  if (after.training.steps < meta.step) {
    throw new ConfigError(`the run has done ${meta.step} steps already; ask for at least as many`);
  }
  if (after.tokenizer !== before.tokenizer) assertTokenizerFits(await openTokenizer(after.tokenizer), meta.tokenizer);
  const config = { ...after, corpus: absoluteCorpus(after.corpus) };
  const data = config.task
    ? await openRunTask(config.task, meta.tokenizer)
    : await openRunText(config.corpus, tokenizer, meta.corpusFingerprint);
  checkTraining(model, config.training, data);
  const engine = await openEngine(config, options.onNote);
  if (!allowEngineChange) checkEngine(engine, meta.engine);
  const from = await loadTrainingState(checkpoint);
  await pointLatest(checkpoint.path);
  await writeRunConfig(folder, config);
  return { folder, config, model, data, engine, from };
}

/**
 * Trains a run to its end, or until its signal is raised: metrics go to its folder line by line, checkpoints as its configuration says.
 *
 * @param run consumed: its data are closed and its state is released
 */
export async function trainRun(run: Run, hooks: RunHooks = {}): Promise<RunSummary> {
  const { folder, config, model, data, engine, from } = run;
  const metrics = await openMetrics(folder.metrics, from.step);
  const lap = stopwatch();
  const state = await train({
    engine,
    model,
    data,
    config: config.training,
    from,
    onStep(step) {
      const seconds = lap();
      metrics.append({ kind: "step", ...step, seconds });
      hooks.onStep?.({ ...step, seconds });
    },
    async onValidation(validation, validated) {
      metrics.append({ kind: "validation", ...validation, seconds: lap() });
      await hooks.onValidation?.(validation, validated);
      lap();
    },
    async save(reached) {
      metrics.sync();
      const where = await save(run, reached);
      lap();
      return where;
    },
    onNote: (sentence) => hooks.onNote?.(sentence),
    ...(hooks.signal ? { signal: hooks.signal } : {}),
  });
  const { step } = state;
  release(state.params, state.optimizer);
  metrics.close();
  data.close();
  return summarize(run, step);
}

async function save(run: Run, state: TrainingState): Promise<string> {
  const { folder, config, model, data, engine } = run;
  const about = {
    model,
    training: config.training,
    tokenizer: data.tokenizer,
    corpus: config.corpus,
    corpusFingerprint: data.fingerprint,
    task: config.task,
    engine,
  };
  return saveCheckpoint(folder.checkpoints, state, about, config.keep);
}

/** The configuration of a run until now: its checkpoint's, and what only its folder knows. */
function configBefore(folder: RunFolder, meta: CheckpointMeta): RunConfig {
  const known = {
    corpus: meta.corpus,
    task: meta.task,
    model: meta.model,
    training: meta.training,
    engine: meta.engine.name,
    threads: meta.engine.threads,
  };
  const others = readRunConfig(folder) ?? { tokenizer: meta.tokenizer.name };
  return parseConfig(runSchema, { ...others, ...known }, folder.config);
}

function openEngine({ engine, threads }: RunConfig, onNote: EngineOptions["onNote"]): Promise<Engine> {
  return startEngine(engine, {
    ...(threads === undefined ? {} : { threads }),
    ...(onNote === undefined ? {} : { onNote }),
  });
}

function checkEngine(engine: Engine, expected: CheckpointMeta["engine"]): void {
  if (engine.name === expected.name && engine.threads === expected.threads) return;
  const show = ({ name, threads }: { readonly name: string; readonly threads: number }) =>
    `"${name}" with ${threads} ${threads === 1 ? "thread" : "threads"}`;
  throw new EngineError(
    `the run was computed by ${show(expected)}, this is ${show(engine)}, which gives other last digits; ` +
      "go on with the run's own, or say --allow-engine-change",
  );
}

async function summarize(run: Run, step: number): Promise<RunSummary> {
  const { folder, config, engine } = run;
  const lines = await readMetrics(folder.metrics);
  const steps = lines.filter((line) => line.kind === "step");
  const validations = lines.filter((line) => line.kind === "validation");
  return {
    run: folder.path,
    checkpoint: await findCheckpoint(folder.path),
    step,
    steps: config.training.steps,
    complete: step >= config.training.steps,
    trainingBitsPerByte: steps.at(-1)?.bitsPerByte ?? null,
    validationBitsPerByte: validations.at(-1)?.bitsPerByte ?? null,
    validation: validations.at(-1) ?? null,
    tokens: steps.reduce((total, line) => total + line.tokens, 0),
    seconds: lines.reduce((total, line) => total + line.seconds, 0),
    engine: engine.name,
  };
}

/** Seconds since the last call. */
function stopwatch(): () => number {
  let since = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - since) / 1000;
    since = now;
    return seconds;
  };
}
