/** Whether a trained transformer becomes a learner when its feed-forward networks are made levels of a continuum memory. */
import type { StackedLevels } from "../../models/index.ts";
import type { RunLayer } from "../../training/index.ts";
import { meanInterval } from "../intervals.ts";
import { defineExperiment } from "./experiment.ts";
import { at } from "./figure.ts";

interface Settings {
  readonly model: RunLayer;
  readonly training: RunLayer;
  /** Tokens of the windows that are read, each from the weights as they were trained. */
  readonly lengths: readonly number[];
  /** Tokens that are scored for each length. */
  readonly tokens: number;
  /** The levels that are stacked, by the name that their metrics begin with. */
  readonly stacked: readonly { readonly as: string; readonly label: string; readonly levels: StackedLevels }[];
}

const ARM = "transformer";
/** The text of the training, and another one. */
const [HOME, ABROAD] = ["moby-dick", "sotu"] as const;
/** The name of the model as it was trained, and of the levels that are judged. */
const [PLAIN, JUDGED] = ["plain", "two"] as const;

export const levelStacking = defineExperiment<Settings>({
  name: "level-stacking",
  paper: "Nested Learning",
  title: "Levels stacked on a trained transformer",
  claim:
    "The feed-forward networks of a trained transformer can be made levels of a continuum memory as they are, and it then learns in context what it was not trained on (Nested Learning section 7.3).",
  attempts: [
    "One seed with steps of 0.003, at 4,096 tokens: the speeches took 3.402 bits per byte as trained, 3.364 with one level and 3.367 with two; Moby Dick 3.179, 3.167 and 3.169.",
    "The same with steps of 0.01, half as many tokens: the speeches 3.403, 3.363 and 3.374; Moby Dick 3.175, 3.177 and 3.191.",
  ],
  full: {
    model: {},
    training: { steps: 200, batch: 8, length: 256, segment: 64, learningRate: 0.01 },
    lengths: [256, 1024, 4096],
    tokens: 32_768,
    stacked: [
      { as: "one", label: "one level", levels: { periods: [64], stepSize: 0.003 } },
      { as: JUDGED, label: "two levels", levels: { periods: [256, 64], stepSize: 0.003 } },
    ],
  },
  smoke: {
    model: { dim: 16, heads: 1, window: 16, memory: { chunkSize: 16 } },
    training: { steps: 2, batch: 2, length: 32, segment: 16, warmupSteps: 0, evaluationTokens: 64 },
    lengths: [32, 64],
    tokens: 64,
    stacked: [{ as: JUDGED, label: "two levels", levels: { periods: [32, 16], stepSize: 0.003 } }],
  },
  design({ model, training, lengths, tokens, stacked }) {
    const longest = lengths.at(-1)!;
    const readings = [{ as: PLAIN, label: "as it was trained", levels: undefined }, ...stacked];
    const bits = (text: string, as: string, length: number) => ({ arm: ARM, metric: at(`${as}.${text}.bits`, length) });
    const figure = (text: string, title: string) => ({
      kind: "lines" as const,
      title,
      caption:
        "Bits per byte over whole windows, each read from the weights as they were trained: mean and 95 % interval over seeds.",
      x: { label: "tokens of a window", logarithmic: true },
      value: { label: "bits per byte" },
      lines: readings.map(({ as, label }) => ({
        label,
        dashed: as === PLAIN,
        points: lengths.map((length) => ({ x: length, ...bits(text, as, length) })),
      })),
    });
    return {
      setting: `A windowed transformer is trained on Moby Dick, then reads windows of up to ${longest} bytes of presidents' speeches: as it is, and with feed-forward networks that learn from each byte after it was predicted.`,
      rule: `With two levels each trained model saves so many bits per byte of the speeches at ${longest} tokens, compared with itself as it was trained. Reproduced if the 95 % interval of that over seeds lies wholly above 0, not reproduced if its mean is 0 or less, inconclusive otherwise.`,
      arms: [
        {
          name: ARM,
          label: "transformer",
          layer: { preset: "transformer-small", corpus: HOME, model, training },
          measures: [HOME, ABROAD].flatMap((corpus) =>
            readings.map(({ as, levels }) => ({
              kind: "text" as const,
              as: `${as}.${corpus}`,
              corpus,
              lengths,
              tokens,
              ...(levels && { stacked: levels }),
            })),
          ),
        },
      ],
      figures: [figure(ABROAD, "Another text than it was trained on"), figure(HOME, "The text that it was trained on")],
      judge(findings) {
        const [learning, plain] = [bits(ABROAD, JUDGED, longest), bits(ABROAD, PLAIN, longest)];
        const before = findings.values(plain);
        if (before.length === 0) return { verdict: "inconclusive", because: "No training can be read." };
        const after = findings.values(learning);
        const saved = meanInterval(before.map((value, i) => value - after[i]!));
        const because = `The speeches take ${findings.mean(plain).toFixed(3)} bits per byte as trained and ${findings.mean(learning).toFixed(3)} with two levels, in windows of ${longest} tokens.`;
        if (saved.low !== undefined && saved.low > 0) return { verdict: "reproduced", because };
        return { verdict: saved.mean > 0 ? "inconclusive" : "not reproduced", because };
      },
    };
  },
});
