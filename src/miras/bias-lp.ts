/** The l_p bias: residuals are damped below p = 2 and amplified above it. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import { type MatrixWrite, matrixMemoryStep } from "./matrix-memory.ts";
import { residual } from "./residual.ts";
import { checkSmoothing, power, type Smoothing, signOrTanh } from "./smoothing.ts";

/** Which l_p bias. */
export interface LpBiasOptions {
  /** From 1; Moneta has 3. */
  readonly p: number;
  /** Smooth stand-ins for sign and absolute value in the error, or false (the default) for the error itself. Training with p = 1 needs them. */
  readonly smooth?: Smoothing | false;
}

/**
 * The l_p bias.
 *
 * $$\mathcal L = \|r\|_p^p = \sum_j |r_j|^p, \qquad e = p\,\mathrm{Sign}(r) \odot |r|^{p-1} \approx p\,\tanh(a\,r) \odot (r^2+\epsilon)^{(p-1)/2},
 * \qquad r = \mathcal M(k) - v$$
 *
 * With p = 2 it is the l2 bias at `full` scale. The smooth error is the paper's for training; the loss is the same with it. Without it the second
 * derivative at r = 0, infinite below p = 2, is taken as 0. In code: a = `smooth.slope`, epsilon = `smooth.epsilon`.
 *
 * @throws ConfigError unless p is at least 1 and the smoothing positive; the bias itself throws ShapeError where prediction and value differ in shape
 * @see MIRAS (arXiv:2504.13173) Eq. 10
 */
export function lpBias({ p, smooth = false }: LpBiasOptions): AttentionalBias {
  if (!(p >= 1 && p < Infinity)) throw new ConfigError(`p of the lp bias is ${p}; it must be a number of at least 1`);
  checkSmoothing(smooth);
  const name = "lp";
  return {
    name,
    thresholded: false,
    loss: (prediction, value) => np.sum(power(np.abs(residual(name, prediction, value)), p), -1),
    outputError: (prediction, value) => np.multiply(slope(residual(name, prediction, value), p, smooth), p),
  };
}

/** Sign(r) |r|^(p-1), or its smooth stand-in. */
function slope(r: Tensor, p: number, smooth: Smoothing | false): Tensor {
  if (smooth !== false)
    return np.multiply(signOrTanh(r, smooth), power(np.add(np.square(r), smooth.epsilon), (p - 1) / 2));
  // From p = 2 the sign is the residual's own, so that a derivative passes it.
  return p < 2 ? np.multiply(np.sign(r), power(np.abs(r), p - 1)) : np.multiply(r, power(np.abs(r), p - 2));
}

/**
 * One token of a matrix memory under the l_p bias.
 *
 * $$W_t = W_{t-1} - p\,\eta_t\,\big(\mathrm{Sign}(r_t) \odot |r_t|^{p-1}\big)\,k_t^\top, \qquad r_t = W_{t-1} k_t - v_t$$
 *
 * The paper prints W_t on the right; it is W_{t-1}. In code: eta = `stepSize`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @param write k_t, v_t and eta_t
 * @param options p, and whether the error is smooth
 * @returns W_t
 * @throws ConfigError unless p is at least 1 and the smoothing positive, ShapeError if the value does not fit the memory's rows
 * @see MIRAS (arXiv:2504.13173) Eq. 11
 */
export function lpUpdate(memory: Tensor, write: MatrixWrite, options: LpBiasOptions): Tensor {
  return matrixMemoryStep(lpBias(options), memory, write);
}

/**
 * One token of a matrix memory that is told no values, only whether to read more or less: the l_1 bias.
 *
 * $$W_t = W_{t-1} - \eta_t\,\mathrm{Sign}(W_{t-1} k_t - v_t)\,k_t^\top$$
 *
 * How far the prediction is off does not matter to the write. No outer gradient passes the sign: training needs the smooth one. The paper prints W_t on
 * the right; it is W_{t-1}. In code: eta = `stepSize`.
 *
 * @param memory W_{t-1}: [..., out, in]
 * @param write k_t, v_t and eta_t
 * @param smooth the sign's smooth stand-in, or false for the sign itself
 * @returns W_t
 * @throws ConfigError unless the smoothing is positive, ShapeError if the value does not fit the memory's rows
 * @see MIRAS (arXiv:2504.13173) Eq. 12
 */
export function valuelessUpdate(memory: Tensor, write: MatrixWrite, smooth: Smoothing | false = false): Tensor {
  return matrixMemoryStep(lpBias({ p: 1, smooth }), memory, write);
}
