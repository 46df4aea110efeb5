/** Which inputs and outputs of a step with its gradient are what. */
import { jax } from "../runtime.ts";
import { leaves, type Tree } from "../tree.ts";
import { copiedInput } from "./copies.ts";
import type { Carried, RecurrenceRoles } from "./emit-recurrence.ts";
import { range } from "./graph.ts";
import type { LoweredProgram } from "./lower.ts";
import type { TracedProgram } from "./traced-program.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";

/** The roles in a recurrence, and what is known of the results beside it. */
export interface StepPlan extends RecurrenceRoles {
  /** Gradients that are what was given, however many steps there are. */
  readonly unchanged: readonly Carried[];
}

/**
 * The plan of a lowered step with its gradient.
 *
 * @param lowered what `pullbackOf` gives, with arguments and results as it names them
 * @param args trees of its first three arguments
 * @throws UnsupportedPrimitive if what is carried changes its shape or type from step to step
 */
export function planSteps(
  lowered: LoweredProgram,
  unflatten: TracedProgram["unflatten"],
  [params, state, own]: readonly Tree[],
): StepPlan {
  const [p, s, x] = [params!, state!, own!].map((tree) => leaves(tree).length) as [number, number, number];
  const from = (start: number, count: number) => range(count).map((i) => start + i);
  // Parameters, state, what each step has of its own, the scale, the state's gradient, the parameters' gradients.
  const [stateBefore, each] = [from(p, s), from(p + s, x)];
  const [stateOwed, paramsOwed] = [from(p + s + x + 1, s), from(p + s + x + 1 + s, p)];

  const results = unflatten(range(lowered.outputs.length)) as Readonly<Record<string, unknown>>;
  const outputsOf = (name: string) => jax.tree.leaves(results[name] as never) as unknown as number[];
  const carried = (inputs: readonly number[], name: string) => {
    const outputs = outputsOf(name);
    return inputs.map((input, i): Carried => ({ input, output: outputs[i]! }));
  };
  const isUnchanged = ({ input, output }: Carried) => copiedInput(lowered, lowered.outputs[output]!) === input;
  const owed = [...carried(stateOwed, "stateGradient"), ...carried(paramsOwed, "gradients")];
  const plan: StepPlan = {
    cost: outputsOf("cost")[0]!,
    own: each,
    state: carried(stateBefore, "state").filter((it) => !isUnchanged(it)),
    gradients: owed.filter((it) => !isUnchanged(it)),
    unchanged: owed.filter(isUnchanged),
  };
  for (const it of [...plan.state, ...plan.gradients]) checkCarried(lowered, it);
  return plan;
}

function checkCarried({ inputs, outputs }: LoweredProgram, { input, output }: Carried): void {
  const [before, after] = [inputs[input]!, outputs[output]!];
  if (before.type !== after.node.type || `${before.shape}` !== `${after.shape}`)
    throw new UnsupportedPrimitive(
      "scan",
      `what is carried has shape [${before.shape}] before and [${after.shape}] after a step`,
    );
}
