/** Whether more levels of a continuum memory forget less. */
import type { RunLayer } from "../../training/index.ts";
import { defineExperiment } from "./experiment.ts";
import { at } from "./figure.ts";
import { percent } from "./findings.ts";
import { CONTROL, fullAttention, levelArms, levelCounts, levelsArm, levelsLabel, SOLVED } from "./levels-arms.ts";

interface Settings {
  readonly model: RunLayer;
  /** Tokens of a training row. */
  readonly trained: number;
  readonly training: RunLayer;
  /** What is changed of it for the control. */
  readonly attention: RunLayer;
  readonly task: RunLayer;
  /** Tokens between two updates of each network: as many networks for all, the first ones learn. */
  readonly periods: readonly number[];
  /** Tokens of a row that is measured, and rows. */
  readonly length: number;
  readonly rows: number;
  /** Beginnings of the bins of distances that are drawn, in tokens. */
  readonly distances: readonly number[];
  /** The one that is judged: attention alone does not reach so far. */
  readonly far: number;
}

export const levelsForgetting = defineExperiment<Settings>({
  name: "levels-forgetting",
  paper: "Nested Learning",
  title: "More levels forget less",
  claim:
    "A model with a continuum memory forgets less of its context than attention alone, and the less the more levels the memory has (Nested Learning Figures 7 and 8).",
  attempts: [
    "One seed with 8 keys, rows of 128 tokens and two levels (16 and 64 tokens, steps of 0.1): after 200 steps 93 % of answers right in rows of 256 tokens, 91 % of those 64 to 128 tokens away.",
    "One seed with 16 keys: 82 % right with three levels, 85 % with one and 17 % without; 78, 81 and 13 % of those 64 to 128 tokens away. Full attention got 19 % right there with the steps and learning rate of the others, and 29 % after 500 steps of 16 rows at 0.003, rows of 128 tokens; with 8 keys 100 % within 300.",
    "One seed with these settings, 64 rows: 92 % right with three levels, 93 % with one and 24 % without; 88, 91 and 11 % of those 64 to 128 tokens away.",
  ],
  full: {
    model: { window: 16 },
    trained: 128,
    training: {
      batch: 8,
      segment: 64,
      learningRate: 0.01,
      warmupSteps: 50,
      finalFraction: 0,
      steps: 200,
      evaluationTokens: 2048,
    },
    attention: { batch: 16, learningRate: 0.003, steps: 400 },
    task: { name: "in-context-recall" },
    periods: [16, 64, 128],
    length: 256,
    rows: 256,
    distances: [2, 4, 8, 16, 32, 64],
    far: 64,
  },
  smoke: {
    model: { dim: 16, heads: 1, layers: 1, window: 8 },
    trained: 32,
    training: { batch: 2, segment: 16, steps: 1, warmupSteps: 0, evaluationTokens: 64 },
    attention: { steps: 1 },
    task: { name: "in-context-recall", keys: 4 },
    periods: [16],
    length: 32,
    rows: 4,
    distances: [2, 4],
    far: 4,
  },
  design({ model, trained, training: shared, attention, task, periods, length, rows, distances, far }) {
    const most = periods.length;
    const sizes = { model, task, periods, stepSize: 0.1, training: { ...shared, length: trained } };
    const value = (learning: number, distance: number) => ({
      arm: levelsArm(learning),
      metric: at(`distance${distance}`, length),
    });
    return {
      setting: `Attention over ${String(model.window)} tokens, followed by ${most} networks of which none, the fastest, or more of them learn while a row is read, every ${periods.join(", ")} tokens, is trained to recall the values of keys that return. The task is one in which most facts are answers too: on a task, levels learn from answers alone.`,
      rule: `By answers whose key was last seen ${far} to ${2 * far} tokens ago, in rows of ${length} tokens. Reproduced if the 95 % interval over seeds with one level lies wholly above that without, and that with ${most} wholly above that with one. Not reproduced if the one with one level does not, or the mean with ${most} is not above that with one; inconclusive otherwise.`,
      arms: [
        ...levelArms(sizes, [{ kind: "task", lengths: [length], rows }]),
        fullAttention(sizes, { length: trained, rows, changes: attention }),
      ],
      controls: [{ arm: CONTROL, metric: at("accuracy", trained), atLeast: SOLVED }],
      figures: [
        {
          kind: "lines",
          title: "Right answers by how long ago the key was seen",
          caption:
            "Mean and 95 % interval over seeds; each point stands for distances up to the next. Dotted: guessing.",
          x: { label: "tokens since the key was last seen", logarithmic: true },
          value: { label: "right answer tokens, in percent", share: true },
          lines: levelCounts(periods).map((learning) => ({
            label: levelsLabel(learning),
            dashed: learning === 0,
            points: distances.map((distance) => ({ x: distance, ...value(learning, distance) })),
          })),
          chance: { arm: levelsArm(0), metric: "chance" },
        },
        {
          kind: "bars",
          title: "All right answers",
          caption: "Mean and 95 % interval over seeds.",
          value: { label: "right answer tokens, in percent", share: true },
          groups: levelCounts(periods).map((learning) => ({
            label: levelsLabel(learning),
            bars: [{ label: "right answers", arm: levelsArm(learning), metric: at("accuracy", length) }],
            chance: { arm: levelsArm(learning), metric: "chance" },
          })),
        },
      ],
      judge(findings) {
        const because = `Right at ${far} to ${2 * far} tokens: ${levelCounts(periods)
          .map((learning) => `${levelsLabel(learning)} ${percent(findings.mean(value(learning, far)))}`)
          .join(", ")}.`;
        const helps = findings.above(value(1, far), value(0, far));
        if (!helps || findings.mean(value(most, far)) <= findings.mean(value(1, far)))
          return { verdict: "not reproduced", because };
        return { verdict: findings.above(value(most, far), value(1, far)) ? "reproduced" : "inconclusive", because };
      },
    };
  },
});
