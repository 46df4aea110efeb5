/** A recurrence with its gradient in one session: any number of steps are one call. */
import type { TensorData } from "../host-tensor.ts";
import type { StepGradients, StepGroup } from "../recurrence.ts";
import type { Tensor } from "../tensor.ts";
import type { ArrayShape } from "../transforms.ts";
import type { Tree } from "../tree.ts";
import { gatherArguments, ownedResults } from "./arguments.ts";
import type { Session } from "./runtime.ts";
import type { StepPlan } from "./step-plan.ts";

/** What the ways there of a call's steps leave for the ways back, in bytes at most, if it has more than one step. */
const LARGEST_KEPT = 2 ** 28;

/** Steps as a session; nothing here keeps the graph. */
export class ScannedSteps<P extends Tree, S extends Tree, X> implements StepGroup<P, S, X> {
  readonly size: number;
  private readonly session: Session;
  private readonly plan: StepPlan;
  private readonly results: readonly ArrayShape[];
  private readonly unflatten: (leaves: readonly unknown[]) => unknown;

  /**
   * @param keptBytes what one step leaves
   * @param results of one step
   */
  constructor(
    session: Session,
    plan: StepPlan,
    keptBytes: number,
    results: readonly ArrayShape[],
    unflatten: (leaves: readonly unknown[]) => unknown,
  ) {
    this.size = Math.max(1, Math.floor(LARGEST_KEPT / Math.max(1, keptBytes)));
    this.session = session;
    this.plan = plan;
    this.results = results.map((result, i) => (i === plan.cost ? { ...result, dtype: "float64" } : result));
    this.unflatten = unflatten;
  }

  async run(
    params: P,
    state: S,
    inputs: readonly X[],
    ...later: [scale: Tensor, stateGradient: S, accumulated: P]
  ): Promise<StepGradients<P, S>> {
    const { cost, gradients, unchanged } = this.plan;
    const before = gatherArguments([params, state]).numbers;
    const own = inputs.map((input) => gatherArguments([input]).numbers);
    const after = gatherArguments(later).numbers;
    const stacked = own[0]!.map((_, i) => joined(own.map((numbers) => numbers[i]!)));
    const numbers = [...before, ...stacked, ...after];
    const [costs, ...found] = await this.session.run(numbers, inputs.length);

    const leaves: TensorData[] = [];
    leaves[cost] = Float64Array.of(sumOf(costs!));
    for (const [i, { output }] of gradients.entries()) leaves[output] = found[i]!;
    for (const { input, output } of unchanged) leaves[output] = numbers[input]!;
    const withoutState = (tensors: readonly unknown[]): StepGradients<P, S> => {
      const all = this.unflatten(tensors) as StepGradients<P, S>;
      return { cost: all.cost, stateGradient: all.stateGradient, gradients: all.gradients };
    };
    return ownedResults(leaves, this.results, withoutState) as StepGradients<P, S>;
  }
}

function sumOf(numbers: TensorData): number {
  let sum = 0;
  for (const x of numbers) sum += x;
  return sum;
}

/** The same tensor of several steps, one after another. */
function joined(parts: readonly TensorData[]): TensorData {
  const first = parts[0]!;
  const all = new (first.constructor as new (length: number) => TensorData)(first.length * parts.length);
  for (const [i, part] of parts.entries()) all.set(part, i * first.length);
  return all;
}
