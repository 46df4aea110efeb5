import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { type AnswerScore, describeTask, openTask, taskSchema } from "../../src/data/index.ts";
import { type TaskEvaluation, type TaskEvaluationData, wilsonInterval } from "../../src/evaluation/index.ts";
import { loadPlotter } from "../../src/evaluation/plots.ts";
import { renderTaskEvaluation } from "../../src/evaluation/render-task-evaluation.ts";
import { modelSchema } from "../../src/models/index.ts";

const score = (rightAnswers: number, answers = 100): AnswerScore => {
  return { tokens: 5 * answers, rightTokens: 5 * rightAnswers + 2 * (answers - rightAnswers), answers, rightAnswers };
};

function evaluation(length: number, right: number, others: Partial<TaskEvaluation> = {}): TaskEvaluation {
  return {
    task: "passkey",
    length,
    rows: 100,
    segment: 16,
    chance: 0.1,
    all: score(right),
    carried: { on: score(right), off: score(1), shuffled: score(3), frozen: score(2) },
    byDepth: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((from, i) => {
      return { from, to: (i + 1) / 10, ...score(Math.max(0, right - 8 + i), 100) };
    }),
    byDistance: [4, 5, 6, 7, 8, 9, 10]
      .filter((k) => 2 ** k < length)
      .map((k) => ({ from: 2 ** k, to: 2 ** (k + 1), ...score(Math.max(0, right + 12 - 6 * (k - 4)), 112) })),
    writes: { writes: 4000, slots: 4096, meanStepSize: 0.0123 },
    lossDrop: 0.25,
    lossDropShare: 0.125,
    ...others,
  };
}

async function pageOf(evaluations: readonly TaskEvaluation[]) {
  const data: TaskEvaluationData = {
    format: 1,
    name: "needle-1",
    step: 500,
    trainedOn: "passkey",
    trainedLength: 256,
    task: describeTask(await openTask(taskSchema.parse({ name: "passkey" } as never))),
    model: modelSchema.parse({ architecture: "titans-lmm", dim: 32, layers: 1, heads: 2 }),
    parameters: 12345,
    engine: { name: "native", threads: 2 },
    evaluations,
  };
  const page = renderTaskEvaluation(await loadPlotter(), data);
  const { document } = parseHTML(page);
  return { document, text: document.body.textContent!.replaceAll(/\s+/g, " ") };
}

test("the page of an evaluation has heat maps, bars of the conditions and what was written", async () => {
  const lengths = [evaluation(256, 88), evaluation(1024, 70), evaluation(4096, 31)];
  const { document, text } = await pageOf(lengths);
  expect(text).toMatch(/answers 31.0 % of 100 questions rightly in 100 rows of 4,096 tokens/);
  const cells = [...document.querySelectorAll("#places svg[aria-label*=depth] g[aria-label=text] text")];
  expect(cells.map((cell) => cell.firstChild!.textContent).slice(0, 10)).toEqual(
    lengths[0]!.byDepth.map(({ rightAnswers }) => String(rightAnswers)),
  );
  expect(cells).toHaveLength(30);
  expect(document.querySelectorAll("#conditions .wide g[aria-label=bar] rect")).toHaveLength(12);
  expect(text).toContain("31.0 (22.8–40.6)");
  expect(text).toContain("4,0004,0960.01230.25012.5 %");
});

test("the page leaves out panels that a task or a model has nothing for", async () => {
  const { carried: _, ...without } = evaluation(64, 50, { byDepth: [], byDistance: [] });
  const { document, text } = await pageOf([{ ...without, lossDrop: null, lossDropShare: null }]);
  expect(document.querySelectorAll("svg")).toHaveLength(0);
  expect(text).toContain("nothing to show by depth or distance");
  expect(text).toContain("has no memory that could be switched off");
});

test("wilsonInterval holds the shares that a score test does not reject", () => {
  for (const [right, of] of [
    [0, 10],
    [7, 10],
    [31, 100],
    [100, 100],
  ] as const) {
    const { low, high } = wilsonInterval(right, of);
    // At its ends the share lies z standard deviations from what was found.
    for (const end of [low, high].filter((share) => share > 0 && share < 1))
      expect(Math.abs(right / of - end) / Math.sqrt((end * (1 - end)) / of)).toBeCloseTo(1.959964, 5);
    expect(low).toBeLessThanOrEqual(right / of);
    expect(high).toBeGreaterThanOrEqual(right / of);
  }
});
