/** Opens the tokenizer that a command line or configuration names (Node only). */
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DataError } from "../utils/errors.ts";
import { byteTokenizer } from "./byte-tokenizer.ts";
import { statIfThere, unreadable } from "./file-bytes.ts";
import { huggingFaceTokenizer } from "./hugging-face-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Opens a tokenizer.
 *
 * @param spec `bytes`, a `tokenizer.json` file in the Hugging Face format, or a folder that holds one
 * @returns the tokenizer, named after its folder if the file is called `tokenizer.json`
 * @throws DataError if there is no such file or it holds no usable tokenizer
 * @throws MissingPackageError if `@huggingface/tokenizers` is needed and not installed
 */
export async function openTokenizer(spec: string): Promise<Tokenizer> {
  if (spec === "bytes") return byteTokenizer();
  const stats = statIfThere(spec);
  if (stats === undefined) {
    throw new DataError(
      `there is no tokenizer "${spec}"; give "bytes", a tokenizer.json file, or a folder that holds one`,
    );
  }
  const path = stats.isDirectory() ? join(spec, "tokenizer.json") : spec;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`"${path}" is not JSON; expected a Hugging Face tokenizer.json`, { cause });
  }
  const file = basename(path);
  return huggingFaceTokenizer(json, file === "tokenizer.json" ? basename(dirname(resolve(path))) : file);
}
