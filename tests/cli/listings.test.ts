/** What the command says about itself: help, version, listings. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { countElements, key, release, scope } from "../../src/array/index.ts";
import { architectureNames, LanguageModel, paperPresets, presetNamed, presets } from "../../src/models/index.ts";
import { equations, run, temporaryFolder, untrainedRun } from "./run.ts";

const folder = temporaryFolder();

/** Counted in a model that is made, where that is small; the largest would take gigabytes. */
function parametersOf(preset: string): number {
  const model = new LanguageModel(presetNamed(preset).model);
  if (preset in paperPresets)
    return [...model.shapes().values()].reduce((sum, { shape }) => sum + shape.reduce((size, n) => size * n, 1), 0);
  const params = scope(() => model.init(key(0)));
  const count = countElements(params);
  release(params);
  return count;
}

test.concurrent.each(["start", "train", "compare", "generate", "evaluate", "export", "models", "inspect", "equations"])(
  "%s --help has examples",
  async (command) => {
    const { code, stdout, stderr } = await run(folder, [command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: neural-memory ${command}`);
    expect(stdout).toContain(`Examples:\n  $ neural-memory ${command}`);
  },
);

test("--version prints the package's version, no command prints the help", async () => {
  expect(await run(folder, ["--version"])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: "",
  });
  expect(await run(folder, [])).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining("Commands:") });
});

test("models lists every architecture and preset, with as many parameters as a model of it has", async () => {
  const { stdout } = await run(folder, ["models", "--json"]);
  const listed = JSON.parse(stdout);
  expect(listed.architectures.map(({ name }: { name: string }) => name)).toEqual([...architectureNames]);
  expect(listed.presets.map(({ name }: { name: string }) => name)).toEqual(Object.keys(presets));
  for (const { name, parameters } of listed.presets) expect(parameters, name).toBe(parametersOf(name));
  expect((await run(folder, ["models"])).stdout).toMatch(/lmm-tiny\s+titans-lmm\s+32\s+1\s+2/);
});

test("inspect says what a checkpoint is", async () => {
  await untrainedRun(join(folder, "run"), "moby-dick");
  const { stdout } = await run(folder, ["inspect", "run", "--json"]);
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({
    step: 0,
    corpus: "moby-dick",
    tokenizer: { kind: "bytes", vocabularySize: 256 },
    engine: { name: expect.stringMatching(/^(native|wasm)$/), threads: expect.any(Number) },
    parameters: {
      total: parametersOf("lmm-tiny"),
      groups: { embedding: 256 * 32, "blocks.0.mixer": expect.any(Number) },
    },
    model: { architecture: "titans-lmm", dim: 32 },
    training: { steps: 20 },
  });
  const groups = Object.values(found.parameters.groups as Record<string, number>);
  expect(groups.reduce((total, n) => total + n, 0)).toBe(found.parameters.total);
  expect(found.files["model.safetensors"]).toBeGreaterThan(4 * found.parameters.total);
  expect((await run(folder, ["inspect", "run"])).stdout).toContain("blocks.0.mixer");
});

test("equations lists the registry, or one paper of it, and how much of each is covered", async () => {
  const [all, titans, table] = await Promise.all([
    run(folder, ["equations", "--json"]),
    run(folder, ["equations", "titans", "--json"]),
    run(folder, ["equations"]),
  ]);
  expect(JSON.parse(all.stdout)).toEqual(equations);
  expect(JSON.parse(titans.stdout)).toEqual(equations.filter(({ paper }) => paper === "titans"));
  expect(table.stdout).toMatch(/titans 13\s+tested\s+1\s+memoryUpdate\s+src\/titans\/memory-update.ts:30/);
  expect(table.stdout).toMatch(/titans\s+2\s+1\s+1\n/);
});
