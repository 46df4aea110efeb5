/** Verdicts on hand-made findings, on both sides of every rule. */
import { describe, expect, test } from "vitest";
import { experimentNamed, Findings } from "../../src/evaluation/index.ts";
import { verdictOf } from "../../src/evaluation/reproduction/verdict.ts";

/** Parts of one arm, one a seed, each metric with one value a seed. */
function armOf(arm: string, metrics: Readonly<Record<string, readonly number[]>>) {
  const seeds = Math.max(...Object.values(metrics).map(({ length }) => length));
  return Array.from({ length: seeds }, (_, seed) => ({
    arm,
    seed,
    metrics: Object.fromEntries(
      Object.entries(metrics).flatMap(([name, values]) => (seed < values.length ? [[name, values[seed]!]] : [])),
    ),
  }));
}

test("an interval lies above another only wholly, and only where seeds say how wide both are", () => {
  const findings = new Findings([
    ...armOf("high", { a: [0.9, 0.91, 0.92], one: [0.99] }),
    ...armOf("low", { a: [0.1, 0.12, 0.11] }),
    ...armOf("wide", { a: [0.1, 0.5, 0.8] }),
  ]);
  const value = (arm: string, metric = "a") => ({ arm, metric });
  expect(findings.above(value("high"), value("low"))).toBe(true);
  expect(findings.above(value("low"), value("high"))).toBe(false);
  expect(findings.above(value("high"), value("wide"))).toBe(false);
  expect(findings.above(value("high", "one"), value("low"))).toBe(false);
  expect(findings.above(value("nobody"), value("low"))).toBe(false);
  expect(findings.mean(value("nobody"))).toBeNaN();
});

describe("before its own rule is asked, an experiment is inconclusive", () => {
  const experiment = experimentNamed("needle-length").of("full");
  const arms = experiment.arms.map(({ name }) => name);
  const all = (accuracy: number) => arms.flatMap((arm) => armOf(arm, { "accuracy@256": Array(3).fill(accuracy) }));
  const found = all(1);
  const asked = { parts: found.length, seeds: 3 };

  test("while parts are missing", () => {
    const { verdict, because } = verdictOf(experiment, found.slice(2), asked);
    expect([verdict, because]).toEqual(["inconclusive", `2 of ${found.length} parts are missing.`]);
  });

  test("with fewer seeds than the rule needs", () => {
    const two = found.filter(({ seed }) => seed < 2);
    expect(verdictOf(experiment, two, { parts: two.length, seeds: 2 }).because).toMatch(/^2 of the 3 seeds/);
  });

  test("in smoke size", () => {
    const smoke = experimentNamed("needle-length").of("smoke");
    expect(verdictOf(smoke, found, asked).because).toMatch(/smoke/);
  });

  test("where its control was not reached, or diverged", () => {
    const failed = verdictOf(experiment, all(0.89), asked);
    expect([failed.verdict, failed.because]).toEqual([
      "inconclusive",
      "The control fails: accuracy@256 of full attention at the trained length is 0.89 in the mean, and has to be at least 0.9.",
    ]);
    const diverged = found.map((part) => (part.arm === "attention" ? { ...part, metrics: {} } : part));
    expect(verdictOf(experiment, diverged, asked).because).toMatch(/accuracy@256 .* was not measured/);
    expect(verdictOf(experiment, found, asked).verdict).toBe("not reproduced");
  });
});

