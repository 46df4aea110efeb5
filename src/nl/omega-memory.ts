/** The Omega rule: a memory that looks at the last few tokens again at each step. */
import { grad, np, slice, type Tensor, type TensorLike, type Tree, zipTrees } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";
import { type MemoryDesign, storageObjective } from "./memory-design.ts";

/** The tokens that a step looks at. */
export interface OmegaWindow {
  /** phi(k_i): [..., c, in] */
  readonly keys: Tensor;
  /** v_i: [..., c, out] */
  readonly values: Tensor;
  /** gamma_{t,i}, the step size of each: [..., c] */
  readonly stepSizes: Tensor;
}

/**
 * One step of the Omega rule: the memory fades, and learns from all tokens of a window at once.
 *
 * $$\mathcal M_t = \alpha_t\,\mathcal M_{t-1} - \sum_{i=t-c+1}^{t}\gamma_{t,i}\,\nabla\tilde{\mathcal L}\big(\mathcal M_{t-1}; \phi(k_i), v_i\big)$$
 *
 * All gradients are taken at M_{t-1}; the paper prints the loss for its gradient, at M_t. In code: alpha = `retain`, gamma = `stepSizes`.
 *
 * @param design the memory's form, of any kind, and its loss
 * @param memory M_{t-1}, a tree
 * @param window the last c tokens, or fewer at the start
 * @param retain broadcasts to every leaf of the memory; 1, the default, keeps everything
 * @returns M_t
 * @see Nested Learning (arXiv:2512.24695) Eq. 68
 */
export function omegaStep<M extends Tree>(
  design: MemoryDesign<M>,
  memory: M,
  { keys, values, stepSizes }: OmegaWindow,
  retain: TensorLike = 1,
): M {
  const change = grad((at: M) => storageObjective(design, at, keys, values, stepSizes))(memory);
  return zipTrees((m, g) => np.subtract(np.multiply(retain, m), g), memory, change);
}

/**
 * The Omega rule over a sequence: each token's step looks at the token and the c - 1 before it, as far as there are any.
 *
 * @param memory M_0, a tree
 * @param keys phi(k): [..., T, in]
 * @param values v: [..., T, out]
 * @param stepSizes gamma: [..., T, c]; the last entry of a row is the token's own, the one before that of its predecessor
 * @param retain alpha, the same at every token
 * @returns M_1, ..., M_T
 * @throws ShapeError if there is not a row of step sizes a token
 * @see Nested Learning (arXiv:2512.24695) Eq. 68
 */
export function omegaRecurrence<M extends Tree>(
  design: MemoryDesign<M>,
  memory: M,
  keys: Tensor,
  values: Tensor,
  stepSizes: Tensor,
  retain: TensorLike = 1,
): M[] {
  const [tokens, window] = [keys.shape.at(-2)!, stepSizes.shape.at(-1)!];
  if (values.shape.at(-2) !== tokens || stepSizes.shape.at(-2) !== tokens) {
    throw new ShapeError(
      `keys [${keys.shape}], values [${values.shape}] and step sizes [${stepSizes.shape}] must have the same number of tokens, the axis before the last`,
    );
  }
  const every = keys.shape.slice(0, -2).map((): [] => []);
  const states: M[] = [];
  let now = memory;
  for (let t = 0; t < tokens; t++) {
    const present = Math.min(window, t + 1);
    const rows: [number, number] = [t + 1 - present, t + 1];
    const seen = {
      keys: slice(keys, ...every, rows),
      values: slice(values, ...every, rows),
      stepSizes: slice(stepSizes, ...every, t, [window - present, window]),
    };
    now = omegaStep(design, now, seen, retain);
    states.push(now);
  }
  return states;
}
