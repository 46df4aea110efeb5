/** Deep momentum: a small network as momentum, trained on the gradients it is shown. */
import { grad, key, nn, np, random, type Tensor, type Tree } from "../array/index.ts";
import { checkCounts, checkPositive } from "./checks.ts";
import { clipByGlobalNorm } from "./clipping.ts";
import type { Optimizer } from "./optimizer.ts";
import { type DecayOptions, type ParameterRule, ruleOptimizer } from "./parameter-rule.ts";
import { asMatrix, shapedLike } from "./rows.ts";

/** What deep momentum may be told; nothing decays by default. */
export interface DeepMomentumOptions extends DecayOptions {
  /** Width of the memory between its two layers; 16 by default. */
  readonly hiddenDim?: number;
  /** The paper's alpha: how much of the memory's weights is kept; 0.999 by default. */
  readonly retain?: number;
  /** The paper's eta: the memory's own step size; 0.1 by default. */
  readonly innerStepSize?: number;
  /** Draws the memories' first weights; 0 by default. */
  readonly seed?: number;
}

/** Its state: the number of steps taken, [], and each parameter's memory: [hidden, width] and [width, hidden], width being its last axis. */
export type DeepMomentumState = { readonly step: Tensor; readonly inner: Tree; readonly outer: Tree };

export const deepMomentumDefaults = {
  hiddenDim: 16,
  retain: 0.999,
  innerStepSize: 0.1,
  seed: 0,
  weightDecay: 0,
} as const;

/** The weights of one parameter's memory. */
type Memory = { readonly inner: Tensor; readonly outer: Tensor };

/**
 * Deep momentum: every parameter has a two-layer network that learns to answer a gradient's rows with their negatives, and moves by its answer.
 *
 * $$\Theta_t = \alpha\,\Theta_{t-1} - \eta\,\nabla_\Theta\,\tfrac12\|m_\Theta(u_t) + u_t\|^2, \qquad W_t = W_{t-1} + \gamma\,m_{\Theta_t}(u_t)$$
 *
 * u is the gradient with root mean square one, its rows seen one by one and their losses averaged, so that the memory's size does not depend on how many
 * there are; the inner gradient is shortened to norm one. What the memory has not seen often enough it answers weakly, so that directions that recur pass
 * and noise is damped. The paper's own loss and read move weights by a fixed sign; this pair descends. The first layer starts random,
 * the second at zero: the first answers are small. In code: alpha = `retain`, eta = `innerStepSize`, gamma is the learning rate.
 *
 * @throws ConfigError if a setting is out of its range
 * @see Nested Learning (arXiv:2512.24695) Eq. 50
 */
export function deepMomentum(options: DeepMomentumOptions = {}): Optimizer<DeepMomentumState> {
  const settings = { ...deepMomentumDefaults, ...options };
  const { hiddenDim, retain, innerStepSize, seed } = settings;
  checkCounts({ hiddenDim });
  checkPositive({ retain, innerStepSize });
  const rule: ParameterRule = {
    slots: {
      inner: (parameter) => randomLayer(seed, hiddenDim, parameter),
      outer: (parameter) => np.zeros([widthOf(parameter), hiddenDim], { dtype: parameter.dtype }),
    },
    step(gradient, slots, { parameter }) {
      const rows = unitRows(gradient);
      const before: Memory = { inner: slots.inner!, outer: slots.outer! };
      const [pull] = clipByGlobalNorm(grad(innerLoss)(before, rows), 1);
      const learnt = (weights: Tensor, change: Tensor) =>
        np.subtract(np.multiply(weights, retain), np.multiply(change, innerStepSize));
      const after = { inner: learnt(before.inner, pull.inner), outer: learnt(before.outer, pull.outer) };
      return { direction: np.negative(shapedLike(answer(after, rows), parameter)), slots: after };
    },
  };
  return ruleOptimizer<DeepMomentumState>("deep-momentum", () => rule, settings);
}

/** Answers to rows [n, width]. */
function answer({ inner, outer }: Memory, rows: Tensor): Tensor {
  return np.matmul(nn.silu(np.matmul(rows, np.swapaxes(inner, 0, 1))), np.swapaxes(outer, 0, 1));
}

function innerLoss(memory: Memory, rows: Tensor): Tensor {
  const error = np.add(answer(memory, rows), rows);
  return np.multiply(np.mean(np.sum(np.square(error), -1)), 0.5);
}

/** The rows of a gradient, scaled together to root mean square one: [n, width]. Zeros stay zeros. */
function unitRows(gradient: Tensor): Tensor {
  const matrix = asMatrix(gradient);
  const size = np.sqrt(np.mean(np.square(matrix)));
  return np.reshape(np.divide(matrix, np.where(np.equal(size, 0), 1, size)), [-1, widthOf(gradient)]);
}

/** Normal with variance 1/width, so that a row of size one gives hidden numbers of size one: [hidden, width]. */
function randomLayer(seed: number, hiddenDim: number, parameter: Tensor): Tensor {
  const width = widthOf(parameter);
  const drawn = random.normal(key(seed), [hiddenDim, width]);
  return np.astype(np.multiply(drawn, 1 / Math.sqrt(width)), parameter.dtype);
}

function widthOf(parameter: Tensor): number {
  return parameter.shape.at(-1) ?? 1;
}
