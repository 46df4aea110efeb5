/** Tells the test files which symbols implement equations, when coverage can show that they ran. */
import type { TestProject } from "vitest/node";
import type { Implementation } from "../../scripts/equations/docstrings.mjs";
import { readImplementations } from "../../scripts/equations/registry.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the project is, and its equations' symbols; `undefined` without coverage. */
    registered: { root: string; implementations: Implementation[] } | undefined;
  }
}

export function setup(project: TestProject): void {
  const { root, coverage } = project.config;
  project.provide(
    "registered",
    coverage.enabled ? { root, implementations: readImplementations(root).implementations } : undefined,
  );
}
