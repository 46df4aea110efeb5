/** Delta momentum: a momentum that erases what it holds along the current gradient before it writes. */
import { np, type Tensor, type Tree } from "../array/index.ts";
import { checkChoice, checkNotNegative, checkPositive } from "./checks.ts";
import type { Optimizer } from "./optimizer.ts";
import { type DecayOptions, type ParameterRule, ruleOptimizer, zeros } from "./parameter-rule.ts";
import { asMatrix, type InputAxis, inputAxes, shapedLike, squaredNorm, throughGradient } from "./rows.ts";

/** What delta momentum may be told; nothing decays by default. */
export interface DeltaMomentumOptions extends DecayOptions {
  /** The paper's alpha: how much of the momentum is kept in the directions that the gradient does not touch; 0.9 by default. */
  readonly retain?: number;
  /** The paper's eta: the momentum's own step size; 1 by default. */
  readonly innerStepSize?: number;
  /** What the erasure is multiplied by; `innerStepSize` if left out, as the objective's gradient says. The print has 1. */
  readonly eraseStepSize?: number;
  /** Longest gradient of one parameter (Frobenius), longer ones are scaled down: the erasure is stable up to $\eta\|G\|^2 = 1 + \alpha$; 1 by default. */
  readonly maxNorm?: number;
  /** Which axis of a matrix the layer's inputs are; `rows` by default, as in this library's models. */
  readonly inputs?: InputAxis;
}

/** The state of delta momentum: the number of steps taken, [], and a tree like the parameters'. */
export type DeltaMomentumState = { readonly step: Tensor; readonly momentum: Tree };

export const deltaMomentumDefaults = {
  retain: 0.9,
  innerStepSize: 1,
  maxNorm: 1,
  inputs: "rows",
  weightDecay: 0,
} as const;

/**
 * Delta momentum with the identity as preconditioner, on any parameter tree.
 *
 * $$m_t = m_{t-1}\big(\alpha I - \eta\,G_t^\top G_t\big) - \eta\,G_t, \qquad W_t = W_{t-1} + \gamma\,m_t$$
 *
 * The objective's step size eta is the momentum's own; the learning rate stands outside as gamma, since the momentum's size is set by its target
 * $mG^\top = -I$. A vector is one row; a parameter with more axes is a matrix for each leading index. Written for y = Wx; `inputs: "rows"` is its
 * transpose. In code: alpha = `retain`, eta = `innerStepSize`.
 *
 * @throws ConfigError if a setting is out of its range
 * @see Nested Learning (arXiv:2512.24695) Eq. 48-49
 */
export function deltaMomentum(options: DeltaMomentumOptions = {}): Optimizer<DeltaMomentumState> {
  const settings = { ...deltaMomentumDefaults, ...options };
  const { retain, innerStepSize, maxNorm, inputs } = settings;
  const eraseStepSize = options.eraseStepSize ?? innerStepSize;
  checkNotNegative({ retain, eraseStepSize });
  checkPositive({ innerStepSize, maxNorm });
  checkChoice("inputs", inputs, inputAxes);
  const rule: ParameterRule = {
    slots: { momentum: zeros },
    step(gradient, slots, { parameter }) {
      const key = shortened(asMatrix(gradient), maxNorm);
      const axis = parameter.ndim >= 2 ? inputs : "columns";
      const before = asMatrix(slots.momentum!);
      const erased = np.multiply(throughGradient(before, key, axis), eraseStepSize);
      const kept = np.subtract(np.multiply(before, retain), erased);
      const momentum = shapedLike(np.subtract(kept, np.multiply(key, innerStepSize)), parameter);
      return { direction: np.negative(momentum), slots: { momentum } };
    },
  };
  return ruleOptimizer<DeltaMomentumState>("delta-momentum", () => rule, settings);
}

function shortened(gradient: Tensor, maxNorm: number): Tensor {
  if (maxNorm === Number.POSITIVE_INFINITY) return gradient;
  const norm = np.sqrt(squaredNorm(gradient));
  return np.multiply(gradient, np.divide(maxNorm, np.maximum(norm, maxNorm)));
}
