/** Tokenizers, corpora, token windows and n-gram baselines. */

export { removePartials, writeDirectoryAtomic, writeFileAtomic } from "./atomic-files.ts";
export { byteTokenizer, isByteTokenizer } from "./byte-tokenizer.ts";
export { type Corpus, type CorpusOptions, openCorpus } from "./corpus.ts";
export { bundledCorpora } from "./corpus-files.ts";
export { counterRandom } from "./counter-random.ts";
export { encodeText } from "./encode-text.ts";
export { huggingFaceTokenizer } from "./hugging-face-tokenizer.ts";
export { type NgramBaselines, ngramBaselines } from "./ngram.ts";
export { openTokenizer } from "./open-tokenizer.ts";
export { type RandomStream, randomStream } from "./random-stream.ts";
export { symbolTokenizer } from "./symbol-tokenizer.ts";
export * from "./tasks/index.ts";
export { encodeTree, restoreTree } from "./tensor-files.ts";
export { type Splits, splits, type TextSource, textSource } from "./text-source.ts";
export { byteTokens, memoryTokens, type TokenSource } from "./token-source.ts";
export {
  assertTokenizerFits,
  type Tokenizer,
  type TokenizerDescription,
  type TokenStreamDecoder,
} from "./tokenizer.ts";
export { tokenizerFromDescription } from "./tokenizer-description.ts";
export { sampleWindows, sequentialWindows, type TokenWindows } from "./windows.ts";
