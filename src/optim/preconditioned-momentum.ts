/** Momentum of preconditioned gradients. */
import { np, type Tensor, type Tree } from "../array/index.ts";
import { decayingMean, gradientWeight } from "./adamw.ts";
import { checkPositive, checkShares } from "./checks.ts";
import type { Optimizer } from "./optimizer.ts";
import { type DecayOptions, type ParameterRule, ruleOptimizer, zeros } from "./parameter-rule.ts";
import { asMatrix, shapedLike } from "./rows.ts";

/** What preconditioned momentum may be told; nothing decays by default. */
export interface PreconditionedMomentumOptions extends DecayOptions {
  /** The paper's alpha: how much of the momentum is kept; 0.9 by default. */
  readonly momentum?: number;
  /** How much of the rows' mean squared gradient is kept; 0.95 by default. */
  readonly beta2?: number;
  /** Added to the root of the mean squared gradient; 1e-8 by default. */
  readonly epsilon?: number;
}

/** Its state: the number of steps taken, [], the momentum, and the rows' mean squared gradients [..., rows, 1]. */
export type PreconditionedMomentumState = { readonly step: Tensor; readonly momentum: Tree; readonly rowSquare: Tree };

export const preconditionedMomentumDefaults = { momentum: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0 } as const;

/**
 * Momentum whose write is the gradient times a value matrix: here the diagonal one that gives every row of a gradient the size one.
 *
 * $$m_t = \alpha\,m_{t-1} + P_t G_t, \qquad P_t = \mathrm{diag}\Big(\frac{1}{\sqrt{r_t} + \epsilon}\Big), \qquad W_t = W_{t-1} - \eta\,m_t$$
 *
 * r is the moving average of each row's mean squared gradient, corrected for its start at zero as in Adam. The paper leaves the matrix P open; one number
 * a row is the largest family that costs no memory to speak of. A vector is one row. In code: alpha = `momentum`.
 *
 * @throws ConfigError if a share is not in [0, 1), epsilon is not positive, or the decay is negative
 * @see Nested Learning (arXiv:2512.24695) Eq. 47
 */
export function preconditionedMomentum(
  options: PreconditionedMomentumOptions = {},
): Optimizer<PreconditionedMomentumState> {
  const settings = { ...preconditionedMomentumDefaults, ...options };
  const { momentum, beta2, epsilon } = settings;
  checkShares({ momentum, beta2 });
  checkPositive({ epsilon });
  const rule: ParameterRule = {
    slots: { momentum: zeros, rowSquare: (parameter) => rowMean(np.zerosLike(asMatrix(parameter))) },
    step(gradient, slots, { parameter, step }) {
      const matrix = asMatrix(gradient);
      const rowSquare = decayingMean(beta2, slots.rowSquare!, rowMean(np.square(matrix)));
      const size = np.sqrt(np.divide(rowSquare, gradientWeight(beta2, step)));
      const written = shapedLike(np.divide(matrix, np.add(size, epsilon)), parameter);
      const accumulated = np.add(np.multiply(slots.momentum!, momentum), written);
      return { direction: accumulated, slots: { momentum: accumulated, rowSquare } };
    },
  };
  return ruleOptimizer<PreconditionedMomentumState>("preconditioned-momentum", () => rule, settings);
}

function rowMean(matrix: Tensor): Tensor {
  return np.mean(matrix, -1, { keepdims: true });
}
