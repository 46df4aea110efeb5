/** The chunk-parallel forms of the paper's section 3.2: one gradient point a chunk, sums as matrix products, momentum as a scan. */
import { np, slice, type Tensor } from "../array/index.ts";
import { cumulativeProducts, finiteLogGates, segmentProducts, transposed } from "../common/index.ts";

function last(x: Tensor): Tensor {
  return slice(x, ...x.shape.slice(0, -1).map((): [] => []), -1);
}

/**
 * All weights of a chunk under gradient descent with forgetting, gradients taken at the chunk's start.
 *
 * $$\mathcal M_t = \beta_{0,t}\,\mathcal M_0 - \sum_{i=1}^{t} \theta_i\,\beta_{i,t}\,\nabla\ell(\mathcal M_0; x_i), \qquad \beta_{i,t} = \prod_{j=i+1}^{t} (1-\alpha_j)$$
 *
 * As printed the paper equates this with the online rule, divides products (which underflows) and sums from the first token of the sequence; the
 * sum restarts in each chunk, and a token's own alpha does not touch its gradient.
 *
 * @param memory M_0: [..., out, in]
 * @param gradients one a token at M_0: [..., C, out, in]
 * @param logRetain log(1 - alpha): [..., C]
 * @param stepSize theta: [..., C]
 * @returns M_1..M_C: [..., C, out, in]
 * @see Titans (arXiv:2501.00663) Eq. 16
 */
export function chunkGradientDescent(memory: Tensor, gradients: Tensor, logRetain: Tensor, stepSize: Tensor): Tensor {
  const writes = np.multiply(segmentProducts(logRetain), np.expandDims(stepSize, -2));
  const retained = np.expandDims(np.expandDims(cumulativeProducts(logRetain), -1), -1);
  const [tokens, out, inputs] = gradients.shape.slice(-3) as [number, number, number];
  const flat = np.reshape(gradients, [...gradients.shape.slice(0, -3), tokens, out * inputs]);
  const sums = np.reshape(np.matmul(writes, flat), [...gradients.shape]);
  return np.subtract(np.multiply(retained, np.expandDims(memory, -3)), sums);
}

/**
 * The chunk's weighted gradient sum of a linear memory, as one product over its tokens.
 *
 * $$\sum_{i=1}^{b} \theta_i\,\beta_{i,b}\,\nabla\ell(W_0; x_i) = \kappa\,(K W_0^\top - V)^\top\,\Theta_b B_b\,K$$
 *
 * The paper prints the diagonal matrices on the left, where their shapes do not fit, and x for both key and value.
 *
 * @param memory W_0: [..., out, in]
 * @param keys K: [..., b, in]
 * @param values V: [..., b, out]
 * @param logRetain log(1 - alpha): [..., b]
 * @param stepSize theta: [..., b]
 * @param lossScale kappa, 1 by default
 * @returns [..., out, in]
 * @see Titans (arXiv:2501.00663) Eq. 17
 */
export function linearChunkGradient(
  memory: Tensor,
  keys: Tensor,
  values: Tensor,
  logRetain: Tensor,
  stepSize: Tensor,
  lossScale = 1,
): Tensor {
  const toEnd = slice(segmentProducts(logRetain), ...logRetain.shape.slice(0, -1).map((): [] => []), -1);
  const weights = np.multiply(np.multiply(stepSize, toEnd), lossScale);
  const errors = np.subtract(np.matmul(keys, transposed(memory)), values);
  return np.matmul(transposed(np.multiply(errors, np.expandDims(weights, -1))), keys);
}

/** One linear map S -> gate S + offset: gates [..., 1], offsets [..., n]. */
export interface ScanElement {
  readonly gate: Tensor;
  readonly offset: Tensor;
}

/**
 * Momentum inside a chunk as an associative scan: all gradients are independent, so S follows a linear recurrence.
 *
 * $$S_t = \eta_t S_{t-1} - \theta_t u_t, \qquad (a_2, B_2) \circ (a_1, B_1) = (a_2 a_1,\; a_2 B_1 + B_2)$$
 *
 * Doubling distances, so the depth is the logarithm of the chunk. S at the chunk's start is carried in, not reset.
 *
 * @param start S_0: [..., n]
 * @param momentum eta: [..., C]
 * @param steps -theta_t u_t: [..., C, n]
 * @returns S_1..S_C: [..., C, n]
 * @see Titans (arXiv:2501.00663) Eq. 18
 */
export function momentumScan(start: Tensor, momentum: Tensor, steps: Tensor): Tensor {
  const length = steps.shape.at(-2) ?? 0;
  const leading = steps.shape.slice(0, -2).map((): [] => []);
  let scanned: ScanElement = { gate: np.expandDims(momentum, -1), offset: steps };
  for (let distance = 1; distance < length; distance *= 2) {
    const earlier = (x: Tensor) => slice(x, ...leading, [0, length - distance]);
    const later = (x: Tensor) => slice(x, ...leading, [distance, length]);
    const head = (x: Tensor) => slice(x, ...leading, [0, distance]);
    const gate = np.multiply(later(scanned.gate), earlier(scanned.gate));
    const offset = np.add(np.multiply(later(scanned.gate), earlier(scanned.offset)), later(scanned.offset));
    scanned = {
      gate: np.concatenate([head(scanned.gate), gate], -2),
      offset: np.concatenate([head(scanned.offset), offset], -2),
    };
  }
  return np.add(np.multiply(scanned.gate, np.expandDims(start, -2)), scanned.offset);
}

