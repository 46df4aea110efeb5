/** Yaad: the Huber bias, and retention by decay. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { type HuberL1Gradient, huberBias } from "./bias-huber.ts";
import type { MirasSettings } from "./miras-memory-config.ts";
import { monetaSettings } from "./moneta.ts";
import { paperSmoothing, type Smoothing } from "./smoothing.ts";

/** What an update of Yaad is made with. */
export interface YaadGates {
  /** alpha: a number, or a tensor that broadcasts against the matrix. */
  readonly retain: TensorLike;
  /** eta, likewise. */
  readonly stepSize: TensorLike;
  /** delta: [..., 1] */
  readonly threshold: Tensor;
}

/**
 * One token of Yaad in a matrix memory: the squared error where the residual is small, a bounded step where it is large.
 *
 * $$W_t=\alpha_tW_{t-1}-\begin{cases}\eta_t\nabla\ell_2(W_{t-1};k_t,v_t)&\|W_{t-1}k_t-v_t\|\le\delta_t\\ \eta_t\delta_t\nabla\ell_1(W_{t-1};k_t,v_t)&\text{otherwise}\end{cases}$$
 *
 * The paper's formula for alpha holds for a global retention of $\frac1{2\beta}\|W\|^2$; step size and alpha are free gates. In code: alpha = `retain`,
 * eta = `stepSize`, delta = `threshold`.
 *
 * @param weights W_{t-1}: [..., out, in]
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param l1 which gradient stands for that of the l1 norm, `sign` by default
 * @param smooth a stand-in for the sign, or false (the default)
 * @returns W_t
 * @see MIRAS (arXiv:2504.13173) Eq. 26
 */
export function yaadUpdate(
  weights: Tensor,
  key: Tensor,
  value: Tensor,
  { retain, stepSize, threshold }: YaadGates,
  l1: HuberL1Gradient = "sign",
  smooth: Smoothing | false = false,
): Tensor {
  const prediction = np.squeeze(np.matmul(weights, np.expandDims(key, -1)), -1);
  const error = huberBias({ form: "mixture", l1, smooth }).outputError!(prediction, value, threshold);
  const gradient = np.multiply(np.expandDims(error, -1), np.expandDims(key, -2));
  return np.subtract(np.multiply(weights, retain), np.multiply(gradient, stepSize));
}

/**
 * Yaad's layer, with smaller steps than Moneta's and slower decay, which it needs to train.
 *
 * Where the sign is smooth, a small coordinate of a large residual sees the slope of the tanh, 10 delta: with delta near 1 the tokens of a chunk overshoot together, so
 * delta starts near 1/8. Nothing holds the size of these weights as Moneta's and Memora's maps do: keeping 98 % a token they fade within a text, and the norm
 * that follows divides by what is left. With Moneta's gates, norms of outer gradients grew beyond 10^6; with these they stay of order one.
 */
export const yaadSettings: MirasSettings = {
  ...monetaSettings,
  gates: {
    ...monetaSettings.gates,
    retain: { kind: "channel", bias: 6, rank: 32 },
    threshold: { kind: "token", bias: -2 },
  },
  maxStepSize: 0.02,
  bias: { kind: "huber", form: "mixture", l1: "sign", smooth: paperSmoothing },
  retention: { kind: "l2", gradientAt: "previous" },
};
