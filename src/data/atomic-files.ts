/** Files that are either there whole or not there: written under a temporary name, synced, then renamed. */
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const PARTIAL = ".partial-";

function partialName(path: string): string {
  return join(dirname(path), `.${basename(path)}${PARTIAL}${process.pid}`);
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeSynced(path: string, contents: Uint8Array | string): Promise<void> {
  const handle = await open(path, "w");
  try {
    await handle.writeFile(contents);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file, replacing an earlier one in one step; its folder is made if it is missing. */
export async function writeFileAtomic(path: string, contents: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = partialName(path);
  await writeSynced(partial, contents);
  await rename(partial, path);
  await syncDirectory(dirname(path));
}

/**
 * Writes a folder of files, which appears in one step; an earlier one of the same name is replaced.
 *
 * @param path the folder
 * @param files contents by file name
 */
export async function writeDirectoryAtomic(
  path: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<void> {
  const partial = partialName(path);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  for (const [name, contents] of files) await writeSynced(join(partial, name), contents);
  await syncDirectory(partial);
  await rm(path, { recursive: true, force: true });
  await rename(partial, path);
  await syncDirectory(dirname(path));
}

/** Removes what interrupted writes have left in a folder. */
export async function removePartials(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names
      .filter((name) => name.startsWith(".") && name.includes(PARTIAL))
      .map((name) => rm(join(folder, name), { recursive: true, force: true })),
  );
}
