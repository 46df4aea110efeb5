/** Whether the models that MIRAS proposes stay ahead as the context grows. */
import type { RunLayer } from "../../training/index.ts";
import { defineExperiment } from "./experiment.ts";
import { at, overLengths, type Value } from "./figure.ts";
import { namedArms, proposed, rivals } from "./miras-arms.ts";

interface Settings {
  /** Models, by the names of their arms. */
  readonly models: readonly string[];
  /** Tokens of a window of the validation text; the longest is judged. */
  readonly lengths: readonly number[];
  /** Tokens that are scored for each length. */
  readonly tokens: number;
  readonly model: RunLayer;
  readonly training: RunLayer;
}

const training = { batch: 8, length: 128, segment: 64, learningRate: 0.01, steps: 150 };

export const mirasLength = defineExperiment<Settings>({
  name: "miras-length",
  paper: "MIRAS",
  title: "Moneta, Yaad and Memora as the context grows",
  claim:
    "Moneta, Yaad and Memora predict text better than models of the delta rule and of decay as the context grows (MIRAS, the section of experiments, scaling with the length of the context).",
  attempts: [],
  full: {
    models: [...proposed, ...rivals].map(({ name }) => name),
    lengths: [128, 256, 512, 1024],
    tokens: 16_384,
    model: { dim: 32, layers: 2 },
    training,
  },
  smoke: {
    models: ["yaad", "mamba2"],
    lengths: [32],
    tokens: 64,
    model: { dim: 16, layers: 1 },
    training: { ...training, batch: 2, length: 32, segment: 32, steps: 2, warmupSteps: 0, evaluationTokens: 64 },
  },
  design({ models, lengths, tokens, model: sizes, training: shared }) {
    const ours = namedArms(proposed, models);
    const theirs = namedArms(rivals, models);
    const all = [...ours, ...theirs];
    const [shortest, longest] = [lengths[0]!, lengths.at(-1)!];
    const bits = (arm: string, length = longest): Value => ({ arm, metric: at("bits", length) });
    return {
      setting: `Models of the same width are trained on Moby Dick in windows of ${shared.length} bytes. Measured are bits per byte of the validation text, read from fresh memories in windows of ${shortest} to ${longest} bytes. The paper trains at each length anew; here one training reads them all. The three models of MIRAS may write with steps of up to 1, as the other rows do.`,
      rule: `Reproduced if at ${longest} bytes the 95 % interval over seeds of the bits per byte of each of the three models lies wholly below that of every other row. Not reproduced if another row lies wholly below one of the three there, or one of the three diverges; inconclusive otherwise.`,
      arms: all.map(({ name, label, model }) => ({
        name,
        label,
        layer: { preset: "lmm-small", corpus: "moby-dick", model: { ...sizes, ...model }, training: shared },
        measures: [{ kind: "text", lengths, tokens }],
      })),
      figures: [
        {
          kind: "lines",
          title: "Bits per byte by the length of the window",
          caption:
            "Validation text, mean and 95 % interval over seeds. Dashed: other rows. Upright: the trained length.",
          x: { label: "bytes of a window", logarithmic: true },
          value: { label: "bits per byte" },
          lines: all.map(({ name, label }) => ({
            label,
            dashed: theirs.some((rival) => rival.name === name),
            points: overLengths(name, "bits", lengths),
          })),
          mark: { x: shared.length as number, label: "trained" },
        },
      ],
      judge(findings) {
        const pairs = ours.flatMap((our) => theirs.map((rival) => [bits(our.name), bits(rival.name)] as const));
        const won = pairs.filter(([our, their]) => findings.above(their, our)).length;
        const lost = pairs.filter(([our, their]) => findings.above(our, their)).length;
        const rounded = (value: Value) => {
          const mean = findings.mean(value);
          return Number.isNaN(mean) ? "nothing" : mean.toFixed(3);
        };
        const each = all.map(
          ({ name, label }) => `${label} ${rounded(bits(name, shortest))} and ${rounded(bits(name))}`,
        );
        const because = `Bits per byte at ${shortest} and ${longest} bytes: ${each.join("; ")}. Of ${pairs.length} comparisons at ${longest} bytes the three models win ${won} and lose ${lost}.`;
        const diverged = ours.some(({ name }) => findings.diverged(name).length > 0);
        if (lost > 0 || diverged) return { verdict: "not reproduced", because };
        return { verdict: won === pairs.length ? "reproduced" : "inconclusive", because };
      },
    };
  },
});
