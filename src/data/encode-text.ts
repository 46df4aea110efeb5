/** Encodes texts of any size into tokens with random access (Node only). */
import { setImmediate } from "node:timers/promises";
import { isByteTokenizer } from "./byte-tokenizer.ts";
import { type CorpusOptions, MEMORY_LIMIT } from "./corpus.ts";
import { spool } from "./spool.ts";
import type { TextSource } from "./text-source.ts";
import { utf8Decoder } from "./token-bytes.ts";
import { byteTokens, storedTokens, type TokenSource } from "./token-source.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Bytes read at a time. */
const BLOCK = 1 << 16;
/** Characters on each side of a cut within which its effect on the tokens is looked for. */
const CONTEXT = 64;
/** Places tried for one cut. */
const ATTEMPTS = 64;

/**
 * Turns a text into tokens.
 *
 * A byte tokenizer reads the text itself. Any other encodes it once, piece by piece; the tokens stay in memory or, beyond the limit, in a
 * temporary file. Pieces end beside white space where encoding the 64 characters around the cut in one or in two gives the same
 * tokens, so the result is that of encoding the text at once. For a tokenizer without such places (one that begins every text with a prefix,
 * or a text without white space) pieces are cut all the same, which may change the tokens at a cut, one in 64 KiB of text.
 *
 * @param text the text
 * @param tokenizer how to encode it
 * @param options how many bytes of tokens may stay in memory
 * @returns the tokens; close them when done, and before the text
 * @throws DataError if the tokenizer cannot encode the text
 */
export async function encodeText(
  text: TextSource,
  tokenizer: Tokenizer,
  options: Pick<CorpusOptions, "memoryLimit"> = {},
): Promise<TokenSource> {
  if (isByteTokenizer(tokenizer)) return byteTokens(text);
  const width = tokenizer.vocabularySize <= 2 ** 16 ? Uint16Array : Int32Array;
  const kept = spool(text.name, options.memoryLimit ?? MEMORY_LIMIT);
  for (const piece of pieces(text, tokenizer)) {
    kept.write(new Uint8Array(width.from(tokenizer.encode(piece)).buffer));
    // Encoding is slow; progress lines and signals get their turn between pieces.
    await setImmediate();
  }
  return storedTokens(text.name, kept.finish(), width);
}

function* pieces(text: TextSource, tokenizer: Tokenizer): Generator<string> {
  const decoder = utf8Decoder();
  let waiting = "";
  for (let start = 0; start < text.byteLength; start += BLOCK) {
    const count = Math.min(BLOCK, text.byteLength - start);
    const last = start + count === text.byteLength;
    waiting += decoder.decode(text.read(start, count), { stream: !last });
    if (last) break;
    const cut = findCut(waiting, tokenizer);
    yield waiting.slice(0, cut);
    waiting = waiting.slice(cut);
  }
  if (waiting !== "") yield waiting;
}

/** The last place at which a text can be cut without changing its tokens, as far as 64 characters on each side tell. */
function findCut(text: string, tokenizer: Tokenizer): number {
  const isSpace = (index: number) => /\s/.test(text[index]!);
  let fallback: number | undefined;
  let attempts = 0;
  for (let cut = text.length - CONTEXT; cut > CONTEXT && attempts < ATTEMPTS; cut--) {
    if (isSpace(cut - 1) === isSpace(cut)) continue;
    attempts++;
    fallback ??= cut;
    const left = text.slice(cut - CONTEXT, cut);
    const right = text.slice(cut, cut + CONTEXT);
    const apart = [...tokenizer.encode(left), ...tokenizer.encode(right)];
    const together = tokenizer.encode(left + right);
    if (apart.length === together.length && apart.every((token, t) => token === together[t])) return cut;
  }
  return fallback ?? betweenCharacters(text, text.length - 1);
}

/** The given place, or the one before it if it lies between the halves of a surrogate pair. */
function betweenCharacters(text: string, cut: number): number {
  const unit = text.charCodeAt(cut);
  return unit >= 0xdc00 && unit <= 0xdfff ? cut - 1 : cut;
}
