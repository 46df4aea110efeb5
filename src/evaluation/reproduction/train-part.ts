/** Trains and measures one part of an experiment in its folder (Node only). */
import { countElements, release } from "../../array/index.ts";
import { firstNonFinite, loadCheckpoint, lossOf, openRunIn, type Run, readMetrics } from "../../training/index.ts";
import { NonFiniteError } from "../../utils/index.ts";
import { type CompareHooks, notesTo, trainTold } from "../compare-job.ts";

import { platformName } from "../run-facts.ts";
import { measureTrained } from "./measures.ts";
import { checkSettings, type FoundPart, foundOf, keepFound, keepSettings, type Part } from "./part.ts";

/** What is kept of a part where a number was not finite. */
const nothingMeasured = { metrics: {}, details: { tasks: [], texts: [] } } as const;

/** What a part came to; a failure is a finding too. */
type Outcome = Pick<FoundPart, "metrics" | "details" | "failure">;

/**
 * Trains a part as an ordinary run in its folder, measures it, and keeps what was found there. One that was half trained goes on exactly, one that was
 * measured is not measured again. A number that is not finite is a finding.
 *
 * @returns `undefined` if it was stopped
 * @throws ConfigError if its folder holds a part that was trained otherwise
 */
export async function trainPart(part: Part, hooks: CompareHooks = {}): Promise<FoundPart | undefined> {
  checkSettings(part);
  const kept = foundOf(part);
  if (kept !== undefined) return kept;
  await keepSettings(part);
  const name = `${part.experiment}/${part.arm}-${part.seed}`;
  const run = await openRunIn(part.folder, { layer: part.layer, where: name, onNote: notesTo(hooks) });
  try {
    const parameters = countElements(run.from.params);
    const outcome = await outcomeOf(part, run, name, hooks);
    if (outcome === undefined) return undefined;
    const about = await aboutTraining(part, run, outcome.seconds);
    const last = about.validation.at(-1);
    const { failure } = outcome.found;
    const metrics = failure || !last ? outcome.found.metrics : { validation: last.bits, ...outcome.found.metrics };
    const found: FoundPart = { ...about, ...outcome.found, metrics, parameters };
    await keepFound(part, found);
    return found;
  } finally {
    await run.engine.dispose();
  }
}

async function outcomeOf(
  { measures }: Part,
  run: Run,
  name: string,
  hooks: CompareHooks,
): Promise<{ readonly found: Outcome; readonly seconds: number } | undefined> {
  const { engine, model, config } = run;
  const { signal } = hooks;
  try {
    const { complete, checkpoint } = await trainTold(run, name, hooks);
    if (!complete) return undefined;
    const since = performance.now();
    const { params, tokenizer, meta } = await loadCheckpoint(checkpoint);
    const trained = { engine, model, params, tokenizer, tokens: meta.tokenizer, config, ...(signal && { signal }) };
    try {
      // The last step's weights are never seen by another step.
      const path = await firstNonFinite(params);
      const found =
        path === undefined
          ? await measureTrained(trained, measures)
          : { ...nothingMeasured, failure: { step: config.training.steps, arrays: [`weight "${path}"`] } };
      return { found, seconds: (performance.now() - since) / 1000 };
    } finally {
      release(params);
    }
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return undefined;
    if (!(error instanceof NonFiniteError)) throw error;
    const { step, arrays } = error;
    return { found: { ...nothingMeasured, failure: { step, arrays } }, seconds: 0 };
  }
}

/** What the run's own files say. */
async function aboutTraining({ arm, seed }: Part, { engine, folder }: Run, measuring: number) {
  const lines = await readMetrics(folder.metrics);
  const validation = lines.flatMap((line) =>
    line.kind === "validation" ? [{ step: line.step, bits: lossOf(line).bits }] : [],
  );
  return {
    format: 1 as const,
    arm,
    seed,
    seconds: { training: lines.reduce((total, line) => total + line.seconds, 0), measuring },
    ran: { engine: engine.name, threads: engine.threads, platform: platformName() },
    validation,
  };
}