describe("needle-length", () => {
  const experiment = experimentNamed("needle-length").of("full");
  const [good, chance] = [
    [0.95, 0.96, 0.97],
    [0.1, 0.11, 0.09],
  ];
  const at4and16 = (values: readonly number[], longest = values) => ({
    "accuracy@1024": values,
    "accuracy@2048": values,
    "accuracy@4096": longest,
  });
  const judge = (...parts: ReturnType<typeof armOf>[]) => experiment.judge(new Findings(parts.flat())).verdict;

  test("is reproduced if one Titans model keeps its accuracy and the windowed transformer does not", () => {
    const falls = armOf("transformer", at4and16(chance));
    expect(judge(armOf("mac", at4and16(good)), falls)).toBe("reproduced");
    expect(judge(armOf("mac", at4and16(good, [0.85, 0.84, 0.86])), falls)).toBe("not reproduced");
    expect(judge(armOf("gated-deltanet", at4and16(good)), falls)).toBe("not reproduced");
    expect(judge(armOf("mac", at4and16(good)), armOf("transformer", at4and16(good)))).toBe("not reproduced");
  });

  test("is not reproduced by a model that diverged with one seed", () => {
    const parts = [...armOf("mac", at4and16(good)), ...armOf("transformer", at4and16(chance))];
    const diverged = { arm: "mac", seed: 3, metrics: {}, failure: { step: 1, arrays: [] } };
    expect(judge(parts, [diverged])).toBe("not reproduced");
  });
});

describe("memory-matters", () => {
  const experiment = experimentNamed("memory-matters").of("full");
  const tasks = experiment.arms
    .filter(({ name }) => name.endsWith("-attention"))
    .map(({ name, measures }) => ({ name: name.replace(/-attention$/, ""), length: measures[0]!.lengths[0]! }));
  const scores = { on: 0.9, off: 0.2, shuffled: 0.2, unwritten: 0.3, attention: 1 };
  type Scores = typeof scores;
  const findings = (worse: Partial<Scores>, from: number) =>
    tasks.flatMap(({ name, length }, i) => {
      const { on, off, shuffled, unwritten, attention } = { ...scores, ...(i >= from ? worse : {}) };
      const near = (mean: number) => [mean - 0.01, mean, mean + 0.01];
      return [
        armOf(name, {
          [`on@${length}`]: near(on),
          [`off@${length}`]: near(off),
          [`shuffled@${length}`]: near(shuffled),
        }),
        armOf(`${name}-unwritten`, { [`on@${length}`]: near(unwritten) }),
        armOf(`${name}-attention`, { [`accuracy@${length}`]: [attention] }),
      ].flat();
    });
  const verdict = (worse: Partial<Scores>, from: number) =>
    experiment.judge(new Findings(findings(worse, from))).verdict;

  test.each(["off", "shuffled", "unwritten"] as const)("needs six tasks on which memory on is above %s", (rival) => {
    expect(verdict({ [rival]: 0.9 }, 6)).toBe("reproduced");
    expect(verdict({ [rival]: 0.9 }, 5)).toBe("not reproduced");
  });

  test("is inconclusive where full attention solves fewer than six tasks", () => {
    expect(verdict({ attention: 0.5 }, 6)).toBe("reproduced");
    expect(verdict({ attention: 0.5 }, 5)).toBe("inconclusive");
  });

  test("names the tasks that count", () => {
    const { because } = experiment.judge(new Findings(findings({ off: 0.9 }, 6)));
    expect(because).toContain(
      `6 of ${tasks.length} tasks count (${tasks
        .slice(0, 6)
        .map(({ name }) => name)
        .join(", ")})`,
    );
  });
});

