/** Opens a corpus as training and validation tokens, and knows it again (Node only). */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  assertTokenizerFits,
  bundledCorpora,
  encodeText,
  openCorpus,
  openTask,
  splits,
  type TaskSettings,
  type TextSource,
  type Tokenizer,
  type TokenizerDescription,
} from "../data/index.ts";
import { DataError } from "../utils/index.ts";
import { type TrainingData, taskWindows, textWindows, type WindowSource } from "./window-source.ts";

/** The share of a corpus, at its end, that is kept for validation. */
export const VALIDATION_SHARE = 0.1;

/** Blocks that a fingerprint looks at, and bytes of each. */
const BLOCKS = 1024;
const BLOCK = 1 << 16;

/** Text to train on, with the files behind it. */
export interface OpenTrainingData extends TrainingData {
  /** See `corpusFingerprint`. */
  readonly fingerprint: string;
  /** Gives back what the data hold open. */
  close(): void;
}

/** What a run reads, with the files behind it. */
export interface RunData extends WindowSource {
  /** See `corpusFingerprint`; a task has none. */
  readonly fingerprint?: string;
  /** Gives back what the data hold open. */
  close(): void;
}

/** A corpus as the data of a run; see `openTrainingData`. */
export async function openRunText(spec: string, tokenizer: Tokenizer, expected?: string): Promise<RunData> {
  const data = await openTrainingData(spec, tokenizer, expected);
  return { ...textWindows(data), fingerprint: data.fingerprint, close: data.close };
}

/**
 * A task as the data of a run.
 *
 * @param expected what its tokens have to be called, for a run that goes on
 * @throws DataError if they are called otherwise
 */
export async function openRunTask(settings: TaskSettings, expected?: TokenizerDescription): Promise<RunData> {
  const windows = taskWindows(await openTask(settings));
  if (expected !== undefined) assertTokenizerFits(windows.tokenizer, expected);
  return { ...windows, close() {} };
}

/**
 * Opens a corpus to train on: its last tenth is for validation.
 *
 * @param spec what `openCorpus` takes
 * @param tokenizer how to encode it
 * @param expected fingerprint of the corpus that it has to be
 * @throws DataError if it cannot be used, or is another corpus than expected
 */
export async function openTrainingData(
  spec: string,
  tokenizer: Tokenizer,
  expected?: string,
): Promise<OpenTrainingData> {
  const corpus = await openCorpus(spec);
  const fingerprint = corpusFingerprint(corpus);
  if (expected !== undefined && fingerprint !== expected) {
    throw new DataError(
      `the corpus "${spec}" is not the one the run was trained on, or has changed since; a resumed run needs the same text`,
    );
  }
  const { train, validation } = splits(corpus, { validation: VALIDATION_SHARE });
  const sources = { training: await encodeText(train, tokenizer), validation: await encodeText(validation, tokenizer) };
  const close = () => {
    sources.training.close();
    sources.validation.close();
    corpus.close();
  };
  return { tokenizer, ...sources, fingerprint, close };
}

/**
 * A hash by which a corpus is known again: of its length and its bytes, beyond 64 MiB of blocks spread evenly over it.
 *
 * @returns 64 hexadecimal digits
 */
export function corpusFingerprint(text: TextSource): string {
  const hash = createHash("sha256").update(`${text.byteLength} bytes\n`);
  const stride = Math.max(BLOCK, Math.floor(text.byteLength / BLOCKS));
  for (let start = 0; start < text.byteLength; start += stride)
    hash.update(text.read(start, Math.min(BLOCK, text.byteLength - start)));
  return hash.digest("hex");
}

/**
 * A corpus as a checkpoint names it, so that it is found from other working folders too.
 *
 * @param spec what the user wrote
 */
export function absoluteCorpus(spec: string): string {
  return spec !== "-" && !bundledCorpora.includes(spec) && existsSync(spec) ? resolve(spec) : spec;
}
