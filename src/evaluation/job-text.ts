/** The text of a main job: its validation part, the baselines on it, and the passage that is shown (Node only). */
import {
  byteTokens,
  type NgramBaselines,
  ngramBaselines,
  openCorpus,
  splits,
  type TokenSource,
} from "../data/index.ts";
import { VALIDATION_SHARE } from "../training/index.ts";
import { passageAt, promptOf } from "./passages.ts";

/** What the job needs of its text beside training on it. */
export interface JobText {
  readonly trainingBytes: number;
  readonly validation: TokenSource;
  readonly baselines: NgramBaselines;
  /** The passage, a byte a token. */
  readonly passage: Int32Array;
  /** The passage's first words. */
  readonly prompt: string;
  close(): void;
}

/**
 * Opens the text of a run once more, split as for training.
 *
 * @param corpus what `openCorpus` takes
 * @param passage `at`: where in the validation part, from 0 to 1; `length` and `prompt`: bytes of the passage and of its first words
 */
export async function openJobText(
  corpus: string,
  passage: { readonly at: number; readonly length: number; readonly prompt: number },
): Promise<JobText> {
  const text = await openCorpus(corpus);
  const { train, validation } = splits(text, { validation: VALIDATION_SHARE });
  const tokens = byteTokens(validation);
  const bytes = passageAt(tokens, passage.at, passage.length);
  return {
    trainingBytes: train.byteLength,
    validation: tokens,
    baselines: ngramBaselines(train, validation),
    passage: Int32Array.from(bytes),
    prompt: promptOf(bytes, passage.prompt),
    close: () => text.close(),
  };
}
