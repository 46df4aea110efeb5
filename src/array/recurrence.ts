/** Exact back-propagation through time over any number of steps of one function, compiled once. */
import type { Program, Recurrence, RecurrentStep } from "./engine-interface.ts";
import { detached, release, retain } from "./lifetimes.ts";
import { np } from "./namespaces.ts";
import type { Tensor } from "./tensor.ts";
import { readScalar, zerosLike } from "./transfer.ts";
import { vjp } from "./transforms.ts";
import { type Tree, zipTrees } from "./tree.ts";

/** What a step, or several, give on the way back. */
export type StepGradients<P, S> = { readonly cost: Tensor; readonly stateGradient: S; readonly gradients: P };

/** Steps whose gradient is computed in one call. */
export interface StepGroup<P, S, X> {
  /** How many at most. */
  readonly size: number;
  /**
   * @param stateGradient with respect to the state after the last of the steps
   * @param accumulated what the gradients are added to
   */
  run(
    params: P,
    state: S,
    inputs: readonly X[],
    scale: Tensor,
    stateGradient: S,
    accumulated: P,
  ): Promise<StepGradients<P, S>>;
}

/** A step as a program. */
export type Forward<P, S, X> = Program<[P, S, X], { readonly cost: Tensor; readonly state: S }>;

/** A step with its gradient as a program. */
export type Backward<P, S, X> = Program<[P, S, X, Tensor, S, P], StepGradients<P, S>>;

/** What `Forward` computes. */
export function forwardOf<P extends Tree, S extends Tree, X>(step: RecurrentStep<P, S, X>) {
  return (params: P, state: S, input: X) => {
    const [cost, next] = step(params, state, input);
    return { cost, state: next };
  };
}

/** The results of a step, and what they owe: its pullback for a cost that counts `scale`, with earlier gradients added. */
export function pullbackOf<P extends Tree, S extends Tree, X>(step: RecurrentStep<P, S, X>) {
  return (params: P, state: S, input: X, scale: Tensor, stateGradient: S, accumulated: P) =>
    vjp(
      (p: P, s: S) => step(p, s, input),
      [params, state],
      ([cost, next], pullback) => {
        const [gradients, earlier] = pullback([scale, stateGradient]);
        const sum = zipTrees((x, y) => np.add(x, y), accumulated, gradients);
        return { cost, state: next, stateGradient: earlier, gradients: sum };
      },
    );
}

/** What `Backward` computes. */
export function backwardOf<P extends Tree, S extends Tree, X>(step: RecurrentStep<P, S, X>) {
  const pullback = pullbackOf(step);
  return (...args: Parameters<typeof pullback>): StepGradients<P, S> => {
    const { cost, stateGradient, gradients } = pullback(...args);
    return { cost, stateGradient, gradients };
  };
}

/** One step at a time. */
export function singleSteps<P, S, X>(backward: Backward<P, S, X>): StepGroup<P, S, X> {
  return { size: 1, run: (params, state, [input], ...later) => backward(params, state, input!, ...later) };
}

/**
 * Exact back-propagation through time, one group of steps at a time.
 *
 * The forward runs over the groups in order and keeps the states between them; then the groups are run in reverse, each from its state, and pass the
 * gradient with respect to the state on. Only the last group is not computed twice.
 *
 * @param forward one step
 * @param groupFor the steps that are computed in one call, for arguments of these shapes
 */
export function recurrenceOf<P extends Tree, S extends Tree, X>(
  forward: Forward<P, S, X>,
  groupFor: (params: P, state: S, input: X) => Promise<StepGroup<P, S, X>>,
): Recurrence<P, S, X> {
  const advance = async (params: P, state: S, inputs: readonly X[]) => {
    let current = state;
    let total = 0;
    for (const input of inputs) {
      const { cost, state: next } = await forward(params, current, input);
      if (current !== state) release(current);
      current = next;
      total += await taken(cost);
    }
    return { cost: total, state: current };
  };
  return {
    async cost(params, state, inputs) {
      const { cost, state: last } = await advance(params, state, inputs);
      if (last !== state) release(last);
      return cost;
    },
    async gradients(params, state, inputs, scale, accumulated) {
      const [first] = inputs;
      if (first === undefined) return { cost: 0, stateGradient: zerosLike(state), gradients: retain(accumulated) };
      const group = await groupFor(params, state, first);
      const groups = inGroups(inputs, group.size);
      const states = [retain(state)];
      for (const steps of groups.slice(0, -1)) states.push((await advance(params, states.at(-1)!, steps)).state);
      const scaleTensor = detached(() => np.array(scale, { dtype: "float32" }));
      let cost = 0;
      let owed = { stateGradient: zerosLike(state), gradients: retain(accumulated) };
      for (const [i, steps] of [...groups.entries()].reverse()) {
        const { stateGradient, gradients } = owed;
        const found = await group.run(params, states[i]!, steps, scaleTensor, stateGradient, gradients);
        release(stateGradient, gradients, states[i]!);
        owed = { stateGradient: found.stateGradient, gradients: found.gradients };
        cost += await taken(found.cost);
      }
      release(scaleTensor);
      return { cost, ...owed };
    },
  };
}

/** Lists of at most `size` in order, of which the first alone may be shorter: the last is computed once, all others twice. */
function inGroups<X>(items: readonly X[], size: number): X[][] {
  const first = items.length % size || size;
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i === 0 ? 0 : first + (i - 1) * size, first + i * size));
}

/** A number out of a tensor that is freed. */
async function taken(scalar: Tensor): Promise<number> {
  const value = await readScalar(scalar);
  release(scalar);
  return value;
}
