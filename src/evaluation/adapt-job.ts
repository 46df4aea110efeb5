/** Adapts a checkpoint's model to a text and keeps the adapted state, so that it can be stopped at any time (Node only). */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Engine } from "../array/index.ts";
import {
  type Adaptation,
  adaptTo,
  assertAdaptation,
  loadAdaptation,
  type Memory,
  modelFingerprint,
  probeText,
  Reader,
  type Score,
  saveAdaptation,
} from "../inference/index.ts";
import type { LanguageModel } from "../models/index.ts";
import { firstNonFinite, loadCheckpoint } from "../training/index.ts";
import { ConfigError, NonFiniteError } from "../utils/index.ts";
import { beginningOf, type OpenText, openText } from "./adapt-text.ts";
import { writeLevelsReport } from "./levels-report.ts";
import { type LevelsReportData, measureLevels } from "./levels-report-data.ts";
import type { ReportPaths } from "./report.ts";

const SECONDS_BETWEEN_SAVES = 30;
const EMPTY: Score = { bits: 0, bytes: 0, tokens: 0 };

/** What to adapt to, and how. */
export interface AdaptJobOptions {
  /** What `openCorpus` takes. */
  readonly on: string;
  /** The text that is asked before and after; the beginning of `on` if left out. */
  readonly probe?: string | undefined;
  /** Folder of the adapted state. */
  readonly out?: string | undefined;
  /** Neither writes nor learns: the control. */
  readonly frozen?: boolean | undefined;
  /** Writes a page about the levels once the text has been read. */
  readonly report?: boolean | undefined;
  /** Starts from the checkpoint's own state, whatever was saved before. */
  readonly reset?: boolean | undefined;
}

/** Who hears what is done. */
export interface AdaptHooks {
  readonly signal?: AbortSignal;
  /** A sentence about what comes next. */
  onStage?(sentence: string): void;
  /** After every piece: tokens of the text read so far, and the piece's score. */
  onPiece?(read: number, total: number, piece: Score): void;
}

/** What came of it. */
export interface AdaptResult {
  readonly checkpoint: string;
  /** The adapted state, which is also a memory file. */
  readonly state: string;
  readonly adaptation: Adaptation;
  /** Tokens of the text that have been read. */
  readonly read: number;
  readonly complete: boolean;
  /** Of the page, where one was written. */
  readonly report?: ReportPaths;
}

/** The file of an adapted state. */
export function adaptedState(checkpoint: string, out?: string): string {
  const run = basename(dirname(checkpoint)) === "checkpoints" ? dirname(dirname(checkpoint)) : checkpoint;
  return join(out ?? join(run, "adapted"), "memory.safetensors");
}

/**
 * Forgets an adapted state; nothing happens where there is none.
 *
 * @returns the state's file, and whether there was one
 * @throws CheckpointError if there is no such checkpoint, or another file stands in the state's place
 */
export async function resetAdaptation(path: string, out?: string): Promise<{ state: string; existed: boolean }> {
  const checkpoint = await loadCheckpoint(path);
  const state = adaptedState(checkpoint.path, out);
  const existed = existsSync(state);
  if (existed) {
    await assertAdaptation(state);
    await rm(state);
  }
  return { state, existed };
}

/**
 * Reads a text with a model whose levels and memories change meanwhile, and saves what has become of them.
 *
 * A text that was stopped goes on where it was; after it has been read, another one goes on from the adapted state.
 *
 * @param path a run's folder, or one of its checkpoints
 * @param engine starts the engine, once everything was found in order
 * @throws ConfigError if the model cannot change, or another text is half read
 * @throws DataError if a text cannot be used
 * @throws CheckpointError if the checkpoint or the saved state cannot be used
 * @throws NonFiniteError if the weights run away; the state is as it was last saved
 */
