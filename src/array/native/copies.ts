/** Arguments that a program returns unchanged, such as gradients that one segment adds nothing to: their numbers are not computed again. */
import type { TensorData } from "../host-tensor.ts";
import { range, type View } from "./graph.ts";
import type { LoweredProgram } from "./lower.ts";

/** For each output the number of the input that it is; nothing for those that are computed. */
export type CopiedInputs = readonly (number | undefined)[];

export function copiedInputs(program: LoweredProgram): CopiedInputs {
  const copied = program.outputs.map((view) => copiedInput(program, view));
  // onnxruntime runs no program that computes nothing.
  return copied.includes(undefined) ? copied : copied.map(() => undefined);
}

/** The program of the outputs that are computed. */
export function withoutCopies(program: LoweredProgram, copied: CopiedInputs): LoweredProgram {
  return { ...program, outputs: program.outputs.filter((_, i) => copied[i] === undefined) };
}

/** All outputs, from those that were computed and the inputs. */
export function withCopies(
  computed: readonly TensorData[],
  copied: CopiedInputs,
  inputs: readonly TensorData[],
): TensorData[] {
  const rest = computed.values();
  return copied.map((input) => (input === undefined ? rest.next().value! : inputs[input]!));
}

/** The input that an output is, as the caller gave it. */
export function copiedInput({ inputs }: LoweredProgram, { node, shape, axes }: View): number | undefined {
  // In a program computed in float64 the caller may have given float32.
  if (node.kind !== "input" || node.type === "float64") return undefined;
  const given = inputs[node.index]!.shape;
  const isSame = given.length === shape.length && given.every((n, p) => n === shape[p]);
  const real = axes.filter((axis) => axis !== null);
  return isSame && real.length === node.shape.length && range(real.length).every((i) => real[i] === i)
    ? node.index
    : undefined;
}
