/** `evaluate --task` as a user runs it: what it prints, what it writes, what it refuses. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { release, startEngine } from "../../src/array/index.ts";
import { openTask, symbolTokenizer, taskSchema } from "../../src/data/index.ts";
import { evaluateTask } from "../../src/evaluation/index.ts";
import { LanguageModel } from "../../src/models/index.ts";
import { initialTrainingState, saveCheckpoint, trainingSchema } from "../../src/training/index.ts";
import { run, start, temporaryFolder } from "./run.ts";

const settings = taskSchema.parse({ name: "recall", pairs: 4, queries: 4, keys: 4, values: 3 } as never);

/** Saves an untrained model as a run on the task. */
async function untrained(path: string, maxStepSize: number) {
  const task = await openTask(settings);
  const vocabularySize = task.vocabularySize;
  const memory = { chunkSize: 8, maxStepSize };
  const model = new LanguageModel({ architecture: "titans-lmm", dim: 16, layers: 1, heads: 2, vocabularySize, memory });
  const training = trainingSchema.parse({ steps: 1, warmupSteps: 0, length: 32, segment: 8, batch: 2 });
  const tokenizer = symbolTokenizer("task:recall", task.symbols);
  const engine = await startEngine("wasm");
  const state = initialTrainingState(model, training);
  const about = { model, training, tokenizer, corpus: "task:recall", task: settings, engine };
  await saveCheckpoint(join(path, "checkpoints"), state, about, 1);
  const options = { length: 32, rows: 6, withoutWrites: true };
  return evaluateTask(engine, model, state.params, task, options).finally(() => release(state.params, state.optimizer));
}

test("a run is evaluated on its task, with a page about it, and a memory that never wrote is an error", async () => {
  const folder = temporaryFolder();
  const expected = await untrained(join(folder, "run"), 0.1);
  await untrained(join(folder, "dead"), 0);
  const of = (...args: string[]) => run(folder, ["evaluate", ...args, "--engine", "wasm"]);
  const lengths = ["--task", "--length", "32,64", "--rows", "6"];

  const whole = await of("run", ...lengths, "--report", "--json");
  expect(whole.code, whole.stderr).toBe(0);
  const { evaluations, complete, report } = JSON.parse(whole.stdout);
  expect(complete).toBe(true);
  expect(evaluations).toHaveLength(2);
  expect(evaluations[0]).toEqual(expected);
  expect(report.html).toBe(join("run", "task-evaluation.html"));
  expect(readFileSync(join(folder, report.html), "utf8")).toContain("in 6 rows of 64 tokens");
  expect(JSON.parse(readFileSync(join(folder, report.json), "utf8")).evaluations).toHaveLength(2);

  const table = await of("run", "--task", "recall", "--set", "task.queries=2", "--rows", "6");
  expect(table.stdout).toMatch(/^recall, read 8 tokens at a time; guessing gets 33\.3 % of answer tokens right$/m);
  expect(table.stdout).toMatch(/^32 +all questions +12 +\d+\.\d % +\d+\.\d %$/m);
  for (const condition of ["on", "off", "shuffled", "frozen"])
    expect(table.stdout).toMatch(new RegExp(`^32 +memory ${condition} +\\d+ `, "m"));

  const dead = await of("dead", "--task", "--rows", "6", "--report");
  expect(dead).toMatchObject({ code: 2, stdout: "" });
  expect(dead.stderr).toMatch(/the memory never wrote: none of its 384 step sizes was above 0/);
  expect(existsSync(join(folder, "dead", "task-evaluation.html"))).toBe(false);

  const refused: [string[], RegExp][] = [
    [["--task", "--no-write"], /--no-write is about a text, --task about a task/],
    [["--rows", "6"], /--rows is about a task; add --task/],
    [["--task", "--out", "pages"], /--out is where a page goes; add --report/],
    [["--task", "passkey"], /"passkey" has 20 symbols .* not the 8 of "task:recall"/],
    [["--task", "--set", "training.steps=1"], /"training" is not one of them/],
  ];
  for (const [args, message] of refused) {
    const { code, stderr } = await of("run", ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  }
});

test("Ctrl-C shows the lengths that were finished", async () => {
  const folder = temporaryFolder();
  await untrained(join(folder, "run"), 0.1);
  const lengths = ["--length", "32,65536", "--rows", "6", "--engine", "wasm"];
  const running = await start(folder, ["evaluate", "run", "--task", ...lengths]);
  await running.says("length 65536");
  running.process.kill("SIGINT");
  const { code, stdout } = await running.done;
  expect(code).toBe(130);
  expect(stdout).toMatch(/^32 +memory on +\d+ /m);
  expect(stdout).not.toMatch(/^65,?536/m);
  expect(stdout).toContain("stopped early: longer rows were not read");
});