export async function adaptJob(
  path: string,
  options: AdaptJobOptions,
  engine: () => Promise<Engine>,
  hooks: AdaptHooks = {},
): Promise<AdaptResult> {
  const { model, params, tokenizer, path: checkpoint } = await loadCheckpoint(path);
  const { frozen = false, reset = false, out } = options;
  checkChanges(model, frozen);
  const state = adaptedState(checkpoint, out);
  const fingerprint = await modelFingerprint(model, params);
  const text = await openText(options.on, tokenizer);
  const probe = options.probe === undefined ? beginningOf(text) : await openText(options.probe, tokenizer);
  if (reset && existsSync(state)) await assertAdaptation(state);
  const saved = !reset && existsSync(state) ? await loadAdaptation(state, model, params, fingerprint) : undefined;
  const earlier = saved?.adaptation;
  const isHalfRead = earlier !== undefined && saved!.memory.position - earlier.start < earlier.text.tokens;
  const goesOn = earlier !== undefined && (isHalfRead || earlier.text.fingerprint === text.fingerprint);
  if (goesOn) checkSame(earlier, { text, probe, frozen }, state);

  const computing = await engine();
  const { name, threads } = computing;
  if (goesOn && (earlier.engine.name !== name || earlier.engine.threads !== threads))
    hooks.onStage?.(
      `begun on ${earlier.engine.name} with ${earlier.engine.threads} threads, goes on on ${name} with ${threads}: last digits differ`,
    );
  const reader = new Reader(computing, model, params);
  const session = saved === undefined ? await reader.open() : reader.resume(saved.memory, 1);
  const ask = () => probeText(session, tokenizer, probe.source, hooks.signal);
  let adaptation = goesOn ? earlier : await begin();
  const read = () => session.position - adaptation.start;
  const save = async () => {
    const broken = await firstNonFinite(session.memory.closed);
    if (broken !== undefined) throw ranAway(state, broken, read());
    await saveAdaptation(state, session.memory, fingerprint, adaptation);
  };
  if (read() < text.source.length && !hooks.signal?.aborted) await readOn();
  const complete = read() === text.source.length;
  if (complete && adaptation.probe.after === undefined) {
    hooks.onStage?.(`after: ${probe.name}`);
    const after = await ask();
    // A probe that was stopped says nothing about the whole of it.
    if (!hooks.signal?.aborted) {
      adaptation = { ...adaptation, probe: { ...adaptation.probe, after } };
      await save();
    }
  }
  const report =
    complete && options.report && !hooks.signal?.aborted
      ? await writeLevelsReport(dirname(state), await measured(session.memory))
      : undefined;
  const result = { checkpoint, state, adaptation, read: read(), complete, ...(report && { report }) };
  session.close();
  for (const opened of [text, probe]) opened.close();
  await computing.dispose();
  return result;

  async function begin(): Promise<Adaptation> {
    hooks.onStage?.(`before: ${probe.name}`);
    return {
      text: { name: text.name, fingerprint: text.fingerprint, tokens: text.source.length },
      start: session.position,
      frozen,
      probe: { name: probe.name, fingerprint: probe.fingerprint, before: await ask() },
      tenths: Array.from({ length: 10 }, () => EMPTY),
      engine: { name, threads },
    };
  }

  function measured(memory: Memory): Promise<LevelsReportData> {
    const { source } = text;
    const adapted = { checkpoint, model, params, tokenizer, adaptation, memory, source };
    return measureLevels(computing, adapted, hooks.onStage);
  }

  async function readOn(): Promise<void> {
    hooks.onStage?.(`during: ${text.name}`);
    const total = text.source.length;
    const { signal } = hooks;
    const reading = { from: read(), ...(frozen ? { write: false } : {}), ...(signal && { signal }) };
    let savedAt = performance.now();
    for await (const piece of adaptTo(session, tokenizer, text.source, reading)) {
      const tenth = Math.min(9, Math.floor((10 * (read() - 1)) / total));
      adaptation = {
        ...adaptation,
        tenths: adaptation.tenths.map((score, i) => (i === tenth ? sumOfScores([score, piece]) : score)),
      };
      hooks.onPiece?.(read(), total, piece);
      if (!Number.isFinite(piece.bits)) throw ranAway(state, "the loss", read());
      if (performance.now() - savedAt > SECONDS_BETWEEN_SAVES * 1000) {
        await save();
        savedAt = performance.now();
      }
      // Interrupts are heard only when the event loop turns.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await save();
  }
}

/** The sum of scores. */
export function sumOfScores(scores: readonly Score[]): Score {
  const total = (of: (score: Score) => number) => scores.reduce((whole, score) => whole + of(score), 0);
  return { bits: total(({ bits }) => bits), bytes: total(({ bytes }) => bytes), tokens: total(({ tokens }) => tokens) };
}

function ranAway(state: string, what: string, token: number): NonFiniteError {
  const kept = existsSync(state) ? `${state} is as it was last saved` : "nothing was saved";
  return new NonFiniteError(
    `adapting stopped: ${what} is not finite any more; ${kept}. Stack levels with a smaller --step-size`,
    { step: token, arrays: [what] },
  );
}

function checkChanges(model: LanguageModel, frozen: boolean): void {
  if (frozen || model.learn !== undefined || model.memoryBlocks.length > 0) return;
  throw new ConfigError(
    "nothing in this model changes while it reads; give it levels that do: neural-memory stack <checkpoint> --periods 64,256 --out <folder>",
  );
}

function checkSame(
  earlier: Adaptation,
  asked: { readonly text: OpenText; readonly probe: OpenText; readonly frozen: boolean },
  state: string,
): void {
  const otherwise = "ask for the same, start again with --reset, or name another folder with --out";
  if (earlier.text.fingerprint !== asked.text.fingerprint)
    throw new ConfigError(
      `${state} has read a part of "${earlier.text.name}", and "${asked.text.name}" is another text; read that to its end, start again with --reset, or name another folder with --out`,
    );
  if (earlier.frozen !== asked.frozen)
    throw new ConfigError(`${state} was read with --frozen ${earlier.frozen ? "given" : "left out"}; ${otherwise}`);
  if (earlier.probe.fingerprint !== asked.probe.fingerprint)
    throw new ConfigError(`${state} began with another probe, ${earlier.probe.name}; ${otherwise}`);
}
