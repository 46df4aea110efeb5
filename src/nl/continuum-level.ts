/** One level of a continuum memory: weights that stand still for a chunk, and learn from the sum of its gradients. */
import { leaves, mapTree, np, type Tensor, type Tree, vmap, zipTrees } from "../array/index.ts";
import type { Optimizer } from "../optim/index.ts";

/** How a level learns. */
export interface LevelRule {
  /** C: tokens between two updates. */
  readonly period: number;
  /** eta, of a single token: gradients of a chunk are summed. */
  readonly stepSize: number;
  /** Whose error term f is. */
  readonly optimizer: Optimizer;
}

/** What a level carries, one row a sequence. */
export type LevelState = {
  /** theta: [batch, ...] each */
  readonly weights: Tree;
  /** Sum of the gradients since the last update, a tree like the weights. */
  readonly pending: Tree;
  /** Tokens since the last update: [batch] */
  readonly elapsed: Tensor;
  /** How many updates there have been: [batch] */
  readonly updates: Tensor;
  /** What the optimiser remembers, [batch, ...] each. */
  readonly optimizer: Tree;
  /** Where a nested level starts anew, and the sum of gradients since that was last changed: trees like the weights. */
  readonly start?: { readonly weights: Tree; readonly pending: Tree };
};

/** A tree with a row for each sequence, all alike. */
function rowsOf<T extends Tree>(tree: T, batch: number): T {
  return mapTree(tree, (leaf) => np.broadcastTo(np.expandDims(leaf, 0), [batch, ...leaf.shape]));
}

function zeros<T extends Tree>(tree: T): T {
  return mapTree(tree, (leaf) => np.zerosLike(leaf));
}

function sum<T extends Tree>(a: T, b: Tree): T {
  return zipTrees((x, y) => np.add(x, y), a, b);
}

/** Of two trees the first where a row is chosen. */
function chosen<T extends Tree>(rows: Tensor, yes: T, no: Tree): T {
  return zipTrees((a, b) => np.where(np.reshape(rows, [-1, ...a.shape.slice(1).map(() => 1)]), a, b), yes, no);
}

/**
 * A level before the first token: every sequence starts from the weights that the outer loop has learned, and outer gradients reach them from all sequences.
 *
 * $$\theta_0^{(f_s)} = \arg\min_\Phi\ \mathbb E_{\mathcal T \sim \mathcal C^{(1)}}\big[\ell(\Theta, \mathcal T; \Phi)\big], \qquad 1 \le s \le k$$
 *
 * @param weights theta_0, without a batch axis
 * @param optimizer the level's
 * @param isNested whether a slower level changes where this one starts
 * @see Nested Learning (arXiv:2512.24695) Eq. 73
 */
export function startLevel(
  weights: Tree,
  batch: number,
  optimizer: Optimizer,
  { isNested = false }: { readonly isNested?: boolean } = {},
): LevelState {
  const own = rowsOf(weights, batch);
  const counts = np.zeros([batch]);
  const state = {
    weights: own,
    pending: zeros(own),
    elapsed: counts,
    updates: counts,
    optimizer: rowsOf(optimizer.init(weights), batch),
  };
  return isNested ? { ...state, start: { weights: own, pending: zeros(own) } } : state;
}

/** A level after some tokens, and which rows were updated: [batch], 1 or 0. */
export type LevelUpdate = { readonly state: LevelState; readonly due: Tensor };

/**
 * Takes in the gradient of some tokens, and updates the weights of those sequences whose chunk ends with them.
 *
 * $$\theta_{i+1} = \theta_i - \begin{cases} \sum_{t=i-C+1}^{i} \eta\,f(\theta_t; x_t) & i \equiv 0 \pmod C \\ 0 & \text{otherwise} \end{cases}$$
 *
 * The optimiser is given the sum of the chunk's gradients, so that plain gradient descent is the formula; the paper prints C + 1 terms, which would count the
 * last token of every chunk twice. Whether an update is due never decides what is computed, only which of two results is kept.
 *
 * @param state before these tokens
 * @param gradient of their summed loss with respect to the weights, a tree like them
 * @param tokens how many they are; a chunk must not end among them
 * @throws ShapeError if the gradient is another tree than the weights
 * @see Nested Learning (arXiv:2512.24695) Eq. 71
 */
export function continuumUpdate(state: LevelState, gradient: Tree, tokens: number, rule: LevelRule): LevelUpdate {
  const { period, stepSize, optimizer } = rule;
  const elapsed = np.add(state.elapsed, tokens);
  const due = np.greaterEqual(elapsed, period);
  const pending = sum(state.pending, gradient);
  const rate = np.array(stepSize, { dtype: leaves(pending)[0]!.dtype });
  const [weights, memory] = vmap((theta: Tree, g: Tree, kept: Tree): [Tree, Tree] =>
    optimizer.update(theta, g, kept, rate),
  )(state.weights, pending, state.optimizer);
  return {
    due,
    state: {
      ...state,
      weights: chosen(due, weights, state.weights),
      pending: chosen(due, zeros(pending), pending),
      elapsed: np.where(due, np.zerosLike(elapsed), elapsed),
      updates: np.add(state.updates, np.astype(due, state.updates.dtype)),
      optimizer: chosen(due, memory, state.optimizer),
      ...(state.start && { start: { ...state.start, pending: sum(state.start.pending, gradient) } }),
    },
  };
}

/**
 * Ends the context of a nested level where the next slower one is updated: what was learned there becomes where it starts, and it starts anew.
 *
 * $$\theta_0^{(f_{s+1})} = \arg\min_\Phi\ \mathbb E_{\mathcal T \sim \mathcal C^{(s)}}\big[\ell(\Theta, \mathcal T; \Phi)\big], \qquad 1 \le s < k$$
 *
 * One step towards it: the start moves by the slower level's step size against the sum of the faster one's gradients over the slower one's chunk, which
 * are taken for those with respect to the start (first order).
 *
 * @param state of the faster level, with a `start`
 * @param due where the slower level was updated: [batch]
 * @param stepSize the slower level's
 * @see Nested Learning (arXiv:2512.24695) Eq. 72
 */
export function nestedContinuumReset(state: LevelState, due: Tensor, stepSize: number): LevelState {
  const { start } = state;
  if (start === undefined) return state;
  const moved = zipTrees((w, g) => np.subtract(w, np.multiply(g, stepSize)), start.weights, start.pending);
  const weights = chosen(due, moved, start.weights);
  return {
    ...state,
    weights: chosen(due, weights, state.weights),
    start: { weights, pending: chosen(due, zeros(start.pending), start.pending) },
  };
}

/**
 * How many parameters levels update, as a mean over tokens: $\sum_\ell P_\ell / C^{(\ell)}$.
 *
 * @param levels parameters P and period C of each; C is `Infinity` for a level that stands still
 */
export function updatedParametersPerToken(
  levels: readonly { readonly parameters: number; readonly period: number }[],
): number {
  return levels.reduce((total, { parameters, period }) => total + parameters / period, 0);
}

/**
 * How many parameters of a level were updated so far, counted while it happened.
 *
 * @returns one number a sequence: [batch]
 */
export function updatedParameters({ weights, updates }: LevelState): Tensor {
  const batch = updates.shape[0]!;
  const parameters = leaves(weights).reduce((total, leaf) => total + leaf.size / batch, 0);
  return np.multiply(updates, parameters);
}
