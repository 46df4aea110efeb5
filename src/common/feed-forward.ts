/** Feed-forward blocks: what a token does with its own features between layers that mix tokens. */
import { type Key, nn, np, splitKey, type Tensor } from "../array/index.ts";
import { dense, initDense } from "./dense.ts";

/** Weights of a GELU block: up [dim, hidden], down [hidden, dim]. */
export type GeluParams = { readonly up: Tensor; readonly down: Tensor };

/** Weights of a SwiGLU block: gate and up [dim, hidden], down [hidden, dim]. */
export type SwigluParams = { readonly gate: Tensor; readonly up: Tensor; readonly down: Tensor };

/** Fresh weights of a GELU block: [dim, hidden] up, [hidden, dim] down. */
export function initGelu(key: Key, dim: number, hidden: number): GeluParams {
  const [up, down] = splitKey(key, 2);
  return { up: initDense(up!, dim, hidden), down: initDense(down!, hidden, dim) };
}

/**
 * Two linear maps with a GELU between them (the tanh form).
 *
 * $$y = \mathrm{gelu}(x W_1)\,W_2$$
 *
 * @param params W_1 = `up` [dim, hidden], W_2 = `down` [hidden, dim]
 * @param x [..., dim]
 * @returns [..., dim]
 */
export function geluFeedForward(params: GeluParams, x: Tensor): Tensor {
  return dense(params.down, nn.gelu(dense(params.up, x)));
}

/** Fresh weights of a SwiGLU block: [dim, hidden] for the gate and up, [hidden, dim] down. */
export function initSwiglu(key: Key, dim: number, hidden: number): SwigluParams {
  const [gate, up, down] = splitKey(key, 3);
  return { gate: initDense(gate!, dim, hidden), up: initDense(up!, dim, hidden), down: initDense(down!, hidden, dim) };
}

/**
 * A linear map whose hidden features are gated by the SiLU of another.
 *
 * $$y = \big(\mathrm{silu}(x W_g) \odot x W_1\big) W_2$$
 *
 * @param params W_g = `gate`, W_1 = `up` [dim, hidden], W_2 = `down` [hidden, dim]
 * @param x [..., dim]
 * @returns [..., dim]
 */
export function swigluFeedForward(params: SwigluParams, x: Tensor): Tensor {
  return dense(params.down, np.multiply(nn.silu(dense(params.gate, x)), dense(params.up, x)));
}
