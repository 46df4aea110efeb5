/** The linear recurrent network over a matrix memory: what the models before MIRAS have in common. */
import { np, slice, type Tensor } from "../array/index.ts";
import { ConfigError, ShapeError } from "../utils/index.ts";
import { outer } from "./matrix-memory.ts";

/** How a transition acts on a memory: one gate, a gate a row (value channel), a gate a column (key channel), a gate an entry, or a matrix from the right. */
export const transitionKinds = ["scalar", "row", "column", "hadamard", "rightMatrix"] as const;
/** One of `transitionKinds`. */
export type TransitionKind = (typeof transitionKinds)[number];

/**
 * One token of a linear recurrent network.
 *
 * $$\mathcal M_t = A_t * \mathcal M_{t-1} + v_t k_t^\top$$
 *
 * With one column (in = 1) it is a vector memory. Read it by $y_t = \mathcal M_t q_t$.
 *
 * @param memory M_{t-1}: [..., out, in]
 * @param transition A_t: [...] for `scalar`, [..., out] for `row`, [..., in] for `column`, [..., out, in] for `hadamard`, [..., in, in] for `rightMatrix`
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param kind what * is
 * @returns M_t
 * @throws ConfigError if the kind is unknown, ShapeError if the transition does not fit
 * @see MIRAS (arXiv:2504.13173) Eq. 3
 */
export function linearRecurrence(
  memory: Tensor,
  transition: Tensor,
  key: Tensor,
  value: Tensor,
  kind: TransitionKind,
): Tensor {
  const write = outer(value, key);
  return np.add(transformed(spreadTransition(transition, write, kind), memory, kind), write);
}

/**
 * All memories of a linear recurrent network, as an associative scan: the products of transitions do not depend on what is written.
 *
 * $$\mathcal M_t = A_t * \mathcal M_{t-1} + v_t k_t^\top, \qquad (A_2, B_2) \circ (A_1, B_1) = (A_2 * A_1,\; A_2 * B_1 + B_2)$$
 *
 * Doubling distances, so the depth is the logarithm of the length. It holds the memory of every token: the form that faster ones are compared with.
 *
 * @param memory M_0: [..., out, in]
 * @param transitions A_1..A_C, shaped as in `linearRecurrence` with the tokens' axis after the leading ones, such as [..., C] for `scalar`
 * @param keys [..., C, in]
 * @param values [..., C, out]
 * @param kind what * is
 * @returns M_1..M_C: [..., C, out, in]
 * @throws ConfigError if the kind is unknown, ShapeError if the transitions do not fit
 * @see MIRAS (arXiv:2504.13173) Eq. 3
 */
export function linearRnn(
  memory: Tensor,
  transitions: Tensor,
  keys: Tensor,
  values: Tensor,
  kind: TransitionKind,
): Tensor {
  const writes = outer(values, keys);
  const [length, rest] = [writes.shape.at(-3)!, writes.shape.slice(0, -3).map((): [] => [])];
  let scanned = { transition: spreadTransition(transitions, writes, kind), write: writes };
  for (let distance = 1; distance < length; distance *= 2) {
    const earlier = (x: Tensor) => slice(x, ...rest, [0, length - distance]);
    const later = (x: Tensor) => slice(x, ...rest, [distance, length]);
    const joined = (x: Tensor, composed: Tensor) => np.concatenate([slice(x, ...rest, [0, distance]), composed], -3);
    const { transition, write } = scanned;
    const last = later(transition);
    scanned = {
      transition: joined(transition, transformed(last, earlier(transition), kind)),
      write: joined(write, np.add(transformed(last, earlier(write), kind), later(write))),
    };
  }
  return np.add(transformed(scanned.transition, np.expandDims(memory, -3), kind), scanned.write);
}

/** A * X, for a memory or, with the same meaning, another transition as X. */
function transformed(transition: Tensor, x: Tensor, kind: TransitionKind): Tensor {
  return kind === "rightMatrix" ? np.matmul(x, transition) : np.multiply(transition, x);
}

/** A transition with axes of length 1 where it is the same for all rows or columns. */
function spreadTransition(transition: Tensor, write: Tensor, kind: TransitionKind): Tensor {
  if (!transitionKinds.includes(kind))
    throw new ConfigError(`a transition of kind "${kind}" is unknown (valid: ${transitionKinds.join(", ")})`);
  const leading = write.shape.slice(0, -2);
  const [out, inputs] = write.shape.slice(-2) as [number, number];
  const [given, spread] = {
    scalar: [[], [1, 1]],
    row: [[out], [out, 1]],
    column: [[inputs], [1, inputs]],
    hadamard: [
      [out, inputs],
      [out, inputs],
    ],
    rightMatrix: [
      [inputs, inputs],
      [inputs, inputs],
    ],
  }[kind] as [number[], number[]];
  const expected = [...leading, ...given];
  if (`${transition.shape}` !== `${expected}`) {
    throw new ShapeError(
      `a ${kind} transition has shape [${transition.shape}]; for writes of shape [${write.shape}] it must be [${expected}]`,
    );
  }
  return np.reshape(transition, [...leading, ...spread]);
}