describe("hope-tasks", () => {
  const experiment = experimentNamed("hope-tasks").of("full");
  const tasks = experiment.arms.flatMap(({ name }) => (name.endsWith("-hope") ? [name.replace(/-hope$/, "")] : []));
  type Scores = Readonly<Record<"hope" | "lmm" | "attention", number>>;
  const controlled = tasks.filter((task) => experiment.arms.some(({ name }) => name === `${task}-control`));
  const verdict = (of: (task: number) => Scores, diverged: readonly string[] = [], control = 0.95) => {
    const controls = controlled.flatMap((task) => armOf(`${task}-control`, { "accuracy@64": [control] }));
    const parts = tasks.flatMap((task, i) =>
      Object.entries(of(i)).flatMap(([name, mean]) =>
        armOf(`${task}-${name}`, { "accuracy@64": [mean - 0.01, mean, mean + 0.01], chance: [0.1, 0.1, 0.1] }),
      ),
    );
    const failures = diverged.map((arm) => ({ arm, seed: 3, metrics: {}, failure: {} }));
    return experiment.judge(new Findings([...parts, ...controls, ...failures])).verdict;
  };
  const lead = { hope: 0.9, lmm: 0.7, attention: 0.7 };
  const tie = { hope: 0.9, lmm: 0.9, attention: 0.9 };

  test("is reproduced if Hope leads on two tasks and trails on none", () => {
    expect(verdict((task) => (task < 2 ? lead : tie))).toBe("reproduced");
    expect(verdict((task) => (task < 1 ? lead : tie))).toBe("inconclusive");
  });

  test("asks only of tasks that full attention can do, but for parity", () => {
    expect(tasks.filter((task) => !controlled.includes(task))).toEqual(["parity"]);
    expect(verdict(() => lead, [], 0.89)).toBe("inconclusive");
    expect(verdict((task) => ({ ...lead, lmm: tasks[task] === "parity" ? 0.7 : 0.99 }), [], 0.89)).toBe("inconclusive");
    expect(verdict(() => lead)).toBe("reproduced");
  });

  test("is not reproduced if Hope trails on a task that a model learns, or diverges on it", () => {
    expect(verdict((task) => (task < 2 ? lead : { ...tie, lmm: 0.99 }))).toBe("not reproduced");
    expect(verdict((task) => (task < 2 ? lead : tie), [`${tasks[0]}-hope`])).toBe("not reproduced");
    expect(verdict((task) => (task < 2 ? lead : { hope: 0.05, lmm: 0.15, attention: 0.1 }))).toBe("reproduced");
  });
});

describe("optimizers-text", () => {
  const experiment = experimentNamed("optimizers-text").of("full");
  const verdict = (m3: number, muon: number, adamw: number) =>
    experiment.judge(
      new Findings(
        Object.entries({ m3, muon, adamw }).flatMap(([arm, mean]) =>
          armOf(arm, { "bits@256": [mean - 0.01, mean, mean + 0.01] }),
        ),
      ),
    ).verdict;

  test("is reproduced if M3 takes fewer bits than both, and not if one takes fewer", () => {
    expect(verdict(2.7, 2.8, 3)).toBe("reproduced");
    expect(verdict(2.79, 2.8, 3)).toBe("inconclusive");
    expect(verdict(2.81, 2.8, 3)).toBe("not reproduced");
    expect(verdict(2.7, 2.8, 2.6)).toBe("not reproduced");
  });
});

describe("hope-ablation", () => {
  const experiment = experimentNamed("hope-ablation").of("full");
  const without = experiment.arms.map(({ name }) => name).filter((name) => name !== "hope" && name !== "static-query");
  const verdict = (bits: (component: number) => number) =>
    experiment.judge(
      new Findings(
        [armOf("hope", { "bits@256": [2.99, 3, 3.01] })]
          .concat(without.map((arm, i) => armOf(arm, { "bits@256": [bits(i) - 0.01, bits(i), bits(i) + 0.01] })))
          .flat(),
      ),
    ).verdict;

  test("is reproduced if four components are missed, and not if three means are lower", () => {
    expect(without).toHaveLength(6);
    expect(verdict((i) => (i < 4 ? 3.2 : 2.9))).toBe("reproduced");
    expect(verdict((i) => (i < 3 ? 3.2 : 3.005))).toBe("inconclusive");
    expect(verdict((i) => (i < 3 ? 3.2 : 2.9))).toBe("not reproduced");
  });
});

