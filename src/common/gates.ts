/** Gate heads: one number a token and head, from a linear map of the token's features. */
import { np, type Tensor } from "../array/index.ts";

/** Weight [dim, heads] and bias [heads] of a gate head. */
export type GateParams = { readonly weight: Tensor; readonly bias: Tensor };

/**
 * A fresh gate head: zero weights, so that every token starts with the gate that the bias gives.
 *
 * @param dim features of a token
 * @param heads gates a token
 * @param bias the logit at the start
 */
export function initGate(dim: number, heads: number, bias: number): GateParams {
  return { weight: np.zeros([dim, heads]), bias: np.full([heads], bias, { dtype: "float32" }) };
}

/**
 * The gates' logits; a sigmoid of them is left to the caller, who may need their logarithm.
 *
 * $$z = x w + b$$
 *
 * @param params w [dim, heads] and b [heads]
 * @param x [batch, tokens, dim]
 * @returns z: [batch, heads, tokens]
 */
export function gateLogits(params: GateParams, x: Tensor): Tensor {
  return np.swapaxes(np.add(np.matmul(x, params.weight), params.bias), -1, -2);
}
