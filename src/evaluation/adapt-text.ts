/** Texts that models adapt to, and are asked (Node only). */
import { encodeText, memoryTokens, openCorpus, type Tokenizer, type TokenSource } from "../data/index.ts";
import { corpusFingerprint } from "../training/index.ts";
import { DataError } from "../utils/index.ts";

/** Tokens at the beginning of a text that are asked where no other text is named. */
const BEGINNING = 4096;

/** A text as tokens, with the files behind it. */
export interface OpenText {
  readonly name: string;
  /** By which it is known again. */
  readonly fingerprint: string;
  readonly source: TokenSource;
  close(): void;
}

/**
 * Opens a text.
 *
 * @param spec what `openCorpus` takes
 * @throws DataError if there is no such text, or nothing in it to predict
 */
export async function openText(spec: string, tokenizer: Tokenizer): Promise<OpenText> {
  const corpus = await openCorpus(spec);
  const source = await encodeText(corpus, tokenizer);
  if (source.length < 2) throw new DataError(`"${corpus.name}" has nothing to predict; at least 2 tokens are needed`);
  const close = () => {
    source.close();
    corpus.close();
  };
  return { name: corpus.name, fingerprint: corpusFingerprint(corpus), source, close };
}

/** The beginning of a text as a text of its own; it ends with that. */
export function beginningOf({ name, fingerprint, source }: OpenText): OpenText {
  const tokens = source.read(0, Math.min(BEGINNING, source.length));
  const beginning = `the first ${tokens.length.toLocaleString("en-US")} tokens of ${name}`;
  return { name: beginning, fingerprint: `beginning of ${fingerprint}`, source: memoryTokens(tokens), close() {} };
}
