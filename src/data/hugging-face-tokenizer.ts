/** Tokenizers in the Hugging Face format, run by the package `@huggingface/tokenizers`. */
import { DataError } from "../utils/errors.ts";
import { type DecoderConfig, type HuggingFaceBackend, huggingFaceTokenBytes } from "./hugging-face-decoder.ts";
import { optionalPackage } from "./optional-package.ts";
import { decodeTokens, tokenStreamDecoder } from "./token-bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Parts that older files leave out, and that the package insists on. */
const ABSENT = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };

/**
 * Makes a tokenizer from the contents of a `tokenizer.json`.
 *
 * Encoding adds no special tokens, and decoding does not tidy spaces before punctuation, so a lossless tokenizer stays lossless. A tokenizer
 * that normalises (lower case, accents) gives back the normalised text, and `byteLength` counts its bytes.
 *
 * @param json the parsed file
 * @param name the name shown to people
 * @returns the tokenizer; its fingerprint is the SHA-256 of the JSON
 * @throws MissingPackageError if `@huggingface/tokenizers` is not installed
 * @throws DataError if the value is not a tokenizer that the package can run
 */
export async function huggingFaceTokenizer(json: unknown, name = "tokenizer.json"): Promise<Tokenizer> {
  const { Tokenizer: Backend } = await optionalPackage("@huggingface/tokenizers", "a tokenizer.json", () => {
    return import("@huggingface/tokenizers");
  });
  if (typeof json !== "object" || json === null || !("model" in json)) {
    throw new DataError(`"${name}" is not a tokenizer: it has no "model"; expected a Hugging Face tokenizer.json`);
  }
  const config = { ...ABSENT, ...json } as { decoder: DecoderConfig | null };
  let backend: HuggingFaceBackend;
  try {
    backend = new Backend(config, {});
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`"${name}" is not a usable Hugging Face tokenizer.json: ${reason}`, { cause });
  }
  const { bytesOf, vocabularySize, byteLevel } = huggingFaceTokenBytes(backend, config.decoder, name);
  const byteLength = (tokens: ArrayLike<number>) => {
    let bytes = 0;
    for (let t = 0; t < tokens.length; t++) bytes += bytesOf(tokens[t]!, false).length;
    return bytes;
  };
  // The package drops bytes that a vocabulary lacks without a word: one trained without the whole byte alphabet would lose text.
  const mayDrop = byteLevel && (backend.model?.unk_token ?? null) === null;
  const fingerprint = await sha256(JSON.stringify(json));
  return {
    name,
    vocabularySize,
    fingerprint,
    encode(text) {
      const { ids } = backend.encode(text, { add_special_tokens: false });
      const tokens = new Int32Array(ids.length);
      for (let t = 0; t < ids.length; t++) {
        const id = ids[t];
        if (!Number.isInteger(id)) {
          throw new DataError(
            `the tokenizer "${name}" has no token for a part of "${text.slice(0, 40)}", nor one for unknown text`,
          );
        }
        tokens[t] = id!;
      }
      if (mayDrop && byteLength(tokens) < utf8Length(backend.normalizer?.(text) ?? text)) {
        throw new DataError(
          `the tokenizer "${name}" loses a part of "${text.slice(0, 40)}"; use one with a token for every byte`,
        );
      }
      return tokens;
    },
    decode: (tokens) => decodeTokens(tokens, bytesOf),
    byteLength,
    streamDecoder: () => tokenStreamDecoder(bytesOf),
    describe: () => ({ kind: "hugging-face", name, vocabularySize, fingerprint, tokenizer: json }),
  };
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
