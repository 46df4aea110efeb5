/** Whether models with memory still find a needle when the haystack grows. */
import type { RunLayer } from "../../training/index.ts";
import { defineExperiment } from "./experiment.ts";
import { at, overLengths } from "./figure.ts";
import { percent } from "./findings.ts";

interface Settings {
  /** Tokens of a training row. */
  readonly trained: number;
  /** Shorter lengths that training begins with. */
  readonly before: readonly number[];
  /** Lengths that are measured, the trained one first. */
  readonly lengths: readonly number[];
  readonly rows: number;
  readonly model: RunLayer;
  readonly training: RunLayer;
  /** The models by arm, each a layer over `model`. */
  readonly arms: readonly {
    readonly name: string;
    readonly label: string;
    readonly layer: RunLayer;
    readonly model?: RunLayer;
    /** What is changed of the training. */
    readonly training?: RunLayer;
    /** Lengths that are measured, where not all are. */
    readonly lengths?: readonly number[];
    readonly seeds?: number;
  }[];
}

/** Arms that the claim is about, and the one it is compared with. */
const TITANS = ["lmm", "mac", "mag", "mal"];
const WINDOWED = "transformer";
const CONTROL = "attention";
/** What is good at 4 and 16 times the trained length, and what the control has to reach at that length. */
const GOOD = 0.9;

const training = { batch: 16, segment: 64, learningRate: 0.01, warmupSteps: 50, finalFraction: 0, steps: 300 };

/** Linear memories that hardly forget, and momentum that leaves the guarded steps large. */
const memory = { depth: 1, chunkSize: 16, maxMomentum: 0.5, gateBiases: { forget: -8 } };

const arms: Settings["arms"] = [
  { name: "lmm", label: "Titans LMM", layer: { preset: "lmm-small" }, model: { memory } },
  { name: WINDOWED, label: "transformer, window 32", layer: { preset: "transformer-small" }, model: { window: 32 } },
  {
    name: "gated-deltanet",
    label: "gated DeltaNet",
    layer: { preset: "lmm-small" },
    model: { architecture: "miras:gated-deltanet" },
  },
  {
    name: CONTROL,
    label: "full attention at the trained length",
    layer: { preset: "transformer-small" },
    model: { window: 256 },
    training: { steps: 1500, learningRate: 0.003 },
    lengths: [256],
    seeds: 1,
  },
  { name: "mag", label: "Titans MAG", layer: { preset: "mag-small" }, model: { memory } },
  { name: "mal", label: "Titans MAL", layer: { preset: "mal-small" }, model: { memory } },
  { name: "mac", label: "Titans MAC", layer: { preset: "mac-small" }, model: { memory } },
  { name: "hope", label: "Hope", layer: { preset: "hope-small" } },
];

export const needleLength = defineExperiment<Settings>({
  name: "needle-length",
  paper: "Titans",
  title: "Needles in growing haystacks",
  claim:
    "On needle-in-a-haystack tasks Titans keep their accuracy as sequences grow, where other models fall (Titans Table 2).",
  attempts: [
    "The first setting of the LMM with forget bias -5, one seed: 100, 100 and 97 % of digits right at 256, 1,024 and 4,096 tokens (86 % of whole keys at 4,096).",
    "MAC at these settings after 150 steps, one seed: 51 % of digits right at 256 tokens.",
    "Full attention (a transformer) at 64 tokens and learning rate 0.003, one seed: 99.6 % of digits right after 1,050 steps.",
  ],
  full: { trained: 256, before: [64], lengths: [256, 1024, 4096], rows: 64, model: {}, training, arms },
  smoke: {
    trained: 64,
    before: [],
    lengths: [64, 128],
    rows: 2,
    model: { dim: 16, layers: 1 },
    training: { ...training, batch: 2, steps: 2, warmupSteps: 0, evaluationTokens: 64 },
    arms: arms
      .filter(({ name }) => ["lmm", WINDOWED, CONTROL].includes(name))
      .map((arm) => (arm.name === CONTROL ? { ...arm, training: { steps: 2 }, lengths: [64] } : arm)),
  },
  design({ trained, before, lengths, rows, model, training: shared, arms: models }) {
    const longest = lengths.at(-1)!;
    const judged = lengths.filter((length) => length === 4 * trained || length === longest);
    return {
      setting: `Models of about the same size are trained to repeat a pass key from haystacks of ${trained} tokens, and asked for it in haystacks of up to ${longest}. The control, a transformer with full attention at the trained length, is trained longer and at a lower rate.`,
      rule: `Reproduced if a Titans model's mean accuracy is at least ${percent(GOOD)} at ${judged.join(" and ")} tokens while the 95 % interval of the windowed transformer lies wholly below its own there. Inconclusive if full attention stays below ${percent(GOOD)} at the trained length.`,
      arms: models.map(({ name, label, layer, model: own, training: changed, lengths: some = lengths, seeds }) => ({
        name,
        label,
        layer: {
          ...layer,
          model: { ...model, ...own },
          task: { name: "passkey", lengths: before },
          training: { ...shared, ...changed, length: trained },
        },
        measures: [{ kind: "task", lengths: some, rows }],
        ...(seeds !== undefined && { seeds }),
      })),
      controls: [{ arm: CONTROL, metric: at("accuracy", trained), atLeast: GOOD }],
      figures: [
        {
          kind: "lines",
          title: "Right answers by the length of the haystack",
          caption:
            "Digits of the pass key, mean and 95 % interval over seeds. Dotted: guessing. Upright: the trained length.",
          x: { label: "tokens of a row", logarithmic: true },
          value: { label: "right answer tokens, in percent", share: true },
          lines: models.map(({ name, label, lengths: some = lengths }) => ({
            label,
            dashed: name === CONTROL,
            points: overLengths(name, "accuracy", some),
          })),
          chance: { arm: models[0]!.name, metric: "chance" },
          mark: { x: trained, label: "trained" },
        },
      ],
      judge(findings) {
        const value = (arm: string, length: number) => ({ arm, metric: at("accuracy", length) });
        const keeps = (arm: string) =>
          findings.diverged(arm).length === 0 &&
          judged.every(
            (length) =>
              findings.mean(value(arm, length)) >= GOOD && findings.above(value(arm, length), value(WINDOWED, length)),
          );
        const asked = models.filter(({ name }) => TITANS.includes(name));
        const shown = [...asked, ...models.filter(({ name }) => name === WINDOWED)].map(
          ({ name, label }) =>
            `${label}: ${judged.map((length) => percent(findings.mean(value(name, length)))).join(", ")}`,
        );
        const because = `At ${judged.join(" and ")} tokens: ${shown.join("; ")}.`;
        return { verdict: asked.some(({ name }) => keeps(name)) ? "reproduced" : "not reproduced", because };
      },
    };
  },
});
