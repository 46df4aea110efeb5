import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ngramBaselines, splits, textSource } from "../../src/data/index.ts";
import { type MainJobResult, mainJob, resumeMainJob } from "../../src/evaluation/main-job.ts";
import type { MainJobEvent } from "../../src/evaluation/main-job-stages.ts";
import type { ReportData } from "../../src/evaluation/report-data.ts";
import { ConfigError, DataError } from "../../src/utils/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "main-job-"));
afterAll(() => rmSync(folder, { recursive: true }));

const corpus = join(folder, "text.txt");
const out = join(folder, "run");
const words = ["whale", "sea", "ship", "<b>captain</b>", "old", "white", "ran", "saw", "the", "a", "—"];
const text = Array.from({ length: 4000 }, (_, i) => words[(i * i + 3 * i + Math.floor(i / 7)) % words.length]).join(
  " ",
);
writeFileSync(corpus, text);

const layers = [{ preset: "lmm-tiny", corpus, training: { seed: 3 } }];
const budget = {
  validationTokens: 1024,
  controlTokens: 512,
  passageTokens: 150,
  diagnosticsTokens: 64,
  sampleTokens: 12,
};

/** The job stopped in step 5 and gone on with: everything below is about its result. */
describe("mainJob on lmm-tiny", () => {
  const events: MainJobEvent[] = [];
  let stopped: MainJobResult;
  let data: ReportData;

  beforeAll(async () => {
    const controller = new AbortController();
    const onEvent = (event: MainJobEvent) => {
      events.push(event);
      if (event.kind === "step" && event.step === 5) controller.abort();
    };
    stopped = await mainJob({ layers, where: "test", out }, { onEvent, budget, signal: controller.signal });
    const finished = await resumeMainJob(out, { onEvent: (event) => events.push(event), budget });
    if (!finished.finished) throw new Error("the job did not finish");
    data = finished.data;
  });

  it("stops when asked to, and says where to go on", () => {
    expect(stopped).toEqual({ finished: false, folder: out });
    expect(events.filter(({ kind }) => kind === "step").slice(0, 5)).toHaveLength(5);
  });

  it("goes on where it stopped: every step once, for the model and for the control", () => {
    const steps = Array.from({ length: 20 }, (_, i) => i + 1);
    const told = (of: string) =>
      events.flatMap((event) => (event.kind === "step" && event.of === of ? [event.step] : []));
    expect(told("model")).toEqual(steps);
    expect(told("without writes")).toEqual(steps);
    expect(data.training.map(({ step }) => step)).toEqual(steps);
    expect(data.validation.map(({ step }) => step)).toEqual([10, 20]);
    expect(data.validationWithoutWrites.map(({ step }) => step)).toEqual([10, 20]);
    expect(data.diagnostics.map(({ step }) => step)).toEqual([0, 10, 20]);
  });

  it("leaves checkpoints, metrics and a report, and the control in a folder inside", () => {
    expect(readdirSync(out).sort()).toEqual(
      ["checkpoints", "config.json", "metrics.jsonl", "report.html", "report.json", "without-writes"].sort(),
    );
    const control = JSON.parse(readFileSync(join(out, "without-writes", "config.json"), "utf8"));
    expect(control).toEqual({
      ...data.config,
      model: { ...data.config.model, memory: { ...data.config.model.memory, maxStepSize: 0 } },
    });
  });

  it("finds a memory that matters: neither the writes nor the difference between on and off is zero", () => {
    const { writes, writesWhenOff, neverWritten, contextNotWritten, otherMemory } = data.controls!;
    expect(writes.writes).toBeGreaterThan(0);
    expect(writes.writes).toBe(writes.slots);
    expect(writesWhenOff.writes).toBe(0);
    expect(neverWritten.difference).not.toBe(0);
    expect(contextNotWritten.difference).not.toBe(0);
    expect(otherMemory.difference).not.toBe(0);
    expect(data.withoutWrites!.difference).not.toBe(0);
    expect(data.withoutWrites!.writes.writes).toBe(0);
  });

  it("compares with the counting models of the same split", () => {
    const { train, validation } = splits(textSource(text), { validation: 0.1 });
    expect(data.baselines).toEqual(ngramBaselines(train, validation));
    expect(data.trainingBytes + data.validationBytes).toBe(new TextEncoder().encode(text).length);
  });

  it("has learned something, on windows of which it says the number", () => {
    expect(data.final.bytes).toBe(1024);
    expect(data.final.windows).toBe(1024 / data.config.training.length);
    expect(data.final.bitsPerByte).toBeLessThan(data.training[0]!.bitsPerByte - 1);
    expect(data.samples.before).not.toBe(data.samples.after);
    expect(data.samples.prompt.length).toBeGreaterThan(0);
  });

  it("tells which part runs, and how long each took", () => {
    const begun = events.flatMap((event) => (event.kind === "stage" ? [event.stage] : []));
    const done = events.flatMap((event) => (event.kind === "stage done" ? [event.stage] : []));
    expect(begun).toEqual(done);
    const parts = [
      "counting bytes for the baselines",
      "sample before training",
      "training",
      "sample after training",
      "training without writes",
      "measuring",
    ];
    expect(begun).toEqual([...parts.slice(0, 3), ...parts]);
    expect(data.durations.map(({ stage }) => stage)).toEqual(parts);
  });

  it("shows the whole passage in its report, with the markup of the text as text", () => {
    const { document } = parseHTML(readFileSync(join(out, "report.html"), "utf8"));
    const shown = [...document.querySelectorAll(".passage span")].map(({ textContent }) => textContent).join("");
    expect(shown).toBe(new TextDecoder().decode(Uint8Array.from(data.passage!.bytes)));
    expect(shown).toContain("<b>captain</b>");
    expect(data.passage!.trace.surprises).toHaveLength(data.passage!.bytes.length);
  });

  it("never writes over a run", async () => {
    const before = readFileSync(join(out, "report.json"), "utf8");
    await expect(mainJob({ layers, where: "test", out })).rejects.toThrow(ConfigError);
    expect(readFileSync(join(out, "report.json"), "utf8")).toBe(before);
  });
});

