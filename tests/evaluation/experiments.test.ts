/** Every experiment from end to end in smoke size, and whether its full size could be run. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, describe, expect, test } from "vitest";
import { checkTaskLength, openTask, taskSchema } from "../../src/data/index.ts";
import { experiments, Findings, reproduce, type Value } from "../../src/evaluation/index.ts";
import { loadPlotter } from "../../src/evaluation/plots.ts";
import { experimentFigure } from "../../src/evaluation/reproduction/experiment-figures.ts";
import { partsOf } from "../../src/evaluation/reproduction/part.ts";
import { LanguageModel } from "../../src/models/index.ts";
import { newRunConfig } from "../../src/training/index.ts";

const out = mkdtempSync(join(tmpdir(), "experiments-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const verdicts = ["reproduced", "not reproduced", "inconclusive"];

describe.each(experiments.map((sized) => [sized.name, sized] as const))("%s", (name, sized) => {
  test("in smoke size trains, measures, judges and draws everything, and has no verdict", async () => {
    const experiment = sized.of("smoke");
    const job = { names: [name], seeds: 1, size: "smoke", out, command: "a test", version: "0.0.0" } as const;
    const { finished, experiments: pages } = await reproduce(job);
    expect(finished).toBe(true);
    const [{ data, report } = expect.fail("no page")] = pages;
    expect(data).toMatchObject({ verdict: "inconclusive", because: expect.stringContaining("smoke") });
    expect(data.parts.map((part) => part.failure)).toEqual(experiment.arms.map(() => undefined));

    const page = readFileSync(report.html, "utf8");
    const { document } = parseHTML(page);
    const figures = [...document.querySelectorAll("#figures figure")];
    expect(figures).toHaveLength(experiment.figures.length);
    for (const figure of figures) {
      expect(figure.querySelectorAll("svg[aria-label]")).toHaveLength(2);
      expect(figure.querySelector("svg .tick, svg [aria-label*='tick']"), "an axis with ticks").not.toBeNull();
    }
    experiment.figures.forEach((asked, i) => {
      if (asked.kind !== "bars") return;
      const [drawn, other] = asked.value.share ? ["bar", "dot"] : ["dot", "bar"];
      expect(figures[i]!.querySelector(`svg [aria-label="${drawn}"]`), asked.title).not.toBeNull();
      expect(figures[i]!.querySelector(`svg [aria-label="${other}"]`), asked.title).toBeNull();
    });
    const text = document.body.textContent!;
    for (const said of [experiment.claim, experiment.setting, experiment.rule]) expect(text).toContain(said);
    expect(text).not.toMatch(/NaN|undefined|\[object/);

    const findings = new Findings(data.parts);
    for (const value of [...drawn(experiment), ...(experiment.controls ?? [])])
      expect(findings.values(value), `${value.arm}: ${value.metric}`).toHaveLength(1);
    const judged = experiment.judge(findings);
    expect(verdicts).toContain(judged.verdict);
    expect(judged.because).toMatch(/.\.$/);
    expect(judged.because).not.toMatch(/NaN|undefined/);
  });

  test("says what the paper claims, and its full size is one that can be trained and measured", async () => {
    const experiment = sized.of("full");
    expect(experiment.claim).toMatch(/section|Table|Figure|Appendix/);
    expect(experiment.seeds).toBeGreaterThanOrEqual(3);
    for (const arm of experiment.arms) expect(arm.name).toMatch(/^[a-z0-9-]+$/);
    const arms = new Set(experiment.arms.map((arm) => arm.name));
    for (const { arm } of [...drawn(experiment), ...(experiment.controls ?? [])]) expect(arms).toContain(arm);
    for (const part of partsOf(experiment, { seeds: 1, folder: out })) {
      const { task, model, training } = newRunConfig([part.layer], part.arm);
      const { chunkSize } = new LanguageModel(model);
      expect(training.segment % chunkSize, `${part.arm}: training.segment in chunks`).toBe(0);
      for (const measure of part.measures) {
        for (const length of measure.lengths)
          expect(length % (measure.kind === "task" ? (measure.segment ?? chunkSize) : training.segment)).toBe(0);
        if (measure.kind === "text") continue;
        const asked = await openTask(taskSchema.parse({ ...task, ...measure.task }));
        for (const length of [training.length, ...measure.lengths]) checkTaskLength(asked, length);
      }
    }
    // Nothing found is no reason to fail.
    expect(verdicts).toContain(experiment.judge(new Findings([])).verdict);
  });
});

test("a logarithmic axis has a label at every point", async () => {
  const points = [2, 4, 8, 16, 32, 64].map((x) => ({ x, arm: "one", metric: `distance${x}` }));
  const metrics = Object.fromEntries(points.map(({ x, metric }) => [metric, x]));
  const figure = {
    kind: "lines",
    title: "Far",
    caption: "Over distances.",
    value: { label: "tokens" },
    x: { label: "tokens away", logarithmic: true },
    lines: [{ label: "one", points }],
  } as const;
  const drawn = experimentFigure(await loadPlotter(), figure, new Findings([{ arm: "one", seed: 0, metrics }]));
  const axes = [...parseHTML(drawn.markup).document.querySelectorAll('[aria-label="x-axis tick label"]')];
  expect(axes).toHaveLength(2);
  for (const axis of axes)
    expect([...axis.querySelectorAll("text")].map((label) => label.textContent)).toEqual(points.map(({ x }) => `${x}`));
});

test("the index lists all experiments with claim, verdict and a link to each page", () => {
  const { document } = parseHTML(readFileSync(join(out, "index.html"), "utf8"));
  const links = [...document.querySelectorAll("tbody a")].map((link) => link.getAttribute("href"));
  expect(links).toEqual(experiments.map(({ name }) => `${name}.html`));
  for (const { claim } of experiments) expect(document.body.textContent).toContain(claim);
});

function drawn({ figures }: ReturnType<(typeof experiments)[number]["of"]>): Value[] {
  return figures.flatMap((figure): readonly Value[] =>
    figure.kind === "lines" ? figure.lines.flatMap(({ points }) => points) : figure.groups.flatMap(({ bars }) => bars),
  );
}
