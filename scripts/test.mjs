/** `npm test`: everything CI runs, step by step. A failing step ends it; the last line counts the tests. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { heading, installMissing, npm, requireNode, root } from "./project.mjs";

const steps = [
  { title: "format and lint", script: "lint" },
  { title: "import rules", script: "lint:imports" },
  { title: "types", script: "typecheck" },
  { title: "build and equation registry", script: "build" },
  { title: "tests with coverage", script: "test:coverage" },
  { title: "equations are tagged, tested and executed", script: "registry:check" },
  { title: "documentation site", script: "site" },
];
const results = join(root, "coverage/tests.json");

requireNode();
rmSync(results, { force: true });
const failure = installMissing() || firstFailure();
finish(failure);

/** @returns {number} the exit code of the first step that fails, 0 if none does */
function firstFailure() {
  for (const { title, script } of steps) {
    heading(title);
    const code = npm("run", "--silent", script);
    if (code !== 0) {
      console.log(`\nfailed: ${title} (npm run ${script})`);
      return code;
    }
  }
  return 0;
}

/** @param {number} code */
function finish(code) {
  const { passed, failed, skipped } = countTests();
  if (skipped > 0) console.log(`\n${skipped} tests were skipped`);
  // A step that failed without a failing test (lint, a coverage threshold, a file that does not load) counts as one.
  console.log(`\n${passed} passed, ${code !== 0 && failed === 0 ? 1 : failed} failed`);
  process.exitCode = code;
}

function countTests() {
  if (!existsSync(results)) return { passed: 0, failed: 0, skipped: 0 };
  const report = JSON.parse(readFileSync(results, "utf8"));
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
