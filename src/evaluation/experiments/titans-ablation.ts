/** Which parts of the memory of Titans matter: each taken away, one at a time. */
import { mergeLayers, type RunLayer } from "../../training/index.ts";
import { type Arm, defineExperiment } from "./experiment.ts";
import { at, overLengths, type Value } from "./figure.ts";
import { percent } from "./findings.ts";

interface Settings {
  readonly task: RunLayer;
  /** Tokens of a training row. */
  readonly trained: number;
  /** Lengths that are measured; the last one is judged. */
  readonly lengths: readonly number[];
  readonly rows: number;
  /** Tokens that are read at a time. */
  readonly segment: number;
  readonly model: RunLayer;
  readonly training: RunLayer;
  /** Parts that are taken away, by the names of their arms. */
  readonly without: readonly string[];
}

/** What is changed of the full model, in the order of the paper's Table 5 by perplexity: what matters most first. */
const parts = [
  // A gate of 1e-13, whose gradient is as small.
  { name: "forgetting", label: "without forgetting", model: { memory: { gateBiases: { forget: -30 } } } },
  // The bound must be above 0; the step guard then allows for no momentum either.
  { name: "momentum", label: "without momentum", model: { memory: { maxMomentum: 1e-6 } } },
  { name: "convolution", label: "without convolution", model: { memory: { convolutionKernel: 1 } } },
  { name: "depth", label: "linear memory", model: { memory: { depth: 1 } } },
  { name: "persistence", label: "without persistent tokens", model: { persistentTokens: 0 } },
] as const;

const FULL = "full";
const CONTROL = "attention";
/** What full attention has to reach at the trained length. */
const SOLVED = 0.9;
/** Times the steps of the others that it is trained for. */
const CONTROL_STEPS = 2;
/** Parts that may fail to show before the claim does. */
const UNSEEN = 1;

const model = { dim: 64, persistentTokens: 4, memory: { chunkSize: 16, depth: 2 } };
const training = { batch: 8, segment: 64, learningRate: 0.01, warmupSteps: 50, finalFraction: 0, steps: 300 };

