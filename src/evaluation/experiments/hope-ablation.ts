/** What each component of Hope is worth: the paper's ablation, as far as it is about the model. */
import { mergeLayers, type RunLayer } from "../../training/index.ts";
import { defineExperiment } from "./experiment.ts";
import { at } from "./figure.ts";

interface Settings {
  /** What all variants share. */
  readonly model: RunLayer;
  readonly training: RunLayer;
  /** Tokens of a window that is scored, and tokens in all. */
  readonly length: number;
  readonly tokens: number;
  readonly variants: readonly Variant[];
  /** Variants that have to take more bits. */
  readonly needed: number;
}

interface Variant {
  readonly name: string;
  readonly label: string;
  readonly model: RunLayer;
  /** Whether the paper's table finds it worse in perplexity. */
  readonly worse: boolean;
}

const WHOLE = "hope";
const MOMENTUM = 0.5;

const variants: readonly Variant[] = [
  { name: "no-dgd", label: "without delta gradient descent", model: { selfModifying: { erase: false } }, worse: true },
  { name: "no-momentum", label: "without momentum", model: { selfModifying: { momentum: 0 } }, worse: true },
  { name: "no-decay", label: "without weight decay", model: { selfModifying: { decay: false } }, worse: true },
  {
    name: "no-levels",
    label: "without continuum memory",
    model: { continuum: { periods: [null, null, null] } },
    worse: true,
  },
  { name: "static-key", label: "static keys", model: { selfModifying: { staticProjections: ["key"] } }, worse: true },
  {
    name: "static-value",
    label: "static values",
    model: { selfModifying: { staticProjections: ["value"] } },
    worse: true,
  },
  { name: "static-query", label: "static queries", model: { selfModifying: { adaptiveQuery: false } }, worse: false },
];

export const hopeAblation = defineExperiment<Settings>({
  name: "hope-ablation",
  paper: "Nested Learning",
  title: "What each component of Hope is worth",
  claim:
    "Without delta gradient descent, momentum, weight decay, the continuum memory, or memories that make keys and values, Hope's perplexity is higher; static queries alone lower it a little (Nested Learning Table 6).",
  attempts: [
    "The whole alone with one seed: 3.693 bits per byte after 40 steps, no sign of divergence with momentum; the variants were not tried.",
  ],
  full: {
    model: {
      selfModifying: { chunkSize: 16, projectionChunkSize: 16, momentum: MOMENTUM, adaptiveQuery: true },
    },
    training: { steps: 120, batch: 4, length: 256, segment: 64 },
    length: 256,
    tokens: 32_768,
    variants,
    needed: 4,
  },
  smoke: {
    model: {
      dim: 16,
      heads: 1,
      layers: 1,
      selfModifying: { chunkSize: 16, projectionChunkSize: 16, momentum: MOMENTUM, adaptiveQuery: true },
      continuum: { periods: [16, 32] },
    },
    training: { steps: 1, batch: 2, length: 32, segment: 16, warmupSteps: 0, evaluationTokens: 64 },
    length: 32,
    tokens: 64,
    variants: variants.filter(({ name }) => name === "no-levels"),
    needed: 1,
  },
  design({ model, training, length, tokens, variants: without, needed }) {
    const bits = (arm: string) => ({ arm, metric: at("bits", length) });
    const arms = [{ name: WHOLE, label: "Hope", model: {} }, ...without];
    const helpful = without.filter(({ worse }) => worse);
    return {
      setting: `Hope, with momentum of ${MOMENTUM} in its memories and queries that a memory makes, learns Moby Dick for ${String(training.steps)} steps: whole, and without one component each.`,
      rule: `Of the ${helpful.length} components without which the paper's perplexity is higher, one counts if the 95 % interval over seeds of the bits per byte without it lies wholly above that of the whole. Reproduced if at least ${needed} count. Not reproduced if fewer than ${needed} have even a mean above that of the whole; inconclusive otherwise.`,
      arms: arms.map(({ name, label, model: own }) => ({
        name,
        label,
        layer: mergeLayers([{ preset: "hope-small", model, training }, { model: own }]),
        measures: [{ kind: "text", lengths: [length], tokens }],
      })),
      figures: [
        {
          kind: "bars",
          title: "Text that was not trained on, without one component each",
          caption: "Mean and 95 % interval over seeds. Less is better.",
          value: { label: "bits per byte" },
          groups: arms.map(({ name, label }) => ({ label, bars: [{ label: "bits per byte", ...bits(name) }] })),
        },
      ],
      judge(findings) {
        const whole = bits(WHOLE);
        if (findings.interval(whole) === undefined)
          return { verdict: "inconclusive", because: "The whole was not measured." };
        const counting = helpful.filter(({ name }) => findings.above(bits(name), whole));
        const above = helpful.filter(({ name }) => findings.mean(bits(name)) > findings.mean(whole));
        const shown = arms
          .filter(({ name }) => findings.interval(bits(name)) !== undefined)
          .map(({ name, label }) => `${label} ${findings.mean(bits(name)).toFixed(3)}`);
        const because = `${counting.length} of ${helpful.length} components count, ${above.length} means are higher; ${needed} are needed. Bits per byte: ${shown.join(", ")}.`;
        if (counting.length >= needed) return { verdict: "reproduced", because };
        return { verdict: above.length < needed ? "not reproduced" : "inconclusive", because };
      },
    };
  },
});
