/** The tokenizer of generated sequences: every token is a symbol with a name, and texts are names with spaces between them. */
import { DataError } from "../utils/errors.ts";
import { nearestName } from "../utils/nearest.ts";
import { murmurHash } from "./counter-random.ts";
import { unknownToken } from "./token-bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * A tokenizer of symbols. A token counts as one byte: what a loss is divided by is the number of tokens.
 *
 * @param name the name shown to people
 * @param symbols distinct names without spaces; their places are the token ids
 * @throws DataError if a name is empty, has a space in it, or stands twice
 */
export function symbolTokenizer(name: string, symbols: readonly string[]): Tokenizer {
  const ids = new Map(symbols.map((symbol, id) => [symbol, id]));
  const wrong = symbols.find((symbol, id) => !/^\S+$/.test(symbol) || ids.get(symbol) !== id);
  if (wrong !== undefined) {
    throw new DataError(`"${wrong}" cannot be a symbol of "${name}"; symbols are distinct and have no spaces`);
  }
  const codes = [...new TextEncoder().encode(symbols.join(" "))];
  const fingerprint = `symbols-${[0, 1].map((seed) => murmurHash(codes, seed).toString(16).padStart(8, "0")).join("")}`;
  const symbolOf = (token: number) => {
    const symbol = symbols[token];
    if (symbol === undefined) throw unknownToken(name, token, symbols.length);
    return symbol;
  };
  const idOf = (symbol: string) => {
    const id = ids.get(symbol);
    if (id !== undefined) return id;
    const near = nearestName(symbol, symbols);
    throw new DataError(
      `"${symbol}" is no symbol of "${name}"${near === undefined ? "" : `; did you mean "${near}"?`} (symbols have spaces between them)`,
    );
  };
  return {
    name,
    vocabularySize: symbols.length,
    fingerprint,
    encode: (text) =>
      Int32Array.from(
        text
          .split(/\s+/)
          .filter((word) => word !== "")
          .map(idOf),
      ),
    decode: (tokens) => Array.from(tokens, symbolOf).join(" "),
    byteLength(tokens) {
      for (let t = 0; t < tokens.length; t++) symbolOf(tokens[t]!);
      return tokens.length;
    },
    streamDecoder() {
      let before = "";
      return {
        push(token) {
          const text = before + symbolOf(token);
          before = " ";
          return text;
        },
        flush() {
          before = "";
          return "";
        },
      };
    },
    describe: () => ({ kind: "symbols", name, vocabularySize: symbols.length, fingerprint, symbols }),
  };
}
