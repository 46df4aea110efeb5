/** The live figures of the documentation site, computed as in the reader's browser. */
import { expect, test } from "vitest";
import { figure as biases } from "../../site/figures/miras-bias.ts";
import { figure as retention } from "../../site/figures/miras-retention.ts";
import { figure as delta } from "../../site/figures/nested-delta.ts";
import { figure as levels } from "../../site/figures/nested-levels.ts";
import type { Figure, Panel } from "../../site/figures/parts/live-figure.ts";
import { figure as surprise } from "../../site/figures/titans-surprise.ts";
import { liveTensors } from "../../src/array/index.ts";

/** What a figure draws with some sliders moved: values by curve, panel by panel. */
async function drawn<Name extends string>(figure: Figure<Name>, moved: Partial<Record<Name, number>> = {}) {
  const starts = Object.fromEntries(figure.sliders.map(({ name, start }) => [name, start])) as Record<Name, number>;
  const before = liveTensors();
  const panels = await figure.compute({ ...starts, ...moved });
  expect(liveTensors(), "tensors left behind").toBe(before);
  return panels.map(valuesByCurve);
}

function valuesByCurve({ curves }: Panel): Record<string, number[]> {
  const values = Object.fromEntries(curves.map(({ name, points }) => [name, points.map(([, y]) => y)]));
  expect(Object.values(values).flat().every(Number.isFinite)).toBe(true);
  return values;
}

test("what a memory of Titans keeps: gates at nothing are no gates, and what changes surprises again", async () => {
  const [association, repetition] = await drawn(surprise, { forget: 0, momentum: 0 });
  expect(association!["with these gates"]).toEqual(association!["without momentum and forgetting"]);
  const surprises = repetition!["with these gates"]!;
  const mean = (from: number, to: number) => surprises.slice(from, to).reduce((sum, n) => sum + n, 0) / (to - from);
  expect(mean(24, 32)).toBeLessThan(0.5 * mean(0, 8));
  expect(mean(32, 40)).toBeGreaterThan(2 * mean(24, 32));
});

test("biases: with p = 2 the error of lp is twice the residual, Huber's is bounded by delta", async () => {
  const [, errors] = await drawn(biases, { p: 2, threshold: 0.5 });
  const { l2, lp, Huber } = errors as Record<"l2" | "lp" | "Huber", number[]>;
  for (const [i, error] of l2.entries()) expect(lp[i]).toBeCloseTo(2 * error, 5);
  expect(Math.max(...Huber)).toBeCloseTo(0.5, 6);
});

test("retention: decay spares nothing, relative entropy keeps sums, the elastic net makes zeros, the logistic map bounds", async () => {
  const [weights] = await drawn(retention, { retain: 0.9, writes: 16 });
  const sum = weights!["relative entropy"]!.reduce((total, weight) => total + weight, 0);
  expect(sum).toBeCloseTo(16 * 16, 2);
  expect(weights!["elastic net"]!.filter((weight) => weight === 0).length).toBeGreaterThan(64);
  expect(weights!["decay (l2)"]!.filter((weight) => weight === 0)).toEqual([]);
  expect(weights!["Bregman, logistic"]!.every((weight) => weight > 0 && weight < 1)).toBe(true);
});

test("delta gradient descent comes to rest at the right answers, gradient descent passes them", async () => {
  const [distances] = await drawn(delta, { similarity: 0 });
  expect(distances!["delta gradient descent"]!.at(-1)).toBeLessThan(0.05);
  expect(distances!["gradient descent"]!.at(-1)).toBeGreaterThan(2);
});

test("levels: each changes only where its period ends", async () => {
  const [held] = await drawn(levels, { ratio: 3 });
  for (const [name, period] of [
    ["every 3 tokens", 3],
    ["every 9 tokens", 9],
  ] as const) {
    const changes = held![name]!.flatMap((value, t, all) => (t > 0 && value !== all[t - 1] ? [t + 1] : []));
    expect(changes.every((t) => t % period === 0)).toBe(true);
    expect(changes.length).toBeGreaterThan(10);
  }
});
