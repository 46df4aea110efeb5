/** What happened in a run as a file of JSON lines, which a resumed run cuts back to its checkpoint (Node only). */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../data/index.ts";
import type { StepMetrics, ValidationMetrics } from "./train.ts";

/** One line: a step or a validation. `seconds` is how long it took, the only entry that differs between two equal runs. */
export type MetricsLine =
  | ({ readonly kind: "step"; readonly seconds: number } & StepMetrics)
  | ({ readonly kind: "validation"; readonly seconds: number } & ValidationMetrics);

/**
 * The lines of a metrics file, without those that an interrupted run left unfinished.
 *
 * @param path the file; one that is missing has no lines
 */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines: MetricsLine[] = [];
  for (const line of text.split("\n").slice(0, -1)) {
    try {
      lines.push(JSON.parse(line) as MetricsLine);
    } catch {
      break;
    }
  }
  return lines;
}

/** The loss of a text over the steps of training, or over its validations. */
export function textCurve(
  lines: readonly MetricsLine[],
  kind: MetricsLine["kind"],
): { readonly step: number; readonly bitsPerByte: number }[] {
  return lines.flatMap((line) =>
    line.kind === kind && line.bitsPerByte !== undefined ? [{ step: line.step, bitsPerByte: line.bitsPerByte }] : [],
  );
}

/** A metrics file being written. */
export interface MetricsFile {
  /** Adds a line; it survives the end of this process, however it ends. */
  append(line: MetricsLine): void;
  /** Brings the lines to the disk, so that they also survive a power cut. */
  sync(): void;
  close(): void;
}

/**
 * Opens a metrics file to go on after a step.
 *
 * @param path the file; made if it is missing
 * @param step lines about later steps are removed
 */
export async function openMetrics(path: string, step: number): Promise<MetricsFile> {
  const kept = (await readMetrics(path)).filter((line) => line.step <= step);
  await writeFileAtomic(path, kept.map(lineOf).join(""));
  const file = openSync(path, "a");
  return {
    append: (line) => void writeSync(file, lineOf(line)),
    sync: () => fsyncSync(file),
    close: () => closeSync(file),
  };
}

function lineOf(line: MetricsLine): string {
  return `${JSON.stringify(line)}\n`;
}
