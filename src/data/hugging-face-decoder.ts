/** What each token of a Hugging Face tokenizer adds to the text, as bytes, found from its decoder. */
import { DataError } from "../utils/errors.ts";
import { type TokenBytes, unknownToken } from "./token-bytes.ts";

/** The part of the package's `Tokenizer` class used here. */
export interface HuggingFaceBackend {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[] };
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string;
  get_vocab(): Map<string, number>;
  id_to_token(id: number): string | undefined;
  get_added_tokens_decoder(): Map<number, { content: string }>;
  readonly normalizer: ((text: string) => string) | null;
  readonly model: { readonly end_of_word_suffix?: string | null; readonly unk_token?: string | null } | null;
}

/** The part of `tokenizer.json` that says how tokens become text. */
export interface DecoderConfig {
  readonly type: string;
  readonly decoders?: readonly DecoderConfig[];
}

/**
 * Builds the table of token bytes.
 *
 * A byte-level decoder maps each character of a token to a byte. Any other decoder is asked: with an anchor token A that it decodes to the
 * text f at a text's start and to the text l after another token, a token's text is what stands between f and l in `decode([A, token, A])`,
 * and what stands before l in `decode([token, A])` if it begins the text. Byte tokens such as `<0xE2>` are those bytes.
 *
 * @param backend the tokenizer
 * @param config the decoder's configuration, `null` if the tokenizer has none
 * @param name the tokenizer's name, for errors
 * @returns the table, the number of ids, and whether the tokens are bytes of the text
 * @throws DataError if the text of a token depends on more than its place
 */
export function huggingFaceTokenBytes(
  backend: HuggingFaceBackend,
  config: DecoderConfig | null,
  name: string,
): { bytesOf: TokenBytes; vocabularySize: number; byteLevel: boolean } {
  let vocabularySize = 0;
  for (const id of backend.get_vocab().values()) vocabularySize = Math.max(vocabularySize, id + 1);
  const contents = Array.from({ length: vocabularySize }, (_, id) => backend.id_to_token(id));
  const kinds = decoderKinds(config);
  const byteLevel = kinds.includes("ByteLevel");
  if (kinds.includes("CTC") || (byteLevel && kinds.some((kind) => kind !== "ByteLevel" && kind !== "Fuse"))) {
    throw new DataError(
      `the tokenizer "${name}" decodes with ${kinds.join(", ")}, which does not write tokens one after another; ` +
        "use a tokenizer for language models",
    );
  }
  const find = byteLevel
    ? byteLevelBytes(backend)
    : probedBytes(backend, contents, kinds.includes("ByteFallback"), name);
  return { bytesOf: remember(find, contents, name), vocabularySize, byteLevel };
}

/** What each id is written as; vocabularies may have holes, ids that no token was given. */
type Contents = readonly (string | undefined)[];

type FindBytes = (id: number, content: string, first: boolean) => Uint8Array;

/** Probing costs two decodes a token, so each token is looked up once, and only when it is met. */
function remember(find: FindBytes, contents: Contents, name: string): TokenBytes {
  const known = { first: [] as Uint8Array[], later: [] as Uint8Array[] };
  return (token, first) => {
    const table = first ? known.first : known.later;
    const seen = table[token];
    if (seen !== undefined) return seen;
    if (!(Number.isInteger(token) && token >= 0 && token < contents.length)) {
      throw unknownToken(name, token, contents.length);
    }
    const content = contents[token];
    const bytes = content === undefined ? new Uint8Array() : find(token, content, first);
    table[token] = bytes;
    return bytes;
  };
}

function decoderKinds(config: DecoderConfig | null): string[] {
  if (config === null) return [];
  return config.type === "Sequence" ? (config.decoders ?? []).flatMap(decoderKinds) : [config.type];
}

function byteLevelBytes(backend: HuggingFaceBackend): FindBytes {
  const added = backend.get_added_tokens_decoder();
  const suffix = backend.model?.end_of_word_suffix;
  const encoder = new TextEncoder();
  const byteOf = byteLevelAlphabet();
  return (id, content) => {
    const whole = added.get(id);
    if (whole !== undefined) return encoder.encode(whole.content);
    const spaced = suffix ? content.replaceAll(suffix, byteLevelSpace) : content;
    return Uint8Array.from(spaced, (character) => byteOf.get(character) ?? 0);
  };
}

/** The character that stands for a space in byte-level vocabularies. */
const byteLevelSpace = "\u0120";

/**
 * The alphabet of byte-level vocabularies: printable Latin-1 bytes are themselves, the other 68 are the characters from U+0100 on, in order.
 *
 * @returns the byte of each of the 256 characters
 */
export function byteLevelAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.set(String.fromCharCode(printable ? byte : next++), byte);
  }
  return alphabet;
}

function probedBytes(backend: HuggingFaceBackend, contents: Contents, byteFallback: boolean, name: string): FindBytes {
  const decode = (...ids: number[]) => backend.decode(ids, { clean_up_tokenization_spaces: false });
  const encoder = new TextEncoder();
  const { anchor, start, end } = findAnchor(decode, contents, name);
  return (id, content, first) => {
    if (byteFallback && /^<0x[0-9A-F]{2}>$/i.test(content))
      return Uint8Array.of(Number.parseInt(content.slice(3, 5), 16));
    const text = first ? decode(id, anchor) : decode(anchor, id, anchor);
    const before = first ? "" : start;
    if (!text.startsWith(before) || !text.endsWith(end) || text.length < before.length + end.length) {
      throw new DataError(
        `the tokenizer "${name}" decodes token ${id} ("${content}") differently among other tokens; ` +
          "use a tokenizer for language models",
      );
    }
    return encoder.encode(text.slice(before.length, text.length - end.length));
  };
}

/** A token that always decodes to the same text is the best anchor; one that only differs at the start of a text will do. */
function findAnchor(decode: (...ids: number[]) => string, contents: Contents, name: string) {
  let differing: { anchor: number; start: string; end: string } | undefined;
  for (let anchor = 0; anchor < contents.length; anchor++) {
    if (contents[anchor] === undefined) continue;
    const start = decode(anchor);
    const pair = decode(anchor, anchor);
    const end = pair.slice(start.length);
    if (start === "" || end === "" || start.includes("\uFFFD") || !pair.startsWith(start)) continue;
    if (start === end) return { anchor, start, end };
    differing ??= { anchor, start, end };
  }
  if (differing !== undefined) return differing;
  throw new DataError(`the tokenizer "${name}" decodes no token to text; check its tokenizer.json`);
}
