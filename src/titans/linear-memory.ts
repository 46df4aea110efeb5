/** The linear memory written out, and the two recurrences it is compared with: Appendix C of the paper. */
import { np, type Tensor } from "../array/index.ts";

/** A linear memory between two tokens. */
export interface LinearMemoryState {
  /** M: [..., out, in] */
  readonly memory: Tensor;
  /** S, same shape. */
  readonly surprise: Tensor;
}

/** The gates of one token: one an output channel [..., out], or one for all of them [..., 1]. */
export interface ChannelGates {
  /** alpha: 1 clears the channel. */
  readonly forget: Tensor;
  /** eta: how much past surprise is carried on. */
  readonly momentum: Tensor;
  /** theta: how much of the momentary surprise is taken in. */
  readonly stepSize: Tensor;
}

function outer(column: Tensor, row: Tensor): Tensor {
  return np.multiply(np.expandDims(column, -1), np.expandDims(row, -2));
}

function applied(memory: Tensor, key: Tensor): Tensor {
  return np.squeeze(np.matmul(memory, np.expandDims(key, -1)), -1);
}

/**
 * One token of the linear LMM, the inner gradient written out.
 *
 * $$\mathcal M_t = \mathrm{diag}(1-\alpha_t)\,\mathcal M_{t-1} + S_t, \qquad
 * S_t = \mathrm{diag}(\eta_t)\,S_{t-1} - \mathrm{diag}(\theta_t)\,(\mathcal M_{t-1} k_t^\top - v_t^\top)\,k_t$$
 *
 * With one gate for all channels this is `memoryUpdate` with a memory of one layer and the halved squared error. The paper prints M_t on both sides of
 * Eq. 32; the right one is M_{t-1}. Gates of single channels, which the diagonals allow, exist in this form alone: the low-rank chunk has one gate a
 * memory. In code: alpha = `forget`, eta = `momentum`, theta = `stepSize`.
 *
 * @param state M_{t-1} and S_{t-1}
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @returns M_t and S_t
 * @see Titans (arXiv:2501.00663) Eq. 32-33
 */
export function linearMemoryUpdate(
  state: LinearMemoryState,
  key: Tensor,
  value: Tensor,
  gates: ChannelGates,
): LinearMemoryState {
  const perChannel = (gate: Tensor, x: Tensor) => np.multiply(np.expandDims(gate, -1), x);
  const gradient = outer(np.subtract(applied(state.memory, key), value), key);
  const surprise = np.subtract(perChannel(gates.momentum, state.surprise), perChannel(gates.stepSize, gradient));
  const memory = np.add(perChannel(np.subtract(1, gates.forget), state.memory), surprise);
  return { memory, surprise };
}

/**
 * One token of DeltaNet: what the key read before is taken away, and the value put in its place.
 *
 * $$\mathbf S_{t+1} = \mathbf S_t\,(I - \theta_t k_t k_t^\top) + \theta_t v_t k_t^\top$$
 *
 * The linear LMM without momentum and without forgetting, one gradient point a token. The paper says that no momentum alone makes it Gated DeltaNet; it
 * does not, as that one takes its gradient at the memory that has already faded.
 *
 * @param memory S_t: [..., out, in]
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param stepSize theta_t: one a memory, the leading axes
 * @returns S_{t+1}
 * @see Titans (arXiv:2501.00663) Eq. 34
 * @see Nested Learning (arXiv:2512.24695) Eq. 65
 */
export function deltaNetUpdate(memory: Tensor, key: Tensor, value: Tensor, stepSize: Tensor): Tensor {
  const size = key.shape.at(-1)!;
  const step = np.expandDims(np.expandDims(stepSize, -1), -1);
  const erase = np.subtract(np.eye(size), np.multiply(step, outer(key, key)));
  return np.add(np.matmul(memory, erase), np.multiply(step, outer(value, key)));
}

/**
 * The step size of Longhorn, which no gate can make too large.
 *
 * $$\delta_t = \frac{\theta_t}{1 + \theta_t\,\|k_t\|^2}$$
 *
 * Always below $1/\|k_t\|^2$, where one step fits the value exactly. The paper prints the norm with one transpose missing or misplaced.
 *
 * @param stepSize theta_t: [...]
 * @param key k_t: [..., in]
 * @returns delta_t: [...]
 * @see Titans (arXiv:2501.00663) Eq. 35
 */
export function longhornStepSize(stepSize: Tensor, key: Tensor): Tensor {
  return np.divide(stepSize, np.add(1, np.multiply(stepSize, np.sum(np.square(key), -1))));
}

/**
 * One token of Longhorn: the step that is exact for its own end, not for its start.
 *
 * $$\mathbf S_{t+1} = \mathbf S_t\,(I - \delta_t k_t k_t^\top) + \delta_t v_t k_t^\top
 * = \arg\min_{\mathbf S}\ \tfrac12\|\mathbf S - \mathbf S_t\|_F^2 + \tfrac{\theta_t}{2}\,\|\mathbf S k_t - v_t\|^2$$
 *
 * DeltaNet with `longhornStepSize`; stable for every theta. Neither momentum nor forgetting.
 *
 * @param memory S_t: [..., out, in]
 * @param key k_t: [..., in]
 * @param value v_t: [..., out]
 * @param stepSize theta_t: one a memory, the leading axes
 * @returns S_{t+1}
 * @see Titans (arXiv:2501.00663) Eq. 35
 * @see Nested Learning (arXiv:2512.24695) Eq. 99
 */
export function longhornUpdate(memory: Tensor, key: Tensor, value: Tensor, stepSize: Tensor): Tensor {
  return deltaNetUpdate(memory, key, value, longhornStepSize(stepSize, key));
}
