/** Prints the levels of a nested system. */
import { updateFrequency } from "./levels.ts";
import type { NestedSystem } from "./nested-system.ts";
import type { DescribedComponent } from "./training-levels.ts";

const headings = ["updates", "frequency", "component", "parameters", "objective", "context flow"];

/**
 * A table of a system's levels, the fastest first, one line a component and an empty line between levels.
 *
 * @param system such as `describeTraining` gives
 * @param point what a data point is called, `token` by default
 * @returns lines, each ending in a newline
 */
export function levelTable(system: NestedSystem<DescribedComponent>, point = "token"): string {
  const levels = system.levels.map(({ components }) =>
    components.map(({ name, period, parameters, objective, context }) => [
      updatesOf(period, point),
      frequencyOf(period),
      name,
      parameters,
      objective,
      context,
    ]),
  );
  const rows = [headings, ...levels.flat()];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  const groups = [[headings], ...levels].map((group) => group.map((row) => `${line(row)}\n`).join(""));
  return groups.join("\n");
}

function updatesOf(period: number, point: string): string {
  if (period === 0) return `anew for every ${point}`;
  if (period === 1) return `every ${point}`;
  return period === Infinity ? "never" : `every ${period.toLocaleString("en")} ${point}s`;
}

/** Updates a data point. */
function frequencyOf(period: number): string {
  const frequency = updateFrequency(period);
  if (frequency === Infinity) return "infinite";
  return period === Infinity || period === 1 ? String(frequency) : `1/${period}`;
}
