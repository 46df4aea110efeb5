/** Fast weights: a matrix that a slow network writes while it reads. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { applied, outerProduct } from "./linear-maps.ts";

/** Applied to keys and queries, [..., in] to [..., features]. */
export type FeatureFunction = (x: Tensor) => Tensor;

/** What the slow network makes of a token: query and key [..., in], value [..., out]. */
export interface FastWeightToken {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}

/**
 * One token of a fast-weight programmer: fade, write, read what was written.
 *
 * $$\mathcal M_t = \alpha_t\,\mathcal M_{t-1} + v_t\,\phi(k_t)^\top, \qquad y_t = \mathcal M_t\,\phi(q_t)$$
 *
 * In code: alpha = `retain`.
 *
 * @param memory M_{t-1}: [..., out, features]
 * @param retain broadcasts to the memory: a number, or [..., 1, 1] for one a memory; 1 keeps everything
 * @param features phi, the identity by default
 * @returns y_t [..., out] and M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 5
 */
export function fastWeightStep(
  memory: Tensor,
  { query, key, value }: FastWeightToken,
  retain: TensorLike = 1,
  features: FeatureFunction = (x) => x,
): [y: Tensor, memory: Tensor] {
  const written = np.add(np.multiply(retain, memory), outerProduct(value, features(key)));
  return [applied(written, features(query)), written];
}

/**
 * The read of a linear Transformer as two memories in a row: a slow one answers the token, a fast one answers that.
 *
 * $$y_t = \mathcal M_t\,\big[W_q x_t\big]$$
 *
 * @param fast M_t, after the token was written: [..., out, in]
 * @param slow W_q: [in, dim]
 * @param x x_t: [..., dim]
 * @returns y_t: [..., out]
 * @see Nested Learning (arXiv:2512.24695) Eq. 26
 */
export function slowThenFastRead(fast: Tensor, slow: Tensor, x: Tensor): Tensor {
  return applied(fast, applied(slow, x));
}
