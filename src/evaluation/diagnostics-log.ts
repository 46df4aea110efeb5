/** Inner losses and norms over training, as lines among a run's metrics (Node only). */
import { appendFileSync } from "node:fs";
import { readMetrics } from "../training/index.ts";
import type { LayerSummary } from "./memory-trace.ts";

/** The memories on a fixed passage after some steps of training. */
export interface DiagnosticsPoint {
  readonly step: number;
  readonly layers: readonly LayerSummary[];
}

/** One line of a metrics file; a resumed run cuts it off like any other line about a later step. */
type DiagnosticsLine = { readonly kind: "diagnostics"; readonly seconds: number } & DiagnosticsPoint;

/**
 * Adds a line to a run's metrics. It survives the end of this process, however it ends.
 *
 * @param path the metrics file; made if it is missing
 * @param seconds how long finding it out took
 */
export function appendDiagnostics(path: string, point: DiagnosticsPoint, seconds: number): void {
  const line: DiagnosticsLine = { kind: "diagnostics", ...point, seconds };
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/**
 * The diagnostics among a run's metrics, in the order of the steps; the last line where several are about the same one.
 *
 * @param path the metrics file
 */
export async function readDiagnostics(path: string): Promise<DiagnosticsPoint[]> {
  const lines: readonly ({ readonly kind: string } | DiagnosticsLine)[] = await readMetrics(path);
  const byStep = new Map<number, DiagnosticsPoint>();
  for (const line of lines) if (isDiagnostics(line)) byStep.set(line.step, { step: line.step, layers: line.layers });
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

function isDiagnostics(line: { readonly kind: string }): line is DiagnosticsLine {
  return line.kind === "diagnostics";
}
