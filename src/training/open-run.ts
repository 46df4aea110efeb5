/** The run in a folder, begun or not (Node only). */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { EngineOptions } from "../array/index.ts";
import { type Run, resumeRun, startRun } from "./run.ts";
import type { RunLayer } from "./run-config.ts";
import { runFolder } from "./run-folder.ts";

/**
 * Opens the run in a folder: the one that was begun there, which goes on exactly, or a new one.
 *
 * @param out the folder
 * @param options `layer`: the whole configuration of a new run; `where` it comes from, for messages
 */
export async function openRunIn(
  out: string,
  options: { readonly layer: RunLayer; readonly where: string; readonly onNote?: EngineOptions["onNote"] },
): Promise<Run> {
  const { layer, where, onNote } = options;
  if (existsSync(join(runFolder(out).checkpoints, "latest"))) {
    return resumeRun({ path: out, layers: [], where, allowEngineChange: false, onNote });
  }
  return startRun({ layers: [layer], where, out, onNote });
}
