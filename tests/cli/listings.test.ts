/** What the command says about itself: help, version, listings. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { countElements, key, release, scope } from "../../src/array/index.ts";
import { paperNames, sitePage } from "../../src/cli/equation-atlas.ts";
import { taskNames } from "../../src/data/index.ts";
import { tableRowNames } from "../../src/miras/index.ts";
import { architectureNames, LanguageModel, paperPresets, presetNamed, presets } from "../../src/models/index.ts";
import { optimizerNames, optimizers } from "../../src/optim/index.ts";
import { equations, run, temporaryFolder, tiny, untrainedRun } from "./run.ts";

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

test.concurrent.each([
  "start",
  "train",
  "compare",
  "sweep",
  "generate",
  "evaluate",
  "export",
  "stack",
  "adapt",
  "models",
  "tasks",
  "miras",
  "optimizers",
  "reproduce",
  "inspect",
  "equations",
])("%s --help has examples", async (command) => {
  const { code, stdout, stderr } = await run(folder, [command, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(`Usage: neural-memory ${command}`);
  expect(stdout).toContain(`Examples:\n  $ neural-memory ${command}`);
});

test("--version prints the package's version, no command prints the help", async () => {
  expect(await run(folder, ["--version"])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: "",
  });
  expect(await run(folder, [])).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining("Commands:") });
});

test("tasks lists every task, and shows one with its knobs and an example", async () => {
  const listed = JSON.parse((await run(folder, ["tasks", "--json"])).stdout);
  expect(listed.map(({ name }: { name: string }) => name)).toEqual(taskNames);
  expect((await run(folder, ["tasks"])).stdout).toMatch(/recall\s+multi-query associative recall/);
  const one = JSON.parse((await run(folder, ["tasks", "recall", "--json"])).stdout);
  expect(one).toMatchObject({ name: "recall", vocabularySize: 64, shortestLength: 31 });
  expect(one.knobs).toContainEqual({ knob: "pairs", value: 8, about: "Pairs to remember." });
  for (const { about } of one.knobs) expect(about).toMatch(/\.$/);
  expect(one.answers).toHaveLength(8);
  const shown = (await run(folder, ["tasks", "recall"])).stdout;
  expect(shown).toMatch(/^task\.pairs +8 +Pairs to remember\.$/m);
  expect(shown).toMatch(/^task\.learnFrom +What training/m);
  expect((await run(folder, ["tasks", "recal"])).stderr).toContain('did you mean "recall"');
});

test("models lists every architecture and preset, with as many parameters as a model of it has", async () => {
  const { stdout } = await run(folder, ["models", "--json"]);
  const listed = JSON.parse(stdout);
  expect(listed.architectures.map(({ name }: { name: string }) => name)).toEqual([...architectureNames]);
  expect(listed.presets.map(({ name }: { name: string }) => name)).toEqual(Object.keys(presets));
  for (const { name, parameters } of listed.presets) expect(parameters, name).toBe(parametersOf(name));
  expect((await run(folder, ["models"])).stdout).toMatch(/lmm-tiny\s+titans-lmm\s+32\s+1\s+2/);
});

/** Longest line of a text. */
const width = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

test("the rows of Table 1 are one entry where people read architectures, and each is listed by miras", async () => {
  const [models, help, table, json] = await Promise.all([
    run(folder, ["models"]),
    run(folder, ["train", "--help"]),
    run(folder, ["miras"]),
    run(folder, ["miras", "--json", "--dim", "16", "--heads", "4"]),
  ]);
  for (const { stdout } of [models, help]) {
    expect(stdout).toContain("miras:<row>");
    expect(stdout).not.toContain("miras:gla");
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("see: neural-memory miras");
  }
  expect(table.code).toBe(0);
  expect(width(table.stdout)).toBeLessThanOrEqual(120);
  for (const row of tableRowNames) expect(table.stdout).toMatch(new RegExp(`^${row}\\s`, "m"));
  const listed = JSON.parse(json.stdout) as { name: string; parameters: number }[];
  expect(listed.map(({ name }) => name)).toEqual([...tableRowNames]);
  expect(listed.find(({ name }) => name === "softmax-attention")!.parameters).toBe(4 * 16 * 16);
});