describe("mainJob refuses, before anything is trained,", () => {
  const refused = join(folder, "refused");

  it("standard input, and tokens that are not bytes", async () => {
    const run = (layer: object) => mainJob({ layers: [{ preset: "lmm-tiny", ...layer }], where: "test", out: refused });
    await expect(run({ corpus: "-" })).rejects.toThrow(/standard input can be read once/);
    await expect(run({ corpus, tokenizer: "tokenizer.json" })).rejects.toThrow(/use the tokenizer "bytes"/);
    expect(existsSync(refused)).toBe(false);
  });

  it("a text that is too short to measure on", async () => {
    const short = join(folder, "short.txt");
    writeFileSync(short, text.slice(0, 900));
    const events: MainJobEvent[] = [];
    const job = mainJob(
      { layers: [{ ...layers[0], corpus: short }], where: "test", out: refused },
      { onEvent: (e) => events.push(e) },
    );
    await expect(job).rejects.toThrow(DataError);
    expect(events.some(({ kind }) => kind === "step")).toBe(false);
  });
});

describe("mainJob on a model without memory", () => {
  it("trains no control, and reports what there is", async () => {
    const small = {
      model: { dim: 16, layers: 1 },
      training: { steps: 2, batch: 2, length: 32, segment: 32, evaluationTokens: 64 },
    };
    const run = {
      layers: [{ preset: "transformer-small", corpus, ...small }],
      where: "test",
      out: join(folder, "plain"),
    };
    const result = await mainJob(run, { budget });
    if (!result.finished) throw new Error("the job did not finish");
    const { controls, withoutWrites, passage, diagnostics, final } = result.data;
    expect([controls, withoutWrites, passage]).toEqual([undefined, undefined, undefined]);
    expect(diagnostics).toEqual([]);
    expect(final.writes.slots).toBe(0);
    expect(existsSync(join(folder, "plain", "without-writes"))).toBe(false);
    expect(readFileSync(result.report.html, "utf8")).toContain('<section id="attention">');
  });
});
