/** Which parts of the memory of Titans matter: each taken away, one at a time. */
import { mergeLayers, type RunLayer } from "../../training/index.ts";
import { type Arm, defineExperiment } from "./experiment.ts";
import { at, overLengths, type Value } from "./figure.ts";

interface Settings {
  /** Tokens of a window of the validation text; the longest is judged. */
  readonly lengths: readonly number[];
  /** Tokens that are scored for each length. */
  readonly tokens: number;
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
/** Parts that may fail to show before the claim does. */
const UNSEEN = 1;

const model = { dim: 64, persistentTokens: 4, memory: { chunkSize: 16, depth: 2 } };
const training = { batch: 4, length: 256, segment: 64, learningRate: 0.01, steps: 200 };

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
  full: { lengths: [256, 512, 1024], tokens: 16_384, model, training, without: parts.map(({ name }) => name) },
  smoke: {
    lengths: [32],
    tokens: 64,
    model: { ...model, dim: 16, layers: 1, memory: { chunkSize: 8, depth: 1 } },
    training: { ...training, batch: 2, length: 32, segment: 32, steps: 2, warmupSteps: 0, evaluationTokens: 64 },
    without: ["convolution"],
  },
  design({ lengths, tokens, model: sizes, training: shared, without }) {
    const removed = parts.filter(({ name }) => without.includes(name));
    const judged = lengths.at(-1)!;
    const bits = (arm: string, length = judged): Value => ({ arm, metric: at("bits", length) });
    const armOf = (name: string, label: string, changes: RunLayer = {}): Arm => ({
      name,
      label,
      layer: mergeLayers([
        { preset: "lmm-small", corpus: "moby-dick", model: sizes, training: shared },
        { model: changes },
      ]),
      measures: [{ kind: "text", lengths, tokens }],
    });
    const shown = [{ name: FULL, label: "full memory" }, ...removed];
    return {
      setting: `A titans-lmm model with a memory of depth 2 and persistent tokens is trained on Moby Dick in windows of ${String(shared.length)} bytes, and so is the same model without one of its parts: without forgetting (a gate of nearly 0 that stays there), without momentum, without convolution (kernels of one tap, so that no token sees another on its way to the memory), with a linear memory, without persistent tokens. Measured are bits per byte of the validation text in windows of up to ${judged} bytes.`,
      rule: `A part counts if the 95 % interval over seeds of the full memory's bits per byte in windows of ${judged} bytes lies wholly below that of the model without the part. Reproduced if all parts count; not reproduced if a model without a part lies wholly below the full one, or if more than ${UNSEEN} part does not count; inconclusive otherwise. The order of the parts is shown beside the paper's, not judged: its single runs lie close together.`,
      arms: [
        armOf(FULL, "full memory"),
        ...removed.map(({ name, label, model: changes }) => armOf(name, label, changes)),
      ],
      figures: [
        {
          kind: "bars",
          title: "Bits per byte without each part",
          caption: `Validation text in windows of ${judged} bytes, mean and 95 % interval over seeds; parts in the order of the paper's Table 5. Less is better.`,
          value: { label: "bits per byte" },
          groups: shown.map(({ name, label }) => ({ label, bars: [{ label: "bits per byte", ...bits(name) }] })),
        },
        {
          kind: "lines",
          title: "Bits per byte by the length of the window",
          caption: "Mean and 95 % interval over seeds. Upright: the trained length.",
          x: { label: "bytes of a window", logarithmic: true },
          value: { label: "bits per byte" },
          lines: shown.map(({ name, label }) => ({
            label,
            dashed: name !== FULL,
            points: overLengths(name, "bits", lengths),
          })),
          mark: { x: shared.length as number, label: "trained" },
        },
      ],
      judge(findings) {
        const counting = removed.filter(({ name }) => findings.above(bits(name), bits(FULL)));
        const harmful = removed.filter(({ name }) => findings.above(bits(FULL), bits(name)));
        const order = removed.toSorted((a, b) => findings.mean(bits(b.name)) - findings.mean(bits(a.name)));
        const each = order.map(({ name, label }) => `${label} ${findings.mean(bits(name)).toFixed(3)}`);
        const because = `In windows of ${judged} bytes the full memory takes ${findings.mean(bits(FULL)).toFixed(3)} bits per byte; what costs most first: ${each.join(", ")}. ${counting.length} of ${removed.length} parts count, ${harmful.length} do harm.`;
        const unseen = removed.length - counting.length;
        if (unseen === 0) return { verdict: "reproduced", because };
        return { verdict: harmful.length > 0 || unseen > UNSEEN ? "not reproduced" : "inconclusive", because };
      },
    };
  },
});
