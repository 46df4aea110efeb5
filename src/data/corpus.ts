/** Opens the texts that models are trained and evaluated on (Node only). */
import { createReadStream } from "node:fs";
import { DataError } from "../utils/errors.ts";
import { type ByteStore, memoryBytes } from "./byte-store.ts";
import { binaryText, corpusFiles, emptyText, FIRST_BLOCK } from "./corpus-files.ts";
import { fileBytes, type SizedFile, unreadable } from "./file-bytes.ts";
import { spool } from "./spool.ts";
import { storedText, type TextSource } from "./text-source.ts";

/** A text that holds files open until it is closed. Its slices end with it. */
export interface Corpus extends TextSource {
  /** Closes the files behind the text. */
  close(): void;
}

/** How `openCorpus` reads. */
export interface CorpusOptions {
  /** What `-` reads; standard input unless told otherwise. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Texts of more bytes than this stay on disk and are read by offset; 64 MiB unless told otherwise. */
  readonly memoryLimit?: number;
}

/** The size up to which texts and tokens are kept in memory. */
export const MEMORY_LIMIT = 64 * 2 ** 20;

const EMPTY_LINE = new TextEncoder().encode("\n\n");

/**
 * Opens a corpus. It is one of
 *
 * - `moby-dick` or `sotu`, the public-domain texts that come as packages: the novel as one document, and 233 State of the Union addresses
 *   in the order of their years (of two in one year, by the president's first name);
 * - a text file;
 * - a folder: all text files in it and below, ordered by path, one document each. Hidden, empty and binary files are left out, and linked
 *   folders are not followed;
 * - a glob pattern such as `books/*.txt`: the same for the files that match;
 * - `-`, standard input, kept in memory or, beyond the limit, in a temporary file.
 *
 * The names of bundled corpora come first: write `./sotu` for a folder of that name. Between two documents stands an empty line.
 *
 * @param spec which text
 * @param options where `-` reads from, and how much may stay in memory
 * @returns the text; close it when done
 * @throws DataError if there is no such text, it is empty, or not text
 * @throws MissingPackageError if the corpus comes in a package that is not installed
 */
export async function openCorpus(spec: string, options: CorpusOptions = {}): Promise<Corpus> {
  const memoryLimit = options.memoryLimit ?? MEMORY_LIMIT;
  if (spec === "-") return readOnce("standard input", options.input ?? process.stdin, memoryLimit);
  const files = await corpusFiles(spec);
  if (files === undefined) return readOnce(spec, createReadStream(spec), memoryLimit);
  const { store, offsets } = openFiles(files, memoryLimit);
  return closable(storedText(spec, store, offsets), store);
}

function openFiles(files: readonly SizedFile[], memoryLimit: number): ReturnType<typeof fileBytes> {
  const { store, offsets } = fileBytes(files, EMPTY_LINE);
  if (store.byteLength > memoryLimit) return { store, offsets };
  try {
    return { store: memoryBytes(store.read(0, store.byteLength)), offsets };
  } finally {
    store.close();
  }
}

async function readOnce(name: string, input: AsyncIterable<Uint8Array>, memoryLimit: number): Promise<Corpus> {
  const kept = spool(name, memoryLimit);
  let seen = 0;
  try {
    for await (const bytes of input) {
      if (seen < FIRST_BLOCK && bytes.subarray(0, FIRST_BLOCK - seen).includes(0)) throw binaryText(name);
      seen += bytes.length;
      kept.write(bytes);
    }
  } catch (cause) {
    throw cause instanceof DataError ? cause : unreadable(name, cause);
  }
  const store = kept.finish();
  if (store.byteLength === 0) throw emptyText(name);
  return closable(storedText(name, store, [0]), store);
}

function closable(text: TextSource, store: ByteStore): Corpus {
  return { ...text, close: () => store.close() };
}
