export {
  type AssociativePairs,
  associativeObjective,
  type PairReduction,
  pairReductions,
} from "./associative-memory.ts";
export { type AttentionalBias, biasError } from "./attentional-bias.ts";
export {
  type DotProductBiasOptions,
  dotProductBias,
  type L2BiasOptions,
  type L2Scale,
  l2Bias,
  l2Scales,
} from "./bias-classical.ts";
export {
  type HuberBiasOptions,
  type HuberForm,
  type HuberL1Gradient,
  huber,
  huberBias,
  huberForms,
  huberL1Gradients,
} from "./bias-huber.ts";
export { type LpBiasOptions, lpBias, lpUpdate, valuelessUpdate } from "./bias-lp.ts";
export { type ValueShiftBiasOptions, valueShiftBias } from "./bias-value-shift.ts";
export { huberCoordinateUpdate, huberMixtureUpdate, huberNormUpdate } from "./huber-updates.ts";
export { linearRecurrence, linearRnn, type TransitionKind, transitionKinds } from "./linear-recurrence.ts";
export { type MatrixWrite, matrixMemoryStep, type ThresholdedWrite } from "./matrix-memory.ts";
export { paperSmoothing, type Smoothing } from "./smoothing.ts";
