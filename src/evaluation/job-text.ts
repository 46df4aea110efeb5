/** The text of a job: its validation part, the baselines on it, and the passage that is shown (Node only). */
import {
  byteTokens,
  type NgramBaselines,
  ngramBaselines,
  openCorpus,
  splits,
  type TokenSource,
} from "../data/index.ts";
import { type RunConfig, VALIDATION_SHARE } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";
import { passageAt, promptOf } from "./passages.ts";

/** A text as training splits it, and how well counting models predict its validation part. */
export interface BaselineText {
  readonly trainingBytes: number;
  readonly validation: TokenSource;
  readonly baselines: NgramBaselines;
  close(): void;
}

/** What the main job needs of its text beside training on it. */
export interface JobText extends BaselineText {
  /** The passage, a byte a token. */
  readonly passage: Int32Array;
  /** The passage's first words. */
  readonly prompt: string;
}

/**
 * Opens the text of a run once more, split as for training.
 *
 * @param corpus what `openCorpus` takes
 */
export async function openBaselineText(corpus: string): Promise<BaselineText> {
  const text = await openCorpus(corpus);
  const { train, validation } = splits(text, { validation: VALIDATION_SHARE });
  return {
    trainingBytes: train.byteLength,
    validation: byteTokens(validation),
    baselines: ngramBaselines(train, validation),
    close: () => text.close(),
  };
}

/**
 * Opens the text of a main job.
 *
 * @param corpus what `openCorpus` takes
 * @param passage `at`: where in the validation part, from 0 to 1; `length` and `prompt`: bytes of the passage and of its first words
 */
export async function openJobText(
  corpus: string,
  passage: { readonly at: number; readonly length: number; readonly prompt: number },
): Promise<JobText> {
  const text = await openBaselineText(corpus);
  const bytes = passageAt(text.validation, passage.at, passage.length);
  return { ...text, passage: Int32Array.from(bytes), prompt: promptOf(bytes, passage.prompt) };
}

/**
 * Refuses a text that cannot be compared with counting models, before anything is written.
 *
 * @param job what is to be done, for the message
 * @throws ConfigError if the tokens are not bytes, or the text can be read only once
 */
export function checkJobText(
  { tokenizer, corpus, task }: Pick<RunConfig, "tokenizer" | "corpus" | "task">,
  job: string,
): void {
  if (task !== undefined) {
    throw new ConfigError(
      `${job} needs a text, and the run is on the task "${task.name}"; its report is written by: neural-memory tasks --report <run>`,
    );
  }
  if (tokenizer !== "bytes") {
    throw new ConfigError(
      `${job} works on bytes, and the tokens of "${tokenizer}" are something else; use the tokenizer "bytes"`,
    );
  }
  if (corpus === "-") {
    throw new ConfigError(`${job} reads its text more than once, and standard input can be read once; name a file`);
  }
}