describe("level-stacking", () => {
  const experiment = experimentNamed("level-stacking").of("full");
  const verdict = (plain: readonly number[], two: readonly number[]) =>
    experiment.judge(new Findings(armOf("transformer", { "plain.sotu.bits@4096": plain, "two.sotu.bits@4096": two })))
      .verdict;

  test("compares each trained model with itself", () => {
    expect(verdict([3.2, 3.4, 3.6], [3.15, 3.36, 3.55])).toBe("reproduced");
    expect(verdict([3.2, 3.4, 3.6], [3.0, 3.41, 3.55])).toBe("inconclusive");
    expect(verdict([3.2, 3.4, 3.6], [3.25, 3.41, 3.65])).toBe("not reproduced");
  });
});

describe("levels-forgetting", () => {
  const experiment = experimentNamed("levels-forgetting").of("full");
  const verdict = (...shares: readonly number[]) =>
    experiment.judge(
      new Findings(
        shares.flatMap((share, i) => armOf(`levels-${i}`, { "distance64@256": [share - 0.01, share, share + 0.01] })),
      ),
    ).verdict;

  test("is reproduced if one level helps, and three help more", () => {
    expect(verdict(0.1, 0.5, 0.6, 0.7)).toBe("reproduced");
    expect(verdict(0.1, 0.5, 0.6, 0.51)).toBe("inconclusive");
    expect(verdict(0.1, 0.5, 0.6, 0.4)).toBe("not reproduced");
    expect(verdict(0.1, 0.11, 0.5, 0.7)).toBe("not reproduced");
  });
});

describe("levels-continual", () => {
  const experiment = experimentNamed("levels-continual").of("full");
  /** Shares right of one task, without levels, with one to three, and of the control. */
  const found = (task: string, ...shares: readonly number[]) =>
    ["levels-0", "levels-1", "levels-2", "levels-3", "attention"].flatMap((arm, i) =>
      armOf(`${task}-${arm}`, { "accuracy@128": near(shares[i]!), chance: [0.25, 0.25, 0.25] }),
    );
  const verdict = (...parts: ReturnType<typeof found>) => experiment.judge(new Findings(parts)).verdict;
  const unsolved = found("translation", 0.25, 0.9, 0.9, 0.2, 0.6);

  test("is reproduced if levels help on every task that counts, three more than one", () => {
    expect(verdict(...found("class-incremental", 0.3, 0.6, 0.6, 0.7, 0.95), ...unsolved)).toBe("reproduced");
    expect(verdict(...found("class-incremental", 0.3, 0.7, 0.6, 0.65, 0.95), ...unsolved)).toBe("inconclusive");
    expect(verdict(...found("class-incremental", 0.3, 0.2, 0.2, 0.31, 0.95), ...unsolved)).toBe("inconclusive");
    expect(verdict(...found("class-incremental", 0.7, 0.6, 0.6, 0.65, 0.95), ...unsolved)).toBe("not reproduced");
    const both = found("translation", 0.5, 0.4, 0.4, 0.4, 0.95);
    expect(verdict(...found("class-incremental", 0.3, 0.6, 0.6, 0.7, 0.95), ...both)).toBe("not reproduced");
  });

  test("asks only of tasks that the control solves and some model learns", () => {
    expect(verdict(...found("class-incremental", 0.3, 0.6, 0.6, 0.7, 0.8), ...unsolved)).toBe("inconclusive");
    expect(verdict(...found("class-incremental", 0.3, 0.3, 0.3, 0.3, 0.95), ...unsolved)).toBe("inconclusive");
  });
});

/** Three seeds about a mean. */
function near(mean: number): readonly number[] {
  return [mean - 0.01, mean, mean + 0.01];
}

