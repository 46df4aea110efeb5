/** Whether deeper memories predict text better, the more the longer it is. */
import { mergeLayers, type RunLayer } from "../../training/index.ts";
import { defineExperiment } from "./experiment.ts";
import { at, overLengths } from "./figure.ts";

interface Settings {
  /** Weight matrices of each memory, a linear one first. */
  readonly depths: readonly number[];
  /** Tokens of a window of the validation text. */
  readonly lengths: readonly number[];
  /** Tokens that are scored for each length. */
  readonly tokens: number;
  readonly model: RunLayer;
  readonly training: RunLayer;
}

const training = { batch: 4, length: 256, segment: 64, learningRate: 0.01, steps: 300 };

export const memoryDepth = defineExperiment<Settings>({
  name: "memory-depth",
  paper: "Titans",
  title: "Depth of the memory and length of the text",
  claim:
    "The deeper the memory, the better text is predicted at every length, and deeper memories lose less on long texts (Titans Figure 7).",
  attempts: [],
  full: {
    depths: [1, 2, 3, 4],
    lengths: [128, 256, 512, 1024],
    tokens: 16_384,
    model: { dim: 64, memory: { chunkSize: 16 } },
    training,
  },
  smoke: {
    depths: [1, 2],
    lengths: [32],
    tokens: 64,
    model: { dim: 16, layers: 1, memory: { chunkSize: 16 } },
    training: { ...training, batch: 2, length: 32, segment: 32, steps: 2, warmupSteps: 0, evaluationTokens: 64 },
  },
  design({ depths, lengths, tokens, model, training: shared }) {
    const armOf = (depth: number) => `depth-${depth}`;
    const labelOf = (depth: number) => (depth === 1 ? "linear memory" : `depth ${depth}`);
    const linear = armOf(depths[0]!);
    const deepest = armOf(depths.at(-1)!);
    const [shortest, longest] = [lengths[0]!, lengths.at(-1)!];
    const bits = (arm: string, length: number) => ({ arm, metric: at("bits", length) });
    return {
      setting: `titans-lmm models that differ in nothing but the depth of their memories are trained on Moby Dick in windows of ${shared.length} bytes. Measured are bits per byte of the validation text, read from fresh memories in windows of ${shortest} to ${longest} bytes.`,
      rule: `The gain at a length is the mean bits per byte of the linear memory less those of the deepest. Reproduced if at every length the 95 % interval over seeds of the deepest memory lies wholly below that of the linear one, and the gain at ${longest} bytes is larger than at ${shortest}. Inconclusive if the gain is above 0 at every length and grows so, but intervals overlap; not reproduced otherwise, and if the deepest memory diverges.`,
      arms: depths.map((depth) => ({
        name: armOf(depth),
        label: labelOf(depth),
        layer: mergeLayers([
          { preset: "lmm-small", corpus: "moby-dick", model, training: shared },
          { model: { memory: { depth } } },
        ]),
        measures: [{ kind: "text", lengths, tokens }],
      })),
      figures: [
        {
          kind: "lines",
          title: "Bits per byte by the length of the window",
          caption: "Validation text, mean and 95 % interval over seeds. Upright: the trained length.",
          x: { label: "bytes of a window", logarithmic: true },
          value: { label: "bits per byte" },
          lines: depths.map((depth) => ({ label: labelOf(depth), points: overLengths(armOf(depth), "bits", lengths) })),
          mark: { x: shared.length as number, label: "trained" },
        },
        {
          kind: "lines",
          title: "Bits per byte by the depth of the memory",
          caption: "The same numbers, a line for each length of the window.",
          x: { label: "weight matrices of the memory" },
          value: { label: "bits per byte" },
          lines: lengths.map((length) => ({
            label: `${length} bytes`,
            points: depths.map((depth) => ({ x: depth, ...bits(armOf(depth), length) })),
          })),
        },
      ],
      judge(findings) {
        const mean = (depth: number, length: number) => findings.mean(bits(armOf(depth), length));
        const gain = (length: number) => findings.mean(bits(linear, length)) - findings.mean(bits(deepest, length));
        const all = depths.map(
          (depth) => `${labelOf(depth)} ${rounded(mean(depth, shortest))} and ${rounded(mean(depth, longest))}`,
        );
        const because = `Bits per byte at ${shortest} and ${longest} bytes: ${all.join("; ")}. The deepest memory gains ${rounded(gain(shortest))} at ${shortest} and ${rounded(gain(longest))} at ${longest}.`;
        const leans =
          findings.diverged(deepest).length === 0 &&
          lengths.every((length) => gain(length) > 0) &&
          gain(longest) > gain(shortest);
        const clear = lengths.every((length) => findings.above(bits(linear, length), bits(deepest, length)));
        if (!leans) return { verdict: "not reproduced", because };
        return { verdict: clear ? "reproduced" : "inconclusive", because };
      },
    };
  },
});

function rounded(bits: number): string {
  return Number.isNaN(bits) ? "nothing" : bits.toFixed(3);
}
