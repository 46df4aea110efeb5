/** Learning while reading: the gradient of the loss of what came next, handed to the weights that live in the state. */
import { grad, lax, mapTree, np, slice, type Tensor, type Tree } from "../array/index.ts";
import { detachState, type Observed, type SequenceLayer, type StepOptions } from "../common/index.ts";
import { ShapeError } from "../utils/index.ts";
import type { TokenLoss } from "./losses.ts";

/** Where a model's state keeps the weights that learn. */
export interface LearnedWeights<S extends Tree> {
  of(state: S): Tree;
  /** The state with other weights. */
  within(state: S, weights: Tree): S;
  /** The state after the gradient of so many tokens was taken in. */
  taking(state: S, gradient: Tree, tokens: number): S;
}

type Learn<P extends Tree, S extends Tree> = NonNullable<SequenceLayer<P, S>["learn"]>;

/**
 * A model's `learn` from its `step` and its loss.
 *
 * $$f = \nabla_\theta \sum_t w_t\,\ell(y_t(\theta), \hat y_t)$$
 *
 * Within a stretch of `unit` tokens the weights stand still, so one gradient serves all of its tokens; it reaches through the stretch, not into earlier ones,
 * and is therefore the same however a sequence is cut into calls.
 *
 * @param unit tokens of a stretch
 * @param outerGradient whether what the outer loop differentiates takes f for a constant
 */
export function learnFromLoss<P extends Tree, S extends Tree>(
  model: SequenceLayer<P, S>,
  learned: LearnedWeights<S>,
  loss: TokenLoss,
  unit: number,
  outerGradient: "firstOrder" | "exact",
): Learn<P, S> {
  const isExact = outerGradient === "exact";
  const constant = <T extends Tree>(tree: T) => (isExact ? tree : detachState(tree));

  function gradientOf(params: P, state: S, x: Tensor, { targets, weights }: Observed, options: StepOptions): Tree {
    const [p, s] = [constant(params), constant(state)];
    const summedLoss = (theta: Tree) => {
      const [outputs] = model.step(p, learned.within(s, theta), x, options);
      return np.sum(np.multiply(loss(outputs, targets), weights));
    };
    const gradient = grad(summedLoss)(learned.of(s));
    return isExact ? gradient : mapTree(gradient, (g) => lax.stopGradient(g));
  }

  return (params, start, x, observed, options = {}) => {
    const tokens = x.shape[1]!;
    if (tokens % unit !== 0)
      throw new ShapeError(
        `${tokens} tokens are no multiple of the ${unit} after which weights change; learn from whole chunks`,
      );
    const cut = (whole: Tensor, from: number) => (tokens === unit ? whole : slice(whole, [], [from, from + unit]));
    let state = start;
    const outputs: Tensor[] = [];
    for (let from = 0; from < tokens; from += unit) {
      const piece = cut(x, from);
      const known = { targets: cut(observed.targets, from), weights: cut(observed.weights, from) };
      const own = {
        ...(options.mask && { mask: cut(options.mask, from) }),
        ...(options.storeMask && { storeMask: cut(options.storeMask, from) }),
      };
      const gradient = gradientOf(params, state, piece, known, own);
      const [y, next] = model.step(params, state, piece, own);
      outputs.push(y);
      state = learned.taking(next, gradient, unit);
    }
    return [outputs.length === 1 ? outputs[0]! : np.concatenate(outputs, 1), state];
  };
}
