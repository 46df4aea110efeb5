/** `sweep` as a user runs it: stopped by Ctrl-C, gone on with, and refused in a sentence. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run, start, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
writeFileSync(
  join(folder, "rates.yaml"),
  `base:
  preset: transformer-small
  task: { name: recall, pairs: 2, keys: 4, values: 4 }
  model: { dim: 8, layers: 1, heads: 1, memory: { chunkSize: 16 } }
  training: { steps: 30, batch: 2, length: 16, segment: 16, evaluationTokens: 32 }
parameters: { training.learningRate: [1e-3, 1e-2] }
metric: answerAccuracy
workers: 2
`,
);

test("Ctrl-C saves all runs, --resume ends them, with a table and a page", async () => {
  const running = await start(folder, ["sweep", "rates.yaml", "--out", "rates"]);
  await running.says("bits per answer token");
  running.process.kill("SIGINT");
  const stopped = await running.done;
  expect(stopped.code).toBe(130);
  expect(stopped.stdout).toBe("");
  expect(stopped.stderr).toContain("training 2 runs to their end");
  expect(stopped.stderr).toContain("finishing these steps and saving");
  expect(stopped.stderr).toContain("stopped; go on with: neural-memory sweep --resume rates");

  const { code, stdout, stderr } = await run(folder, ["sweep", "--resume", "rates"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/step 60\/60: .* 0:00 left/) });
  expect(stdout).toMatch(/^trial +right answers +steps +parameters\n\d +\d+\.\d % +30\/30 +training.learningRate=0.0/);
  expect(stdout).toContain("With one seed no spread can be given.");
  expect(stdout).toContain("report: rates/sweep.html\n");
  expect(existsSync(join(folder, "rates/sweep.html"))).toBe(true);

  const again = await run(folder, ["sweep", "--resume", "rates", "--json"]);
  const { finished, data } = JSON.parse(again.stdout);
  expect(finished).toBe(true);
  expect(data.trials).toHaveLength(2);
});

test.each([
  [["sweep"], "name a sweep file"],
  [["sweep", "nowhere.yaml"], "there is no configuration file nowhere.yaml"],
  [["sweep", "rates.yaml", "--resume", "rates"], "--resume goes on as the sweep began; leave rates.yaml away"],
  [["sweep", "--resume", "nowhere"], "there is no sweep in nowhere"],
])("%j is refused in a sentence", async (args, sentence) => {
  const { code, stdout, stderr } = await run(folder, args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`error: ${sentence}`);
});
