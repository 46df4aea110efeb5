/** The gates of a chunk's writes, and which axis of which weight matrix they act on. */
import { np, type Tensor } from "../array/index.ts";
import { finiteLogGates } from "../common/index.ts";

/** Gates of a chunk: one number a token and memory [..., C, 1], or one a channel [..., C, d]. */
export interface WriteGates {
  /** log of what is kept of the memory, at most 0 (the paper's alpha, 1 keeps all). */
  readonly logRetain: Tensor;
  /** eta: how much of the gradient is taken in. */
  readonly stepSize: Tensor;
  /** What is taken from the size of every weight (the elastic net's gamma). */
  readonly shrinkage?: Tensor;
  /** A second gate, on key channels (the columns of the first matrix), beside `logRetain` on value channels: the rank-one gate of decaying fast weights. [..., C, in] */
  readonly logRetainKeys?: Tensor;
  /** log of how much of the last steps is carried on; none without momentum. [..., C, 1] */
  readonly logMomentum?: Tensor;
  /** Huber's delta: [..., C, 1], or [..., C, out] where the bias takes one a channel. */
  readonly threshold?: Tensor;
}

/**
 * Which channels a gate of several numbers belongs to.
 *
 * - `values`: the rows of the last matrix; the other matrices take the mean
 * - `keys`: the columns of the first matrix; the others take the mean
 * - `model`: both, as one vector of the model's width can only stand on the outer axes of a network
 */
export const gateAxes = ["values", "keys", "model"] as const;
/** One of `gateAxes`. */
export type GateAxis = (typeof gateAxes)[number];

/** Gates along one axis of a matrix: one number, or one an entry of the axis. [..., C, n] each */
export interface AxisGates {
  readonly logRetain: Tensor;
  /** One, where left out. */
  readonly stepSize?: Tensor;
  readonly shrinkage?: Tensor;
}

/** The gates of one weight matrix, along its rows and its columns; what is left out gates nothing. */
export interface MatrixGates {
  readonly rows?: AxisGates;
  readonly columns?: AxisGates;
}

/**
 * What a token's gates are for one matrix of a memory.
 *
 * @param layer number of the matrix, from 0, the one that reads the key
 * @param depth how many there are
 */
export function matrixGates(gates: WriteGates, axis: GateAxis, layer: number, depth: number): MatrixGates {
  const { logRetain, stepSize, shrinkage, logRetainKeys } = gates;
  const isLast = layer === depth - 1;
  const own: AxisGates = { logRetain, stepSize, ...(shrinkage ? { shrinkage } : {}) };
  const keys = layer === 0 && logRetainKeys ? { columns: { logRetain: logRetainKeys } } : {};
  if (isLast && axis !== "keys") return { rows: own, ...keys };
  if (layer === 0 && axis !== "values") return { columns: own };
  const mean: AxisGates = {
    logRetain: logMean(logRetain),
    stepSize: meanOf(stepSize),
    ...(shrinkage ? { shrinkage: meanOf(shrinkage) } : {}),
  };
  return { rows: mean, ...keys };
}

function isChannelwise(gate: Tensor): boolean {
  return (gate.shape.at(-1) ?? 1) > 1;
}

function meanOf(gate: Tensor): Tensor {
  return isChannelwise(gate) ? np.mean(gate, -1, { keepdims: true }) : gate;
}

/** The logarithm of the mean of gates: $\log\frac1d\sum_j e^{x_j}$, from the largest, so that nothing underflows. */
function logMean(logGate: Tensor): Tensor {
  if (!isChannelwise(logGate)) return logGate;
  const logs = finiteLogGates(logGate);
  const largest = np.max(logs, -1, { keepdims: true });
  return np.add(largest, np.log(np.mean(np.exp(np.subtract(logs, largest)), -1, { keepdims: true })));
}

/**
 * Gates under which an empty slot changes nothing: it keeps all, carries nothing on, and takes nothing in.
 *
 * @param mask 1 for tokens, 0 for empty slots: broadcastable to [..., C]
 */
export function maskedGates(gates: WriteGates, mask: Tensor): WriteGates {
  const valid = np.expandDims(mask, -1);
  const open = (logGate: Tensor) => np.multiply(finiteLogGates(logGate), valid);
  const { logRetain, stepSize, shrinkage, logRetainKeys, logMomentum } = gates;
  return {
    ...gates,
    logRetain: open(logRetain),
    stepSize: np.multiply(stepSize, valid),
    ...(shrinkage ? { shrinkage: np.multiply(shrinkage, valid) } : {}),
    ...(logRetainKeys ? { logRetainKeys: open(logRetainKeys) } : {}),
    ...(logMomentum ? { logMomentum: open(logMomentum) } : {}),
  };
}