test("miras shows a row in full, with a configuration that trains", async () => {
  const { code, stdout } = await run(folder, ["miras", "rwkv7"]);
  expect(code).toBe(0);
  expect(width(stdout)).toBeLessThanOrEqual(120);
  for (const said of [
    "W_t = W_{t-1} (Diag(w_t)",
    "unit key to erase along",
    "triangular",
    "exact",
    "keySource: decoupledErase",
  ])
    expect(stdout).toContain(said);
  writeFileSync(join(folder, "row.yaml"), stdout.slice(stdout.indexOf("model:")));
  writeFileSync(join(folder, "row.txt"), "It was a bright cold day in April. ".repeat(40));
  const text = ["--corpus", "row.txt", "--steps", "1", "--out", "row"];
  const small = ["--set", "model.dim=16", "--set", "model.layers=1", "--set", "training.length=32"];
  const shorter = [
    "--set",
    "training.segment=16",
    "--set",
    "training.batch=1",
    "--set",
    "training.evaluationTokens=32",
  ];
  const trained = await run(folder, ["train", "--config", "row.yaml", ...text, ...small, ...shorter, "--json"]);
  expect(JSON.parse(trained.stdout)).toMatchObject({ step: 1, complete: true });
});

test("miras trains rows to a table and a page", async () => {
  const text = Array.from({ length: 3000 }, (_, i) => "abcdefgh "[(i * i + (i % 7) * 3) % 9]).join("");
  writeFileSync(join(folder, "rows.txt"), text);
  const args = ["miras", "--train", "--rows", "retnet,mesa", "--steps", "1", "--corpus", "rows.txt", "--out", "rows"];
  const { code, stdout, stderr } = await run(folder, args);
  expect({ code, said: stderr.includes("training mesa") }).toEqual({ code: 0, said: true });
  expect(stdout).toMatch(/^retnet +lowRank +exact/m);
  expect(stdout).toMatch(/^mesa +recurrent +exact/m);
  expect(stdout).toContain("report: rows/rows.html");
  const again = await run(folder, ["miras", "--train", "--resume", "rows", "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ finished: true, data: { steps: 1 } });
  expect(again.stderr).not.toContain("training");
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
    optimizer: { name: "adamw", beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
    training: { steps: 20, optimizer: { name: "adamw" } },
  });
  const groups = Object.values(found.parameters.groups as Record<string, number>);
  expect(groups.reduce((total, n) => total + n, 0)).toBe(found.parameters.total);
  expect(found.files["model.safetensors"]).toBeGreaterThan(4 * found.parameters.total);
  expect((await run(folder, ["inspect", "run"])).stdout).toContain("blocks.0.mixer");
});

test("optimizers lists every optimizer, and train takes each by its name", async () => {
  const [table, json, help] = await Promise.all([
    run(folder, ["optimizers", "--list"]),
    run(folder, ["optimizers", "--list", "--json"]),
    run(folder, ["train", "--help"]),
  ]);
  const listed = JSON.parse(json.stdout) as { name: keyof typeof optimizers }[];
  expect(listed.map(({ name }) => name)).toEqual(optimizerNames);
  for (const { name, ...facts } of listed) {
    const { title, paper, equation, learningRate, defaults } = optimizers[name];
    const usual = name === "adamw" ? { weightDecay: 0.1 } : {};
    expect(facts).toEqual({ title, paper, equation, learningRate, defaults: { ...defaults, ...usual } });
    expect(table.stdout).toMatch(new RegExp(`^${name} +${learningRate} .*${Object.keys(defaults)[0]}=`, "m"));
  }
  expect(table.stdout).toMatch(/^delta-momentum +48-49 +Nested Learning \(arXiv:2512\.24695\) +Momentum that erases/m);
  expect(help.stdout.replaceAll(/\s+/g, " ")).toContain("see: neural-memory optimizers");
});

test("optimizers trains with some to a table and a page", async () => {
  writeFileSync(join(folder, "short.txt"), "It was a bright cold day in April. ".repeat(400));
  const args = ["optimizers", "sgd", "muon", "--preset", "lmm-tiny", "--steps", "1", "--seeds", "1"];
  const { code, stdout } = await run(folder, [...args, "--corpus", "short.txt", "--out", "optimizers"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^sgd +\d\.\d{3} +3 +0\.00/m);
  expect(stdout).toMatch(/^muon +\d\.\d{3} +0\.03 +1\.\d\d/m);
  expect(stdout).toContain("one seed: no spread can be given");
  expect(stdout).toContain("report: optimizers/optimizers.html");
  const again = await run(folder, ["optimizers", "--resume", "optimizers", "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ finished: true, data: { trainings: { seeds: 1, steps: 1 } } });
  expect(again.stderr).not.toContain("training");
});

test.each([
  [["--list", "--steps", "3"], "--list lists all optimizers and trains none; leave --steps away"],
  [["sgd", "--list"], "leave sgd away"],
  [["--resume", "x", "--seeds", "3"], "--resume goes on as the comparison began; leave --seeds away"],
  [["sdg"], 'unknown optimizer "sdg"; did you mean "sgd"?'],
])("optimizers %j is refused in a sentence", async (args, sentence) => {
  const { code, stdout, stderr } = await run(folder, ["optimizers", ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(sentence);
});

test("train --optimizer trains with it, and inspect shows it with its settings", async () => {
  writeFileSync(join(folder, "muon.txt"), "It was a bright cold day in April. ".repeat(40));
  const text = ["--corpus", "muon.txt", "--steps", "1", "--out", "muon"];
  const chosen = ["--optimizer", "muon", "--set", "training.optimizer.momentum=0.8"];
  const trained = await run(folder, ["train", ...tiny, ...text, ...chosen]);
  expect(trained.code).toBe(0);
  const [json, table] = await Promise.all([
    run(folder, ["inspect", "muon", "--json"]),
    run(folder, ["inspect", "muon"]),
  ]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    optimizer: { ...optimizers.muon.defaults, name: "muon", momentum: 0.8 },
    training: { optimizer: { name: "muon", momentum: 0.8 } },
  });
  expect(JSON.parse(json.stdout).levels.at(-1)[0]).toMatchObject({ component: "weights of titans-lmm" });
  for (const said of [table.stdout, trained.stderr]) {
    expect(said).toMatch(/^ *every \d+ tokens +memory/m);
    expect(said).toMatch(/^ *every \d+ tokens +orthogonalised momentum/m);
  }
  expect(table.stdout).toMatch(/^optimizer +muon, momentum=0\.8 nesterov=true steps=5 /m);
});

test("equations lists the atlas, one paper of it, one entry in full, or what a symbol implements", async () => {
  const [all, titans, table, page, row, symbol] = await Promise.all([
    run(folder, ["equations", "--json"]),
    run(folder, ["equations", "titans", "--json"]),
    run(folder, ["equations"]),
    run(folder, ["equations", "titans", "13"]),
    run(folder, ["equations", "miras", "gla", "--json"]),
    run(folder, ["equations", "--symbol", "memoryUpdate", "--json"]),
  ]);
  expect(JSON.parse(all.stdout)).toEqual(equations);
  expect(JSON.parse(titans.stdout)).toEqual(equations.filter(({ paper }) => paper === "titans"));
  expect(table.stdout).toMatch(/^titans 13 +implemented +1 +memoryUpdate +Old content fades\.$/m);
  expect(table.stdout).toMatch(/^Titans \(arXiv:2501\.00663\) +2 +1 +1$/m);
  expect(JSON.parse(row.stdout)).toEqual([equations[2]]);
  expect(JSON.parse(symbol.stdout)).toEqual([equations[0]]);
  for (const said of [
    "Titans (arXiv:2501.00663) Eq. 13: Old content fades.\n",
    equations[0]!.formula,
    "memoryUpdate  src/titans/memory-update.ts:30\n",
    'import { memoryUpdate } from "neural-memory/titans";\n',
    "tests/equations/memory.test.ts\n",
    "titans.html#eq-13\n",
    "folded somewhere",
  ])
    expect(page.stdout).toContain(said);
  expect(width(page.stdout)).toBeLessThanOrEqual(120);
});

test.each([
  [["titans", "36"], 'titans has no "36" (it has equations 1 to 2'],
  [["miras", "glaa"], 'miras has no "glaa"; did you mean "gla"? (it has'],
  [["--symbol", "memoryUpdat"], '"memoryUpdat" implements none of these equations; did you mean "memoryUpdate"? ('],
])("equations %j is refused in a sentence", async (args, sentence) => {
  const { code, stdout, stderr } = await run(folder, ["equations", ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(sentence);
});

test("what an entry calls its page is a page of the site", () => {
  for (const paper of paperNames) {
    const [file, anchor] = sitePage({ paper, kind: "equation", id: "1" }).split("#");
    expect(anchor).toBe("eq-1");
    expect(existsSync(join("site", file!.replace(".html", ".md"))), file).toBe(true);
  }
});
