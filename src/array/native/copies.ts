/** Arguments that a program returns unchanged, such as gradients that one segment adds nothing to: their numbers are not computed again. */
import type { TensorData } from "../host-tensor.ts";
import { range, type View } from "./graph.ts";
import type { LoweredProgram } from "./lower.ts";

/** A program without such outputs, and all of its outputs from the others and the inputs. */
export interface WithoutCopies {
  readonly computed: LoweredProgram;
  completed(computed: readonly TensorData[], inputs: readonly TensorData[]): readonly TensorData[];
}

export function withoutCopies(program: LoweredProgram): WithoutCopies {
  const { outputs } = program;
  const copied = outputs.map((view) => copiedInput(program, view));
  const kept = outputs.filter((_, i) => copied[i] === undefined);
  // onnxruntime runs no program that computes nothing.
  if (kept.length === 0) return { computed: program, completed: (computed) => computed };
  return {
    computed: { ...program, outputs: kept },
    completed(computed, inputs) {
      const rest = computed.values();
      return copied.map((input) => (input === undefined ? rest.next().value! : inputs[input]!));
    },
  };
}

/** The input that an output is, as the caller gave it. */
function copiedInput({ inputs }: LoweredProgram, { node, shape, axes }: View): number | undefined {
  // In a program computed in float64 the caller may have given float32.
  if (node.kind !== "input" || node.type === "float64") return undefined;
  const given = inputs[node.index]!.shape;
  const isSame = given.length === shape.length && given.every((n, p) => n === shape[p]);
  const real = axes.filter((axis) => axis !== null);
  return isSame && real.length === node.shape.length && range(real.length).every((i) => real[i] === i)
    ? node.index
    : undefined;
}
