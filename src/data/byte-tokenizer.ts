/** The tokenizer of byte models: a token is a byte of UTF-8. */
import { decodeTokens, type TokenBytes, tokenStreamDecoder, unknownToken } from "./token-bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

const NAME = "bytes";
const VOCABULARY_SIZE = 256;
const FINGERPRINT = "utf-8-bytes";

const EVERY_BYTE = Uint8Array.from({ length: VOCABULARY_SIZE }, (_, byte) => byte);

function check(token: number): void {
  if (!(Number.isInteger(token) && token >= 0 && token < VOCABULARY_SIZE)) {
    throw unknownToken(NAME, token, VOCABULARY_SIZE);
  }
}

const bytesOf: TokenBytes = (token) => {
  check(token);
  return EVERY_BYTE.subarray(token, token + 1);
};

/**
 * The byte tokenizer: 256 tokens, one for each byte of UTF-8. It encodes every text and needs no file.
 *
 * @returns the tokenizer; all byte tokenizers are alike
 */
export function byteTokenizer(): Tokenizer {
  return {
    name: NAME,
    vocabularySize: VOCABULARY_SIZE,
    fingerprint: FINGERPRINT,
    encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
    decode: (tokens) => decodeTokens(tokens, bytesOf),
    byteLength(tokens) {
      for (let t = 0; t < tokens.length; t++) check(tokens[t]!);
      return tokens.length;
    },
    streamDecoder: () => tokenStreamDecoder(bytesOf),
    describe: () => ({ kind: "bytes", name: NAME, vocabularySize: VOCABULARY_SIZE, fingerprint: FINGERPRINT }),
  };
}

/**
 * Whether the tokens of a tokenizer are the bytes of the text themselves, so that a text needs no encoding.
 *
 * @param tokenizer any tokenizer
 */
export function isByteTokenizer(tokenizer: Pick<Tokenizer, "fingerprint">): boolean {
  return tokenizer.fingerprint === FINGERPRINT;
}
