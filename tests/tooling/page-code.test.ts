/** The code of the guides does what they say: every page's blocks of TypeScript run, one after another, in a folder as its reader has it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { startRun, trainRun } from "../../src/training/index.ts";
import { hasNative } from "../array/native/support.ts";
import { root } from "./fixture.ts";
import { blocksOf, linked, runnablePages } from "./pages.ts";

/** Inside the project, where packages are found, and where nothing else looks. */
mkdirSync(join(root, "runs"), { recursive: true });
const folder = mkdtempSync(join(root, "runs/.page-code-"));
const before = process.cwd();

const text = "Call me anything. A memory that is written while it reads has read this before.\n".repeat(400);

beforeAll(async () => {
  process.chdir(folder);
  writeFileSync("my-text.txt", text);
  // What the quick start trains, only sooner.
  const training = { steps: 2, evaluationTokens: 128 };
  const layers = [{ preset: "lmm-tiny", corpus: "my-text.txt", training }];
  const run = await startRun({ layers, where: "the test", out: "runs/mine" });
  await trainRun(run);
  await run.engine.dispose();
});

afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs code, and tells what it printed: one list of values for each line. */
async function printed(name: string, code: string): Promise<unknown[][]> {
  // A reader saves it as a file for Node, which knows no types.
  transformSync(code, { loader: "js", format: "esm" });
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, linked(code));
  await import(/* @vite-ignore */ file);
  return vi.mocked(console.log).mock.calls;
}

/** A page's program. Comments behind `console.log` tell what it prints, where that is one value. */
function programOf(page: string): { readonly code: string; readonly promised: readonly string[] } {
  const code = blocksOf(page, "ts", "js")
    .map((block) => block.text)
    .join("\n");
  const promised = [...code.matchAll(/^ *console\.log\(.*\); \/\/ (true|\[.*\])$/gm)].map(([, value]) => value!);
  return { code, promised };
}

test.for(runnablePages.filter((page) => blocksOf(page, "ts", "js").length > 0))("%s runs", async (page, { skip }) => {
  const { code, promised } = programOf(page);
  if (!hasNative && code.includes('"onnxruntime-node"')) skip("onnxruntime cannot be loaded here");
  const lines = await printed(page.replaceAll("/", "-"), code);
  expect(lines.length).toBeGreaterThan(0);
  const values = lines.map(([first]) => (Array.isArray(first) ? `[ ${first.join(", ")} ]` : String(first)));
  for (const value of promised) expect(values).toContain(value);
  expect(JSON.stringify(lines)).not.toMatch(/NaN|undefined/);
});

test("the first example of README.md runs", async () => {
  const [first] = blocksOf("README.md", "ts");
  await printed("readme", `${first!.text}\nconsole.log("done");`);
});
