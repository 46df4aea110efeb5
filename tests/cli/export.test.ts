/** What `export` writes, its check, and the examples that run what it wrote. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { describeNative } from "../array/native/support.ts";
import { run, snapshot, temporaryFolder, untrainedRun } from "./run.ts";

const folder = temporaryFolder();
const examples = fileURLToPath(new URL("../../examples/export/", import.meta.url));
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const hasPythonRuntime = spawnSync("python3", ["-c", "import numpy, onnxruntime"]).status === 0;
const prompt = "Call me Ishmael. Some years ago";
const TOKENS = 40;

beforeAll(() => untrainedRun(join(folder, "run"), "moby-dick"));

function descriptionOf(name: string) {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
}

test("a model is exported for calls of the training segment, with its initial state and description beside it", async () => {
  const { code, stdout, stderr } = await run(folder, ["export", "run", "--to", "whale/lmm.onnx"]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^exporting .*step-0000000: tracing titans-lmm over 32 tokens\n$/),
  });
  expect(readdirSync(join(folder, "whale")).sort()).toEqual(["lmm.initial-state.onnx", "lmm.json", "lmm.onnx"]);
  expect(stdout).toMatch(/^titans-lmm of step 0, 32 tokens a call in chunks of 16, batch 1\n/);
  expect(stdout).toMatch(/whale\/lmm.onnx +[\d,]+ bytes\n/);
  expect(descriptionOf("whale/lmm")).toMatchObject({ format: 1, step: 0, tokens: 32, chunkSize: 16, batch: 1 });
});

test("tokens, batch and the kind of output are chosen", async () => {
  const args = ["--to", "any.onnx", "--tokens", "16", "--batch", "symbolic", "--json"];
  const { stdout } = await run(folder, ["export", "run", ...args]);
  expect(JSON.parse(stdout)).toMatchObject({
    files: { model: "any.onnx", initialState: "any.initial-state.onnx", description: "any.json" },
    sizes: { model: readFileSync(join(folder, "any.onnx")).length },
    architecture: "titans-lmm",
    tokens: 16,
    batch: "symbolic",
  });
  expect(descriptionOf("any").inputs).toContainEqual({ name: "tokens", type: "int32", shape: ["batch", 16] });
  expect((await run(folder, ["export", "run", "--to", "four.onnx", "--batch", "4"])).code).toBe(0);
  expect(descriptionOf("four")).toMatchObject({ tokens: 32, batch: 4 });
});

describe("export refuses", () => {
  const to = ["--to", "new.onnx"];
  test.each<[string, string[], RegExp]>([
    [
      "tokens that cut a chunk",
      [...to, "--tokens", "24"],
      /^exporting .*\nerror: a call of 24 tokens is not a whole number of the model's chunks of 16; choose a multiple such as 32/,
    ],
    [
      "fewer tokens than a chunk",
      [...to, "--tokens", "8"],
      /error: a call of 8 tokens .* such as 16 \(a call may hold fewer tokens/,
    ],
    ["no tokens", [...to, "--tokens", "0"], /must be a whole number of at least 1/],
    ["a batch that is no number", [...to, "--batch", "many"], /It must be a whole number of at least 1, or symbolic/],
    [
      "another kind of file",
      ["--to", "new.bin"],
      /^error: the file "new.bin" must be called something.onnx, such as model.onnx\n$/,
    ],
    ["to go nowhere", [], /required option '--to <file>' not specified/],
  ])("%s", async (_, args, sentence) => {
    const before = snapshot(folder);
    const { code, stdout, stderr } = await run(folder, ["export", "run", ...args]);
    expect(stderr).toMatch(sentence);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(snapshot(folder)).toEqual(before);
  });

  test("a checkpoint that is not there", async () => {
    const { code, stderr } = await run(folder, ["export", "nothing", ...to]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "error: there is no checkpoint at nothing: no such folder\n" });
  });
});

describe("where onnxruntime is not installed", () => {
  const { NODE_OPTIONS } = process.env;
  afterEach(() => {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  });

  test("models are exported, and only the check is refused, in one sentence", async () => {
    const resolve = `export function resolve(name, context, next) {
      if (name === "onnxruntime-node") throw Object.assign(new Error("absent"), { code: "ERR_MODULE_NOT_FOUND" });
      return next(name, context);
    }`;
    const hook = join(folder, "without-onnxruntime.mjs");
    const url = `data:text/javascript,${encodeURIComponent(resolve)}`;
    writeFileSync(hook, `import { register } from "node:module";\nregister(${JSON.stringify(url)});\n`);
    process.env.NODE_OPTIONS = `--import ${pathToFileURL(hook)}`;
    expect((await run(folder, ["export", "run", "--to", "without.onnx"])).code).toBe(0);
    const { code, stdout, stderr } = await run(folder, ["export", "run", "--to", "unchecked.onnx", "--check"]);
    expect(code).toBe(2);
    expect(stdout).toMatch(/unchecked.onnx/);
    expect(stderr).toMatch(
      /\nerror: the check runs the exported files with the package onnxruntime-node, which cannot be loaded here; install it with: npm install onnxruntime-node\n$/,
    );
    expect(existsSync(join(folder, "unchecked.onnx"))).toBe(true);
  });
});

describeNative("where onnxruntime is installed", () => {
  test("the check prints the largest differences", async () => {
    const args = ["export", "run", "--to", "checked.onnx", "--tokens", "16", "--check"];
    const { code, stdout, stderr } = await run(folder, args);
    expect(code).toBe(0);
    expect(stderr).toMatch(/check 8\/8\n$/);
    expect(stdout).toMatch(
      /the same as the checkpoint over 8 calls: largest difference of logits \d\.\de-\d+ \(largest [\d.]+\), of state \d\.\de-\d+ \(largest [\d.]+\)\n$/,
    );
    const { stdout: json } = await run(folder, [...args, "--json"]);
    const { check } = JSON.parse(json);
    expect(check).toMatchObject({ calls: 8, batch: 1, passed: true });
    expect(check.logits.difference).toBeLessThan(1e-4);
    expect(check.state.difference).toBeLessThan(1e-4);
  });

  test.each(["1", "symbolic"])("the JavaScript example writes what generate writes, with batch %s", async (batch) => {
    expect((await run(folder, ["export", "run", "--to", "written.onnx", "--batch", batch])).code).toBe(0);
    await expectGenerated(process.execPath, [join(examples, "run-model.mjs"), "written.onnx", prompt, String(TOKENS)]);
  });
});

/** Runs a program that writes on greedily: what it prints must be what the library generates, and onnxruntime must have nothing to say. */
async function expectGenerated(command: string, args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder });
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: "" });
  const greedy = ["--prompt", prompt, "--temperature", "0", "--max-tokens", String(TOKENS), "--json"];
  const generated = JSON.parse((await run(folder, ["generate", "run", ...greedy])).stdout);
  expect(stdout.toString("utf8")).toBe(generated.text);
  expect(new Set(stdout).size, "different bytes").toBeGreaterThan(1);
}

test.skipIf(!hasPython)("the Python example is valid Python", () => {
  const check = "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf8').read(), sys.argv[1])";
  execFileSync("python3", ["-c", check, join(examples, "run_model.py")]);
});

test.skipIf(!hasPythonRuntime)(
  "the Python example writes what generate writes (not run where Python's onnxruntime is missing)",
  async () => {
    expect((await run(folder, ["export", "run", "--to", "python.onnx"])).code).toBe(0);
    await expectGenerated("python3", [join(examples, "run_model.py"), "python.onnx", prompt, String(TOKENS)]);
  },
);