export const titansAblation = defineExperiment<Settings>({
  name: "titans-ablation",
  paper: "Titans",
  title: "Parts of the memory, taken away one at a time",
  claim:
    "All parts of the memory contribute: forgetting most, then momentum, convolution, depth, and persistent tokens least (Titans Table 5, ordered by perplexity).",
  attempts: [
    "Eight keys in rows of 64 tokens, 200 steps of 16 rows, one seed: too easy. The full memory had 98 % right after 130 steps; without momentum it was 100 % at 64 tokens and 98 % at 1,024, without forgetting 100 % at both.",
    "Sixteen keys in rows of 128 tokens with models of 32 features, one seed: too hard. The full memory had 13 % right after 239 steps of 8 rows.",
    "The same with 64 features, as now, one seed: the full memory had 56 % right after 202 steps and was still learning; the other models were not tried.",
  ],
  full: {
    task: { name: "noisy-recall", noise: 0.4, keys: 16, values: 16 },
    trained: 128,
    lengths: [128, 512, 1024],
    rows: 16,
    segment: 64,
    model,
    training,
    without: parts.map(({ name }) => name),
  },
  smoke: {
    task: { name: "noisy-recall", noise: 0.4 },
    trained: 32,
    lengths: [32],
    rows: 2,
    segment: 8,
    model: { ...model, dim: 16, layers: 1, memory: { chunkSize: 8, depth: 1 } },
    training: { ...training, batch: 2, segment: 32, steps: 2, warmupSteps: 0, evaluationTokens: 64 },
    without: ["convolution"],
  },
  design({ task, trained, lengths, rows, segment, model: sizes, training: shared, without }) {
    const removed = parts.filter(({ name }) => without.includes(name));
    const judged = lengths.at(-1)!;
    const accuracy = (arm: string): Value => ({ arm, metric: at("accuracy", judged) });
    const armOf = (name: string, label: string, changes: RunLayer = {}): Arm => ({
      name,
      label,
      layer: mergeLayers([
        { preset: "lmm-small", task, model: sizes, training: { ...shared, length: trained } },
        { model: changes },
      ]),
      measures: [{ kind: "task", lengths, rows, segment }],
    });
    const attention = armOf(CONTROL, "full attention at the trained length", {
      architecture: "miras:softmax-attention",
      window: trained,
    });
    // It is asked whether the task can be done, not how fast it is learned.
    const longer = { training: { steps: CONTROL_STEPS * (shared.steps as number) } };
    const control: Arm = { ...attention, layer: mergeLayers([attention.layer, longer]), seeds: 1 };
    const shown = [{ name: FULL, label: "full memory" }, ...removed];
    return {
      setting: `A titans-lmm model with a memory of depth 2 and persistent tokens learns noisy-recall in rows of ${trained} tokens, and so does the same model without one of its parts: without forgetting (a gate of nearly 0 that stays there), without momentum, without convolution (kernels of one tap, so that no token sees another on its way to the memory), with a linear memory, without persistent tokens. Measured up to ${judged} tokens.`,
      rule: `A part counts if the 95 % interval over seeds of the full memory's right answers at ${judged} tokens lies wholly above that of the model without the part. Reproduced if all parts count; not reproduced if a model without a part lies wholly above the full one, or if more than ${UNSEEN} part does not count; inconclusive otherwise, and if full attention does not solve the task at the trained length. The order of the parts is shown beside the paper's, not judged: its single runs lie close together.`,
      arms: [
        armOf(FULL, "full memory"),
        ...removed.map(({ name, label, model: changes }) => armOf(name, label, changes)),
        control,
      ],
      controls: [{ arm: CONTROL, metric: at("accuracy", trained), atLeast: SOLVED }],
      figures: [
        {
          kind: "bars",
          title: "Right answers without each part",
          caption: `Mean and 95 % interval over seeds; parts in the order of the paper's Table 5. Dotted: guessing.`,
          value: { label: "right answer tokens, in percent", share: true },
          groups: lengths.map((length) => ({
            label: `${length} tokens`,
            bars: shown.map(({ name, label }) => ({ label, arm: name, metric: at("accuracy", length) })),
            chance: { arm: FULL, metric: "chance" },
          })),
        },
        {
          kind: "lines",
          title: "Right answers by the length of the row",
          caption: "Mean and 95 % interval over seeds. Dotted: guessing. Upright: the trained length.",
          x: { label: "tokens of a row", logarithmic: true },
          value: { label: "right answer tokens, in percent", share: true },
          lines: shown.map(({ name, label }) => ({
            label,
            dashed: name !== FULL,
            points: overLengths(name, "accuracy", lengths),
          })),
          chance: { arm: FULL, metric: "chance" },
          mark: { x: trained, label: "trained" },
        },
      ],
      judge(findings) {
        const counting = removed.filter(({ name }) => findings.above(accuracy(FULL), accuracy(name)));
        const harmful = removed.filter(({ name }) => findings.above(accuracy(name), accuracy(FULL)));
        const order = removed.toSorted((a, b) => findings.mean(accuracy(a.name)) - findings.mean(accuracy(b.name)));
        const each = order.map(({ name, label }) => `${label} ${percent(findings.mean(accuracy(name)))}`);
        const because = `At ${judged} tokens the full memory gets ${percent(findings.mean(accuracy(FULL)))} right; what costs most first: ${each.join(", ")}. ${counting.length} of ${removed.length} parts count, ${harmful.length} do harm.`;
        const unseen = removed.length - counting.length;
        if (unseen === 0) return { verdict: "reproduced", because };
        return { verdict: harmful.length > 0 || unseen > UNSEEN ? "not reproduced" : "inconclusive", because };
      },
    };
  },
});
