/** Where self-modifying memories start from: one memory that learns in context, between projections that do not. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../common/index.ts";
import { applied, innerProduct, outerProduct } from "./linear-maps.ts";
import { memoryAnswer } from "./residual-memory.ts";

/** What a token is projected to. As projected, gates have no bounds: `boundedGates` gives them some. */
export interface ProjectedToken {
  /** q_t: [..., dim] */
  readonly query: Tensor;
  /** k_t: [..., dim] */
  readonly key: Tensor;
  /** v_t: [..., dim] */
  readonly value: Tensor;
  /** eta_t: one number [..., 1], or [..., dim] before it is reduced to one */
  readonly stepSize: Tensor;
  /** alpha_t, 1 keeps everything: likewise */
  readonly retain: Tensor;
}

/** The matrices of a token's projections: [..., out, in] each, one row for a gate. */
export type ProjectionWeights = { readonly [name in keyof ProjectedToken]: Tensor };

/**
 * Projects a token by matrices that the outer loop learns and the context never changes.
 *
 * $$k_t = W_k x_t, \quad v_t = W_v x_t, \quad q_t = W_q x_t, \quad \eta_t = W_\eta x_t, \quad \alpha_t = W_\alpha x_t$$
 *
 * @param weights [..., out, in] each
 * @param x x_t: [..., in]
 * @returns [..., out] each
 * @see Nested Learning (arXiv:2512.24695) Eq. 76
 */
export function staticProjections(weights: ProjectionWeights, x: Tensor): ProjectedToken {
  return {
    query: applied(weights.query, x),
    key: applied(weights.key, x),
    value: applied(weights.value, x),
    stepSize: applied(weights.stepSize, x),
    retain: applied(weights.retain, x),
  };
}

/**
 * What every memory minimises: the distance of its answer to a key from a target, which stays what it is while the memory moves.
 *
 * $$\mathcal L(\mathcal M; k, v) = \tfrac12\|\mathcal M(k) - v\|^2$$
 *
 * The main memory's target is the token's value (Eq 77, 81), or what the memory itself makes of it (Eq 85); in the design with shared targets (Eq 80) the key
 * of a projection is its own answer. The paper prints the square without the half.
 *
 * @param memory M: [..., out, in] a matrix
 * @param key k: [..., dim]
 * @param target v: [..., dim]
 * @returns [], summed over leading axes
 * @see Nested Learning (arXiv:2512.24695) Eq. 77, 80-81, 85
 */
export function recallObjective(
  architecture: MemoryArchitecture,
  memory: MemoryWeights,
  key: Tensor,
  target: Tensor,
): Tensor {
  const error = np.subtract(memoryAnswer(architecture, memory, key), target);
  return np.multiply(0.5, innerProduct(error, error));
}

/**
 * One token of a matrix memory between static projections: descent on `recallObjective` with decay, then the read.
 *
 * $$\mathcal M_t = \mathcal M_{t-1}\big(\alpha_t I - \eta_t k_t k_t^\top\big) + \eta_t v_t k_t^\top, \qquad y_t = \mathcal M_t\,q_t$$
 *
 * Retention and erasing both act on the state before the token, where Gated DeltaNet erases from what is retained.
 *
 * @param memory M_{t-1}: [..., dim, dim]
 * @param token with gates of one number: [..., 1]
 * @returns y_t [..., dim] and M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 77-78
 */
export function parametricStep(memory: Tensor, token: ProjectedToken): [y: Tensor, memory: Tensor] {
  const { query, key, value, stepSize, retain } = token;
  const error = np.subtract(applied(memory, key), value);
  const kept = np.multiply(perMatrix(retain), memory);
  const written = np.subtract(kept, np.multiply(perMatrix(stepSize), outerProduct(error, key)));
  return [applied(written, query), written];
}

/** @internal A gate [..., 1] as it broadcasts against a matrix [..., out, in]. */
export function perMatrix(gate: TensorLike): TensorLike {
  return typeof gate === "number" ? gate : np.expandDims(gate, -1);
}
