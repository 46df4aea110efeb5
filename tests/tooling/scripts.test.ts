/** `npm start` and `npm test` on a project of nothing but these scripts. */
import { cpSync, existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { newest } from "../../scripts/project.mjs";
import { fixture, root, runNode } from "./fixture.ts";

const dependencies = { local: "file:local" };
const done = 'node -e ""';
const steps = {
  lint: done,
  "lint:imports": done,
  typecheck: done,
  build: "node build.mjs",
  "test:coverage": "node tests.mjs",
  "registry:check": done,
  site: done,
};

/** A project whose steps succeed unless replaced, whose tests report these numbers, and which has nothing installed. */
function project(replaced: Partial<typeof steps> = {}, counts = { passed: 3, failed: 0 }): string {
  const report = { numPassedTests: counts.passed, numFailedTests: counts.failed, numPendingTests: 2, numTodoTests: 0 };
  const folder = fixture({
    "package.json": JSON.stringify({
      name: "small",
      version: "1.0.0",
      dependencies,
      scripts: { ...steps, ...replaced },
    }),
    "package-lock.json": JSON.stringify({
      name: "small",
      lockfileVersion: 3,
      packages: { "": { dependencies }, local: {}, "node_modules/local": { resolved: "local", link: true } },
    }),
    "local/package.json": JSON.stringify({ name: "local", version: "1.0.0" }),
    "src/cli/main.ts": "",
    "tests.mjs": `import { mkdirSync, writeFileSync } from "node:fs";
      mkdirSync("coverage", { recursive: true });
      writeFileSync("coverage/tests.json", ${JSON.stringify(JSON.stringify(report))});
      process.exitCode = ${counts.failed};`,
    "build.mjs": `import { mkdirSync, writeFileSync } from "node:fs";
      mkdirSync("dist/cli", { recursive: true });
      writeFileSync("dist/cli/main.js", "console.log('ran', process.argv.slice(2).join(' ')); process.exitCode = 7;");
      writeFileSync("dist/equations.json", "[]");`,
  });
  rmSync(join(folder, "node_modules"));
  cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
  return folder;
}

function run(folder: string, script: string, ...args: string[]) {
  const { code, stdout } = runNode(folder, [`scripts/${script}`, ...args]);
  const headings = [...stdout.matchAll(/^=== (.*) ===$/gm)].map(([, title]) => title);
  return { code, headings, lastLine: stdout.trimEnd().split("\n").at(-1), stdout };
}

describe("npm test", () => {
  test("runs every step and ends with the number of tests", () => {
    const { code, headings, lastLine, stdout } = run(project(), "test.mjs");
    expect(headings).toEqual([
      "install",
      "format and lint",
      "import rules",
      "types",
      "build and equation registry",
      "tests with coverage",
      "equations are tagged, tested and executed",
      "documentation site",
    ]);
    expect(stdout).toContain("2 tests were skipped");
    expect([code, lastLine]).toEqual([0, "3 passed, 0 failed"]);
  });

  test("stops at a failing step, with its exit code, and counts it as one failure", () => {
    const { code, headings, lastLine } = run(project({ typecheck: 'node -e "process.exit(5)"' }), "test.mjs");
    expect(headings.at(-1)).toBe("types");
    expect([code, lastLine]).toEqual([5, "0 passed, 1 failed"]);
  });

  test("counts failing tests", () => {
    const { code, headings, lastLine } = run(project({}, { passed: 1, failed: 2 }), "test.mjs");
    expect(headings.at(-1)).toBe("tests with coverage");
    expect([code, lastLine]).toEqual([2, "1 passed, 2 failed"]);
  });

  test("counts a step that fails after the tests", () => {
    const { code, lastLine } = run(project({ site: 'node -e "process.exit(4)"' }), "test.mjs");
    expect([code, lastLine]).toEqual([4, "3 passed, 1 failed"]);
  });

  test("does not count the tests of an earlier run", () => {
    const folder = project({ lint: 'node -e "process.exit(1)"' });
    runNode(folder, ["tests.mjs"]);
    expect(run(folder, "test.mjs").lastLine).toBe("0 passed, 1 failed");
  });
});

describe("npm start", () => {
  test("installs and builds once, passes its arguments on, and ends with the exit code of the job", () => {
    const folder = project();
    const first = run(folder, "start.mjs", "--steps", "3");
    expect(first.headings).toEqual(["install", "build"]);
    expect([first.code, first.lastLine]).toEqual([7, "ran start --steps 3"]);
    expect(run(folder, "start.mjs").headings).toEqual([]);
  });

  test("builds again when a source is newer or gone, and installs again when the lock is newer", () => {
    const folder = project();
    run(folder, "start.mjs");
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(folder, "src/cli/main.ts"), later, later);
    expect(run(folder, "start.mjs").headings).toEqual(["build"]);
    utimesSync(join(folder, "package-lock.json"), later, later);
    expect(run(folder, "start.mjs").headings).toEqual(["install", "build"]);
  });

  test("does not start the job when the build fails", () => {
    const { code, stdout } = run(project({ build: 'node -e "process.exit(9)"' }), "start.mjs");
    expect(code).toBe(9);
    expect(stdout).not.toContain("ran start");
  });
});

test("the time of a folder is that of the newest thing in it, or of its last deletion", () => {
  const folder = fixture({ "a/b/c.txt": "", "a/d.txt": "" });
  const past = new Date(1000);
  for (const path of ["a/b/c.txt", "a/d.txt", "a/b", "a"]) utimesSync(join(folder, path), past, past);
  expect(newest(join(folder, "a"))).toBe(1000);
  writeFileSync(join(folder, "a/b/c.txt"), "new");
  expect(newest(join(folder, "a"))).toBe(newest(join(folder, "a/b/c.txt")));
  rmSync(join(folder, "a/b/c.txt"));
  expect(newest(join(folder, "a"))).toBe(newest(join(folder, "a/b")));
  expect(newest(join(folder, "nowhere"))).toBe(0);
});

test(".ci/run runs the tests and nothing else", () => {
  expect(existsSync(join(root, ".ci/run"))).toBe(true);
  expect(readFileSync(join(root, ".ci/run"), "utf8")).toMatch(/^#!\/usr\/bin\/env bash\n.*\nexec npm test\n$/s);
});
