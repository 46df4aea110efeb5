/**
 * Fails a test that is tagged with an equation but does not execute the symbol it names.
 *
 * It compares the coverage counters of the functions inside the symbol's declaration before and after the test. A function that was
 * compiled by an earlier test is not executed again when its program runs, so a tagged test must trace what it names itself.
 */
import { join } from "node:path";
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { afterEach, beforeEach, inject } from "vitest";
import type { Implementation } from "../../scripts/equations/docstrings.mjs";
import { namedSymbols } from "../../scripts/equations/tags.mjs";

interface FileCoverage {
  readonly f: Readonly<Record<string, number>>;
  readonly fnMap: Readonly<Record<string, { readonly decl: { readonly start: { line: number; column: number } } }>>;
  readonly inputSourceMap: ConstructorParameters<typeof TraceMap>[0];
}

const registered = inject("registered");

function coverageOf(file: string): FileCoverage | undefined {
  const { __VITEST_COVERAGE__: coverage } = globalThis as { __VITEST_COVERAGE__?: Record<string, FileCoverage> };
  return coverage?.[join(registered?.root ?? "", file)];
}

/** How often the functions of a declaration (a function, or a class's methods) have been called so far. */
function countCalls({ file, line, lastLine }: Implementation): number {
  const coverage = coverageOf(file);
  if (coverage === undefined) return 0;
  const map = new TraceMap(coverage.inputSourceMap);
  let calls = 0;
  for (const [id, { decl }] of Object.entries(coverage.fnMap)) {
    const original = originalPositionFor(map, decl.start);
    if (original.line !== null && original.line >= line && original.line <= lastLine) calls += coverage.f[id] ?? 0;
  }
  return calls;
}

if (registered !== undefined) {
  const before = new Map<Implementation, number>();

  beforeEach(({ task }) => {
    before.clear();
    for (const symbol of namedSymbols(task.fullTestName, registered.implementations))
      before.set(symbol, countCalls(symbol));
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") return;
    for (const [symbol, calls] of before) {
      if (countCalls(symbol) === calls)
        throw new Error(
          `the test "${task.fullTestName}" names ${symbol.symbol} (${symbol.file}) but did not execute it`,
        );
    }
  });
}
