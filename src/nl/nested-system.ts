/** A nested system: optimisation problems, each with a context of its own, that are solved at their own frequencies. */
import { grad, mapTree, np, scope, type Tensor, type TensorLike, type Tree } from "../array/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { type NestedComponent, type NestedLevel, orderLevels } from "./levels.ts";
import { isDue, periodicUpdate } from "./schedule.ts";

/** The states of components by their names. */
export type StatesByName = Readonly<Record<string, Tree>>;

/** What a problem may make its sample from, at one data point. */
export interface Moment<D = Tree> {
  /** The data point. */
  readonly data: D;
  /** All states before this data point. */
  readonly before: StatesByName;
  /** The same, but those of faster components as they are after it. */
  readonly now: StatesByName;
}

/** A problem that is solved by gradient descent, one step a period. */
export interface NestedProblem<P extends Tree = Tree, X = unknown, D = unknown> extends NestedComponent {
  /** The next sample of its context. */
  context(moment: Moment<D>): X;
  /** The loss of its parameters on a sample, a scalar. */
  objective(params: P, sample: X): Tensor;
  readonly stepSize: TensorLike;
  /** The nearest feasible parameters; all are, if left out. */
  project?(params: P): P;
}

/** A problem without parameters that last: its solution is a function of its context. Its period is 0. */
export interface SolvedProblem<D = unknown> extends NestedComponent {
  /** The solution at a data point. */
  solve(moment: Moment<D>): Tree;
}

/** Components in order, the fastest level first. */
export interface NestedSystem<C extends NestedComponent = NestedComponent> {
  readonly components: readonly C[];
  readonly levels: readonly NestedLevel<C>[];
}

/** A system at one moment: data points so far, states by name, and for problems with a longer period the changes since its last end. */
export type NestedState = {
  readonly seen: number;
  readonly states: StatesByName;
  readonly pending: StatesByName;
};

/**
 * Puts components in order.
 *
 * @throws ConfigError if a name is unknown or appears twice, a period is none, or parts need each other in a circle
 */
export function nestedSystem<C extends NestedComponent>(components: readonly C[]): NestedSystem<C> {
  return { components, levels: orderLevels(components) };
}

/**
 * The state before the first data point.
 *
 * @param states of the components whose period is not 0, by name
 * @throws ConfigError if one of them has none, or a name is unknown
 */
export function startNested(system: NestedSystem, states: StatesByName): NestedState {
  const lasting = system.components.filter(({ period }) => period !== 0).map(({ name }) => name);
  for (const name of lasting) {
    if (states[name] === undefined)
      throw new ConfigError(`component "${name}" has no initial state; give one by its name`);
  }
  for (const name of Object.keys(states)) {
    if (!lasting.includes(name)) throw new ConfigError(unknownName("component with a state", name, lasting));
  }
  const pending = Object.entries(states).map(([name, state]) => [name, mapTree(state, (leaf) => np.zerosLike(leaf))]);
  return { seen: 0, states, pending: Object.fromEntries(pending) };
}

/**
 * One data point: every problem takes a sample from its context, the fastest first, and is updated if its period ends.
 *
 * $$\theta^{(k)}_{t+1} = \Pi\Big(\theta^{(k)}_t - \sum_{\text{period}}\eta^{(k)}\,\nabla\mathcal L^{(k)}(\theta^{(k)}_t; x_{t+1})\Big), \qquad x_{t+1} \sim \mathcal C^{(k)}$$
 *
 * Every problem has a gradient flow of its own: samples, which may be made from states of other problems, are constants to it. A problem of period C sums the gradients of C data
 * points at parameters that stand still. Printed as a proximal step with $-\nabla\mathcal L$, which ascends, and with the gradient of an output, where parameters need not be a linear
 * map; with a plus and the gradient of the parameters that step is this one.
 *
 * @param state what `startNested` or the previous step returned
 * @param data the data point
 * @returns the state after it
 * @see Nested Learning (arXiv:2512.24695) Eq. 19
 */
export function nestedStep<D>(
  system: NestedSystem<NestedProblem<Tree, unknown, D> | SolvedProblem<D>>,
  state: NestedState,
  data: D,
): NestedState {
  return scope(() => {
    const seen = state.seen + 1;
    const states: Record<string, Tree> = { ...state.states };
    const pending: Record<string, Tree> = { ...state.pending };
    for (const problem of system.levels.flatMap(({ components }) => components)) {
      if (problem.period === Infinity) continue;
      const { name } = problem;
      const moment = { data, before: state.states, now: { ...states } };
      if ("solve" in problem) {
        states[name] = problem.solve(moment);
        continue;
      }
      const params = states[name]!;
      const due = isDue(problem.period, seen);
      const gradient = gradientOf(problem, params, problem.context(moment));
      const change = mapTree(gradient, (g) => np.multiply(problem.stepSize, g));
      const next = periodicUpdate({ params, pending: pending[name]! }, change, due);
      states[name] = due && problem.project !== undefined ? problem.project(next.params) : next.params;
      pending[name] = next.pending;
    }
    return { seen, states, pending };
  });
}

function gradientOf<X>(problem: NestedProblem<Tree, X>, params: Tree, sample: X): Tree {
  return grad((at: Tree) => problem.objective(at, sample))(params);
}
