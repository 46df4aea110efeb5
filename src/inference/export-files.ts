/** Where the files of an exported model are (Node only). */
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../data/index.ts";
import { CheckpointError, ConfigError, parseConfig } from "../utils/index.ts";
import type { ExportedModel } from "./export.ts";
import { type ExportDescription, exportSchema } from "./export-description.ts";

const EXTENSION = ".onnx";

/** Paths of the files of one export. */
export interface ExportFiles {
  /** The model: one call. */
  readonly model: string;
  /** The state before the first token. */
  readonly initialState: string;
  /** The description, as JSON. */
  readonly description: string;
}

/**
 * The files of an export, which lie side by side.
 *
 * @param path the model's: `whale.onnx` has `whale.initial-state.onnx` and `whale.json` beside it
 * @throws ConfigError if it does not end so
 */
export function exportFiles(path: string): ExportFiles {
  if (!path.endsWith(EXTENSION) || path.endsWith(`/${EXTENSION}`) || path === EXTENSION)
    throw new ConfigError(`the file "${path}" must be called something${EXTENSION}, such as model${EXTENSION}`);
  const base = path.slice(0, -EXTENSION.length);
  return { model: path, initialState: `${base}.initial-state${EXTENSION}`, description: `${base}.json` };
}

/**
 * Writes an exported model; each file is replaced in one step.
 *
 * @param path where the model goes
 */
export async function writeExport(path: string, exported: ExportedModel): Promise<ExportFiles> {
  const files = exportFiles(path);
  await writeFileAtomic(files.initialState, exported.initialState);
  await writeFileAtomic(files.description, `${JSON.stringify(exported.description, null, 2)}\n`);
  await writeFileAtomic(files.model, exported.model);
  return files;
}

/**
 * Reads the description of an exported model.
 *
 * @throws CheckpointError if it is missing or is not JSON
 * @throws ConfigError if it does not describe an exported model
 */
export async function readExportDescription({ description }: ExportFiles): Promise<ExportDescription> {
  const text = await readFile(description, "utf8").catch((cause) => {
    throw new CheckpointError(`there is no description ${description}; export the model again`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`${description} is not JSON; export the model again`, { cause });
  }
  return parseConfig(exportSchema, value, description);
}
