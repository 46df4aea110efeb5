/** Gates as logarithms, from logits or from probabilities: products of gates are formed in log space, so a rounded gate is never taken the logarithm of. */
import { nn, np, type Tensor } from "../array/index.ts";
import { LOG_OF_ZERO } from "../common/index.ts";
import type { ChunkGates } from "./parallel.ts";

/** What the gate heads put out: one logit a head and token, [..., C] each. */
export interface GateLogits {
  /** z of alpha = sigmoid(z): large clears the memory. */
  readonly forget: Tensor;
  /** z of eta = sigmoid(z): large carries surprise on. */
  readonly momentum: Tensor;
  /** z of theta = maxStepSize sigmoid(z). */
  readonly stepSize: Tensor;
}

/**
 * Gates from logits.
 *
 * $$\log(1-\alpha) = -\mathrm{softplus}(z^\alpha), \quad \log\eta = -\mathrm{softplus}(-z^\eta), \quad \theta = \theta_{max}\,\sigma(z^\theta)$$
 *
 * Both logarithms are finite for every finite logit.
 *
 * @param maxStepSize theta_max
 * @param maxMomentum caps eta, so that the total effect 1/(1 - eta) of a surprise stays bounded; 1 leaves it alone
 */
export function gatesFromLogits(logits: GateLogits, maxStepSize: number, maxMomentum = 1): ChunkGates {
  const logMomentum = np.negative(nn.softplus(np.negative(logits.momentum)));
  return {
    logRetain: np.negative(nn.softplus(logits.forget)),
    logMomentum: maxMomentum < 1 ? np.minimum(logMomentum, Math.log(maxMomentum)) : logMomentum,
    stepSize: np.multiply(nn.sigmoid(logits.stepSize), maxStepSize),
  };
}

/**
 * Gates from their values, exactly 0 and 1 included.
 *
 * @param forget alpha in [0, 1]: [..., C]
 * @param momentum eta in [0, 1]: [..., C]
 * @param stepSize theta >= 0: [..., C]
 */
export function gatesFromValues(forget: Tensor, momentum: Tensor, stepSize: Tensor): ChunkGates {
  const logOneMinus = (closing: Tensor) => {
    const closed = np.greaterEqual(closing, 1);
    // Inside as well as outside: the derivative of log1p at -1 is infinite, also where its value is not used.
    return np.where(closed, LOG_OF_ZERO, np.log1p(np.negative(np.where(closed, 0, closing))));
  };
  return { logRetain: logOneMinus(forget), logMomentum: logOneMinus(np.subtract(1, momentum)), stepSize };
}
