/** Which text a trained model is evaluated on (Node only). */
import { openCorpus, splits, type TextSource } from "../data/index.ts";
import { DataError } from "../utils/index.ts";
import type { CheckpointMeta } from "./checkpoint.ts";
import { corpusFingerprint, VALIDATION_SHARE } from "./training-data.ts";

/** Parts of a corpus. */
export const evaluationSplits = ["all", "training", "validation"] as const;
/** One of `evaluationSplits`. */
export type EvaluationSplit = (typeof evaluationSplits)[number];

/** A part of a corpus, with the files behind it. */
export interface EvaluationText {
  readonly text: TextSource;
  readonly split: EvaluationSplit;
  close(): void;
}

/**
 * Opens the text to evaluate a model on.
 *
 * @param meta of the model's checkpoint
 * @param corpus what `openCorpus` takes; the text that the model was trained on by default
 * @param split the part of it. By default the validation part of the text that the model was trained on, so that it is not asked what it was
 *   taught, and all of any other text
 * @throws DataError if the text cannot be used, or the one the model was trained on has changed and no part is named
 */
export async function openEvaluationText(
  meta: Pick<CheckpointMeta, "corpus" | "corpusFingerprint" | "task">,
  corpus?: string,
  split?: EvaluationSplit,
): Promise<EvaluationText> {
  if (corpus === undefined && meta.task !== undefined) {
    throw new DataError(`the model was trained on the task "${meta.task.name}", which is no text; name a --corpus`);
  }
  const text = await openCorpus(corpus ?? meta.corpus);
  const { corpusFingerprint: trained } = meta;
  const known = trained === undefined ? corpus === undefined : corpusFingerprint(text) === trained;
  if (corpus === undefined && split === undefined && !known) {
    throw new DataError(
      `"${meta.corpus}" has changed since the model was trained on it, so its validation part is not known; name a --split`,
    );
  }
  const part = split ?? (known ? "validation" : "all");
  return { text: partOf(text, part), split: part, close: () => text.close() };
}

function partOf(text: TextSource, split: EvaluationSplit): TextSource {
  if (split === "all") return text;
  const { train, validation } = splits(text, { validation: VALIDATION_SHARE });
  return split === "training" ? train : validation;
}
