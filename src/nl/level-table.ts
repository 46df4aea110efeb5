/** Prints the levels of a nested system. */
import { updateFrequency } from "./levels.ts";
import type { NestedSystem } from "./nested-system.ts";
import type { DescribedComponent } from "./training-levels.ts";

/** A component as people read it. */
export interface LevelRow {
  /** Such as `every 16 tokens`. */
  readonly updates: string;
  /** Updates a data point, such as `1/16`. */
  readonly frequency: string;
  readonly component: string;
  readonly parameters: string;
  readonly objective: string;
  /** What it learns from. */
  readonly context: string;
}

const headings: LevelRow = {
  updates: "updates",
  frequency: "frequency",
  component: "component",
  parameters: "parameters",
  objective: "objective",
  context: "context flow",
};

/** The columns of a level table. */
export type LevelColumn = keyof LevelRow;

/**
 * A system's levels in words, the fastest first, one row a component.
 *
 * @param system such as `describeTraining` gives
 * @param point what a data point is called, `token` by default
 */
export function levelRows(system: NestedSystem<DescribedComponent>, point = "token"): LevelRow[][] {
  return system.levels.map(({ components }) =>
    components.map(({ name, period, parameters, objective, context }) => ({
      updates: updatesOf(period, point),
      frequency: frequencyOf(period),
      component: name,
      parameters,
      objective,
      context,
    })),
  );
}

/**
 * A table of a system's levels, the fastest first, one line a component and an empty line between levels.
 *
 * @param system such as `describeTraining` gives
 * @param point what a data point is called, `token` by default
 * @param columns which to print, all by default
 * @returns lines, each ending in a newline
 */
export function levelTable(
  system: NestedSystem<DescribedComponent>,
  point = "token",
  columns: readonly LevelColumn[] = Object.keys(headings) as LevelColumn[],
): string {
  const levels = [[headings], ...levelRows(system, point)].map((rows) =>
    rows.map((row) => columns.map((column) => row[column])),
  );
  const widths = columns.map((_, column) => Math.max(...levels.flat().map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return levels.map((group) => group.map((row) => `${line(row)}\n`).join("")).join("\n");
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
