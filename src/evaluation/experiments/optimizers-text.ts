/** Whether the paper's optimiser learns a text in fewer bits than those it is compared with. */
import { optimizers } from "../../optim/index.ts";
import type { RunLayer } from "../../training/index.ts";
import { defineExperiment } from "./experiment.ts";
import { at } from "./figure.ts";

interface Settings {
  readonly model: RunLayer;
  /** Of all optimisers; each has the learning rate of its own. */
  readonly training: RunLayer;
  /** Tokens of a window that is scored, and tokens in all. */
  readonly length: number;
  readonly tokens: number;
  /** What M3 is compared with. */
  readonly rivals: readonly Optimizer[];
}

const ASKED = "m3";
const labels = { m3: "M3", adamw: "AdamW", muon: "Muon" };
type Optimizer = keyof typeof labels;

export const optimizersText = defineExperiment<Settings>({
  name: "optimizers-text",
  paper: "Nested Learning",
  title: "M3 against AdamW and Muon",
  claim:
    "In equally many steps M3, which keeps momentum at two time scales, trains to a lower loss than AdamW and Muon, each of them tuned (Nested Learning Figure 11, on images).",
  attempts: [
    "The comparison in results/optimizers, 200 steps with two seeds on the same text and model: Muon 2.778 bits per byte, M3 2.813, AdamW 3.069. Learning rates were searched for 100 steps with one seed.",
  ],
  full: {
    model: {},
    training: { steps: 150, batch: 4, length: 256, segment: 64 },
    length: 256,
    tokens: 65_536,
    rivals: ["adamw", "muon"],
  },
  smoke: {
    model: { dim: 16, heads: 1, layers: 1, contextSegment: 16, memory: { depth: 1, chunkSize: 16 } },
    training: { steps: 2, batch: 2, length: 32, segment: 32, warmupSteps: 0, evaluationTokens: 64 },
    length: 32,
    tokens: 64,
    rivals: ["muon"],
  },
  design({ model, training, length, tokens, rivals }) {
    const arms: readonly Optimizer[] = [ASKED, ...rivals];
    const bits = (arm: string) => ({ arm, metric: at("bits", length) });
    return {
      setting:
        "The same memory-as-context model learns Moby Dick with each optimiser for as many steps, each with the learning rate that was best for it on a grid of factor 3.",
      rule: "Reproduced if the 95 % interval over seeds of M3's bits per byte of text that it was not trained on lies wholly below those of AdamW and of Muon. Not reproduced if M3's mean is not the lowest, or it diverges; inconclusive if it is and an interval overlaps with its own.",
      arms: arms.map((name) => ({
        name,
        label: labels[name],
        layer: {
          preset: "mac-small",
          model,
          training: { ...training, optimizer: { name }, learningRate: optimizers[name].learningRate },
        },
        measures: [{ kind: "text", lengths: [length], tokens }],
      })),
      figures: [
        {
          kind: "bars",
          title: "Text that was not trained on, by optimiser",
          caption: "After equally many steps, mean and 95 % interval over seeds. Less is better.",
          value: { label: "bits per byte" },
          groups: arms.map((arm) => ({ label: labels[arm], bars: [{ label: "bits per byte", ...bits(arm) }] })),
        },
      ],
      judge(findings) {
        const mean = (arm: string) => findings.mean(bits(arm));
        const shown = arms.map((arm) => {
          const found = mean(arm);
          return `${labels[arm]} ${Number.isNaN(found) ? "nothing" : found.toFixed(3)}`;
        });
        const because = `Bits per byte: ${shown.join(", ")}.`;
        if (findings.diverged(ASKED).length === 0) {
          if (rivals.every((rival) => findings.above(bits(rival), bits(ASKED))))
            return { verdict: "reproduced", because };
          if (rivals.every((rival) => mean(rival) > mean(ASKED))) return { verdict: "inconclusive", because };
        }
        return { verdict: "not reproduced", because };
      },
    };
  },
});
