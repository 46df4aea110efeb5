/** Moneta: the l_p bias, and retention by an l_q norm. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { lpBias } from "./bias-lp.ts";
import type { MirasSettings } from "./miras-memory-config.ts";
import { lqWeights } from "./retention-lq.ts";
import { plain } from "./row-settings.ts";
import { paperSmoothing, type Smoothing } from "./smoothing.ts";

/** The exponents of the paper's Moneta: of the bias, and the one that the map to weights is printed with, which is dual to that of the norm that retains. */
export const monetaExponents = { p: 3, qDual: 4 } as const;

/**
 * The gradient of Moneta's bias in a matrix memory.
 *
 * $$\nabla\ell_p(W_{t-1};k_t,v_t) = p\,\big(\mathrm{Sign}(W_{t-1}k_t-v_t)\odot|W_{t-1}k_t-v_t|^{p-1}\big)\,k_t^\top$$
 *
 * The paper prints a step size in it, which the update applies again: here it is applied once, there.
 *
 * @param weights W_{t-1}: [..., out, in]
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param p the bias's exponent, 3 by default
 * @param smooth stand-ins for sign and magnitude, or false (the default)
 * @returns [..., out, in]
 * @see MIRAS (arXiv:2504.13173) Eq. 25
 */
export function monetaGradient(
  weights: Tensor,
  key: Tensor,
  value: Tensor,
  p: number = monetaExponents.p,
  smooth: Smoothing | false = false,
): Tensor {
  const prediction = np.squeeze(np.matmul(weights, np.expandDims(key, -1)), -1);
  const error = lpBias({ p, smooth }).outputError!(prediction, value);
  return np.multiply(np.expandDims(error, -1), np.expandDims(key, -2));
}

/**
 * One token of Moneta, for one weight matrix.
 *
 * $$A_t=\alpha_t A_{t-1}-\eta_t\nabla\ell_p(W_{t-1};k_t,v_t),\qquad W_t=\frac{A_t}{\|A_t\|_q^{\,q-2}}$$
 *
 * A is what is carried on, never normalised. In code: alpha = `retain`, eta = `stepSize`.
 *
 * @param accumulator A_{t-1}: [..., out, in]
 * @param gradient at W_{t-1}, same shape
 * @param gates numbers, or tensors that broadcast against the matrix
 * @param qDual q, 4 by default
 * @returns A_t and W_t
 * @see MIRAS (arXiv:2504.13173) Eq. 24
 */
export function monetaUpdate(
  accumulator: Tensor,
  gradient: Tensor,
  gates: { readonly retain: TensorLike; readonly stepSize: TensorLike },
  qDual: number = monetaExponents.qDual,
): { accumulator: Tensor; weights: Tensor } {
  const next = np.subtract(np.multiply(accumulator, gates.retain), np.multiply(gradient, gates.stepSize));
  return { accumulator: next, weights: lqWeights(next, { qDual }) };
}

/** Moneta's layer. */
export const monetaSettings: MirasSettings = {
  ...plain,
  architecture: { kind: "mlp", depth: 2, expansion: 4, activation: "exactGelu", residual: true, norm: true },
  bias: { kind: "lp", p: monetaExponents.p, smooth: paperSmoothing },
  retention: { kind: "lq", qDual: monetaExponents.qDual, map: "printed" },
  gateAxis: "model",
  gates: {
    ...plain.gates,
    retain: { kind: "channel", bias: 4, rank: 32 },
    stepSize: { kind: "channel", bias: -2, rank: 32 },
  },
  maxStepSize: 0.1,
  rotary: true,
};
