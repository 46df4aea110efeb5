/** How a self-modifying memory takes in one token: delta gradient descent with retention, matrix by matrix. */
import { np, type Tensor, type TensorLike } from "../array/index.ts";
import { type MemoryArchitecture, type MemoryWeights, memoryPass } from "../common/index.ts";
import { applied, outerProduct } from "./linear-maps.ts";
import { perMatrix } from "./parametric-memory.ts";
import { memoryAnswer } from "./residual-memory.ts";

/**
 * The inner loss beside the erase.
 *
 * - `dgd`: squared distance, as the paper trains with: with the erase, an answer is taken away twice, and repeated writes of one target end at half of it
 * - `delta`: agreement, so that a matrix follows the delta rule with retention and repeated writes end at the target
 */
export const selfModifyingRules = ["dgd", "delta"] as const;

/** Which matrices of a network erase: each along its own input, or the one that reads the key alone, while the others only decay. */
export const erasedLayers = ["all", "input"] as const;

/** How memories are written. */
export interface SelfModifyingRule {
  readonly rule: (typeof selfModifyingRules)[number];
  /** Takes away what the weights answer to the token, $-\eta_t k_t k_t^\top$; without it the inner rule is plain gradient descent. */
  readonly erase: boolean;
  readonly eraseLayers: (typeof erasedLayers)[number];
}

/** The paper's rule. */
export const deltaDescentRule: SelfModifyingRule = { rule: "dgd", erase: true, eraseLayers: "all" };

/** One token as a memory takes it in. */
export interface SelfModifyingPair {
  /** k_t: [..., dim] */
  readonly key: Tensor;
  /** The target: [..., dim] */
  readonly target: Tensor;
  /** eta_t: a number, or [..., 1] */
  readonly stepSize: TensorLike;
  /** alpha_t, 1 keeps everything: likewise */
  readonly retain: TensorLike;
}

const FLOOR = 1e-6;

/** @internal Lengths of a matrix's inputs, by which it divides them to erase as strongly as with a unit key: $\bar a = a / \max(\|a\|, \varepsilon)$. [..., 1] */
export function inputLengths(input: Tensor): Tensor {
  return np.sqrt(np.maximum(np.sum(np.square(input), -1, { keepdims: true }), FLOOR ** 2));
}

/**
 * The target that a memory generates for itself: what it makes of the token's value.
 *
 * $$\hat v_{\square,t} = \mathcal M_{\square,t-1}(v_t)$$
 *
 * The inner gradient takes it as a constant, the outer one goes through it to the initial memory.
 *
 * @param value v_t: [..., dim]
 * @returns [..., dim]
 * @see Nested Learning (arXiv:2512.24695) Eq. 84, 87
 */
export function selfGeneratedTarget(architecture: MemoryArchitecture, memory: MemoryWeights, value: Tensor): Tensor {
  return memoryAnswer(architecture, memory, value);
}

/**
 * One token of delta gradient descent with retention.
 *
 * $$\mathcal M_{\square,t} = \mathcal M_{\square,t-1}\big(\alpha_t I - \eta_t k_t k_t^\top\big) - \eta_t\nabla\mathcal L\big(\mathcal M_{\square,t-1}; k_t, \hat v_{\square,t}\big)$$
 *
 * A network follows it matrix by matrix, each with its own input as key: the first erases along k, later ones along their input at length one,
 *
 * $$W_2 \leftarrow W_2(\alpha I - \eta k k^\top) - \eta\big[(W_1^\top e) \odot \sigma'(W_2 k)\big]k^\top, \qquad W_1 \leftarrow W_1(\alpha I - \eta\,\bar a\bar a^\top) - \eta\,e\,a^\top$$
 *
 * with $e = \mathcal M(k) - \hat v$. The residual has no state.
 *
 * @param memory M_{t-1}: [..., out, in] a matrix
 * @returns M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 88
 */
export function selfModifyingWrite(
  architecture: MemoryArchitecture,
  memory: MemoryWeights,
  { key, target, stepSize, retain }: SelfModifyingPair,
  { rule, erase, eraseLayers }: SelfModifyingRule = deltaDescentRule,
): MemoryWeights {
  const row = (x: Tensor) => np.expandDims(x, -2);
  const pass = memoryPass(architecture, memory, row(key));
  const errors = rule === "delta" ? np.negative(row(target)) : np.subtract(pass.output, row(target));
  const layers = pass.pullBack(errors).layers.map((factors, layer) => {
    const weights = memory.layers[layer]!;
    const input = np.squeeze(factors.input, -2);
    const gradient = outerProduct(np.squeeze(factors.error, -2), input);
    const direction = layer === 0 ? input : np.divide(input, inputLengths(input));
    const erased = erase && (layer === 0 || eraseLayers === "all");
    const step = erased ? np.add(gradient, outerProduct(applied(weights, direction), direction)) : gradient;
    return np.subtract(np.multiply(perMatrix(retain), weights), np.multiply(perMatrix(stepSize), step));
  });
  return { layers };
}