describe("titans-ablation", () => {
  const experiment = experimentNamed("titans-ablation").of("full");
  const parts = experiment.arms.map(({ name }) => name).filter((name) => name !== "full");
  const verdict = (full: number, ...without: readonly number[]) =>
    experiment.judge(
      new Findings([
        ...armOf("full", { "bits@1024": near(full) }),
        ...parts.flatMap((name, i) => armOf(name, { "bits@1024": near(without[i] ?? 2.9) })),
      ]),
    ).verdict;

  test("is reproduced if every part counts, and not if one does harm or two do not count", () => {
    expect(parts).toHaveLength(5);
    expect(verdict(2.6)).toBe("reproduced");
    expect(verdict(2.6, 2.6)).toBe("inconclusive");
    expect(verdict(2.6, 2.6, 2.6)).toBe("not reproduced");
    expect(verdict(2.6, 2.5)).toBe("not reproduced");
  });
});

describe("memory-depth", () => {
  const experiment = experimentNamed("memory-depth").of("full");
  const verdict = (gains: readonly [number, number, number, number], spread = 0.001) => {
    const bits = (shift: readonly number[]) =>
      Object.fromEntries(
        [128, 256, 512, 1024].map((length, i) => {
          const mean = 3 - (shift[i] ?? 0);
          return [`bits@${length}`, [mean - spread, mean, mean + spread]];
        }),
      );
    return experiment.judge(new Findings([...armOf("depth-1", bits([])), ...armOf("depth-4", bits(gains))])).verdict;
  };

  test("is reproduced if the deepest memory is ahead at every length, and further on longer text", () => {
    expect(verdict([0.02, 0.03, 0.04, 0.05])).toBe("reproduced");
    expect(verdict([0.02, 0.03, 0.04, 0.05], 0.05)).toBe("inconclusive");
    expect(verdict([0.05, 0.04, 0.03, 0.02])).toBe("not reproduced");
    expect(verdict([0.02, -0.01, 0.04, 0.05])).toBe("not reproduced");
  });
});

describe("miras-objectives", () => {
  const experiment = experimentNamed("miras-objectives").of("full");
  const [figure] = experiment.figures;
  const lines = figure?.kind === "lines" ? figure.lines : [];
  const trained = lines[0]!.points[0]!.metric;
  const verdict = (means: Readonly<Record<string, number>>) =>
    experiment.judge(
      new Findings(lines.flatMap(({ label, points }) => armOf(points[0]!.arm, { [trained]: near(means[label]!) }))),
    ).verdict;
  const byExponent = (p1: number, p2: number, p3: number, p4: number) =>
    verdict({ "p = 1.5, q = 4": p1, "p = 2, q = 4": p2, "p = 3, q = 4": p3, "p = 4, q = 4": p4 });

  test("is reproduced if 3 is the best exponent and 4 the worst", () => {
    expect(byExponent(0.6, 0.7, 0.8, 0.5)).toBe("reproduced");
    expect(byExponent(0.4, 0.7, 0.8, 0.5)).toBe("inconclusive");
    expect(byExponent(0.6, 0.9, 0.8, 0.5)).toBe("not reproduced");
    expect(byExponent(0.6, 0.7, 0.8, 0.85)).toBe("not reproduced");
  });
});

describe.each([
  ["miras-models", ["clean.accuracy@32", "worse.accuracy@32"], 1],
  ["miras-length", ["bits@1024"], -1],
] as const)("%s", (name, metrics, better) => {
  const experiment = experimentNamed(name).of("full");
  const ours = ["moneta", "yaad", "memora"];
  const arms = experiment.arms.map((arm) => arm.name).filter((arm) => arm !== "attention");
  const verdict = (special: Readonly<Record<string, number>>) =>
    experiment.judge(
      new Findings(
        arms.flatMap((arm) => {
          const mean = special[arm] ?? (ours.includes(arm) ? better * 0.3 : 0);
          return armOf(arm, Object.fromEntries(metrics.map((metric) => [metric, near(1 + mean)])));
        }),
      ),
    ).verdict;

  test("is reproduced if all three models win every comparison, and not if they lose one", () => {
    expect(verdict({})).toBe("reproduced");
    expect(verdict({ yaad: 0 })).toBe("inconclusive");
    expect(verdict({ retnet: better * 0.6 })).toBe("not reproduced");
  });
});