/** How a chunk's start and its gradients combine, for every token and at the chunk's end. */
export interface ChunkCoefficients {
  /** b_t: what is left of W_0 at t. [..., C] */
  readonly memory: Tensor;
  /** c_t: what S_0 has added by t. [..., C] */
  readonly momentum: Tensor;
  /** P[t,i]: what the gradient of token i has taken from the weights by t. [..., C, C] */
  readonly writes: Tensor;
  /** h_t: what is left of S_0 in S_t. [..., C] */
  readonly surprise: Tensor;
  /** R[t,i]: what the gradient of token i has taken from S_t. [..., C, C] */
  readonly surpriseWrites: Tensor;
  /** Of each further order of momentum, from the second on; none at order 1. `momentum`, `surprise` and `surpriseWrites` are the first order's. */
  readonly higherOrders?: readonly OrderCoefficients[];
}

/** What one more pass through the momentum makes of the coefficients; see `momentumOrder`. */
export type OrderCoefficients = Pick<ChunkCoefficients, "momentum" | "surprise" | "surpriseWrites">;

/** Gates of a chunk in the form in which products are safe: logarithms at most 0, and step sizes; [..., C] each. */
export interface ChunkGates {
  /** log(1 - alpha) */
  readonly logRetain: Tensor;
  /** log(eta) */
  readonly logMomentum: Tensor;
  /** theta */
  readonly stepSize: Tensor;
}

/**
 * The closed form of momentum and forgetting together over one chunk.
 *
 * $$W_t = b_t W_0 + c_t S_0 - \sum_{i \le t} P[t,i]\,g_i, \qquad S_t = h_t S_0 - \sum_{i \le t} R[t,i]\,g_i$$
 *
 * with $A[t,i] = \prod_{i<j\le t}(1-\alpha_j)$, $H[t,i] = \prod_{i<j\le t}\eta_j$, $b_t = A[t,0]$, $h_t = H[t,0]$, $c = A h$, $P = A H\,\mathrm{diag}(\theta)$ and
 * $R = H\,\mathrm{diag}(\theta)$. A masked token is an exact no-op: its gates become (1, 1, 0) and its momentum is not added.
 *
 * Momentum of order n passes through n leaky sums, $S^{(k)}_t = \eta_t S^{(k)}_{t-1} + S^{(k-1)}_t$, and $S^{(n)}$ moves the weights. Each further order
 * multiplies by H from the left once more: $h^{(m)} = H^m h$, $c^{(m)} = A h^{(m)}$, $R^{(k)} = H^{k-1} R$ and $P = A R^{(n)}$.
 *
 * @param gates [..., C] each
 * @param mask 1 for tokens, 0 for empty slots: broadcastable to [..., C]
 * @param order n, 1 by default: the paper's
 * @see Titans (arXiv:2501.00663) Eq. 16, 18
 */
export function chunkCoefficients(gates: ChunkGates, mask?: Tensor, order = 1): ChunkCoefficients {
  const masked = (x: Tensor) => (mask === undefined ? x : np.multiply(x, mask));
  const summed = (x: Tensor) => (mask === undefined ? x : np.multiply(x, np.expandDims(mask, -2)));
  const logRetain = masked(finiteLogGates(gates.logRetain));
  const logMomentum = masked(finiteLogGates(gates.logMomentum));
  const stepSize = np.expandDims(masked(gates.stepSize), -2);
  const addedToMemory = summed(segmentProducts(logRetain));
  const carried = segmentProducts(logMomentum);
  const addedToSurprise = summed(carried);
  const times = (matrix: Tensor, x: Tensor) => np.squeeze(np.matmul(matrix, np.expandDims(x, -1)), -1);
  const orders: OrderCoefficients[] = [];
  let surprise = cumulativeProducts(logMomentum);
  let products = carried;
  for (let k = 1; k <= order; k++) {
    if (k > 1) {
      surprise = times(addedToSurprise, surprise);
      products = np.matmul(addedToSurprise, products);
    }
    const momentum = times(addedToMemory, surprise);
    orders.push({ momentum, surprise, surpriseWrites: np.multiply(products, stepSize) });
  }
  const [first, ...higherOrders] = orders as [OrderCoefficients, ...OrderCoefficients[]];
  return {
    memory: cumulativeProducts(logRetain),
    writes: np.multiply(np.matmul(addedToMemory, products), stepSize),
    ...first,
    ...(order > 1 ? { higherOrders } : {}),
  };
}

/** The coefficients of the chunk's last token. */
export function finalCoefficients(coefficients: ChunkCoefficients): ChunkCoefficients {
  const lastRow = (x: Tensor) => slice(x, ...x.shape.slice(0, -2).map((): [] => []), -1);
  const ofOrder = ({ momentum, surprise, surpriseWrites }: OrderCoefficients): OrderCoefficients => ({
    momentum: last(momentum),
    surprise: last(surprise),
    surpriseWrites: lastRow(surpriseWrites),
  });
  const { memory, writes, higherOrders } = coefficients;
  return {
    memory: last(memory),
    writes: lastRow(writes),
    ...ofOrder(coefficients),
    ...(higherOrders ? { higherOrders: higherOrders.map(ofOrder) } : {}),
  };
}
