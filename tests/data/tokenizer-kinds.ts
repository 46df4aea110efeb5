/** Small tokenizers of the families that tokenizer.json files come in, each able to encode English letters and some punctuation. */
import { readFileSync } from "node:fs";

export const SMALL_BPE = "tests/data/fixtures/small-bpe/tokenizer.json";

export function readSmallBpe(): Record<string, unknown> & { model: Record<string, unknown> } {
  return JSON.parse(readFileSync(SMALL_BPE, "utf8"));
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyz.,!?"];

const indexed = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));

/** SentencePiece BPE as Llama 2 has it: a prefix for every text, no word splitting, bytes for unknown characters. */
export const llamaLike = {
  added_tokens: [{ id: 1, content: "<s>", special: true }],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "▁" },
      { type: "Replace", pattern: { String: " " }, content: "▁" },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    fuse_unk: true,
    byte_fallback: true,
    vocab: indexed([
      "<unk>",
      "<s>",
      ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
      "▁",
      ...LETTERS,
      "th",
      "▁th",
      "▁the",
    ]),
    merges: ["t h", "▁ th", "▁th e"],
  },
};

/** Unigram with a metaspace, as T5 has it. */
export const unigramLike = {
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", add_prefix_space: true },
  post_processor: null,
  decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", add_prefix_space: true },
  model: {
    type: "Unigram",
    unk_id: 0,
    vocab: [["<unk>", 0], ["▁", -2], ["▁the", -3], ["ing", -3], ...LETTERS.map((letter) => [letter, -5])],
  },
};

/** WordPiece, as BERT has it: it decodes words with a space before them, except the first. */
export const wordPieceLike = {
  added_tokens: [{ id: 0, content: "[UNK]", special: true }],
  normalizer: null,
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: null,
  decoder: { type: "WordPiece", prefix: "##", cleanup: false },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: indexed(["[UNK]", "the", ...LETTERS, ...LETTERS.map((letter) => `##${letter}`), "##ing"]),
  },
};

/** BPE whose last piece of a word carries a mark, as GPT-1 has it. */
export const wordEndLike = {
  normalizer: null,
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: { type: "BPEDecoder", suffix: "</w>" },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    end_of_word_suffix: "</w>",
    vocab: indexed(["<unk>", ...LETTERS, ...LETTERS.map((letter) => `${letter}</w>`), "th", "the</w>"]),
    merges: ["t h", "th e</w>"],
  },
};
