/** What the demonstrations share: their arguments, an engine, and the page that their figure is written to. */
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Engine, startEngine } from "../../src/array/index.ts";
import { writeFileAtomic } from "../../src/data/index.ts";
import type { Html } from "../../src/evaluation/html.ts";
import { html } from "../../src/evaluation/html.ts";
import { renderPage } from "../../src/evaluation/page.ts";
import { loadPlotter, type Plotter } from "../../src/evaluation/plots.ts";

/** What a demonstration works with. */
export interface Stage {
  readonly engine: Engine;
  readonly plotter: Plotter;
  /** Small sizes that show nothing, for tests. */
  readonly toy: boolean;
}

/** What a page says: a headline, a sentence about it, and what is drawn. */
export interface Shown {
  readonly title: string;
  readonly lead: string;
  readonly figures: readonly Html[];
}

/**
 * Runs a demonstration and writes its page to `runs/demo/<name>.html`, or to the folder that `--out` names.
 *
 * @param show prints what it finds and draws it
 */
export async function demonstrate(name: string, show: (stage: Stage) => Promise<Shown>): Promise<void> {
  const { values } = parseArgs({
    options: { toy: { type: "boolean", default: false }, out: { type: "string", default: "runs/demo" } },
  });
  const began = performance.now();
  const plotter = await loadPlotter();
  const engine = await startEngine("auto", { onNote: console.error });
  const { title, lead, figures } = await show({ engine, plotter, toy: values.toy });
  const file = join(resolve(values.out), `${name}.html`);
  const header = html`<header><p class="eyebrow">neural-memory: npm run demo:${name}</p><h1>${title}</h1><p class="lead">${lead}</p></header>`;
  await writeFileAtomic(file, renderPage(title, [header, ...figures]));
  await engine.dispose();
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`\nThe figure: ${relative(process.cwd(), file)} (after ${seconds} s)`);
}

/** A row of a table on the terminal: a name and right-aligned columns. */
export function printRow(name: string, columns: readonly (string | number)[], width = 12): void {
  const texts = columns.map((column) => (typeof column === "number" ? column.toFixed(3) : column));
  console.log(`${name.padEnd(34)}${texts.map((text) => text.padStart(width)).join("")}`);
}

/** The mean of some numbers. */
export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}
