export { type AdaGradOptions, type AdaGradState, adaGrad } from "./adagrad.ts";
export { type AdamNumbers, type AdamOptions, type AdamWOptions, type AdamWState, adam, adamW } from "./adamw.ts";
export { clipByGlobalNorm, globalNorm } from "./clipping.ts";
export { type DeepMomentumOptions, type DeepMomentumState, deepMomentum } from "./deep-momentum.ts";
export { type DeltaGradientDescentOptions, deltaGradientDescent } from "./delta-gradient-descent.ts";
export { type DeltaMomentumOptions, type DeltaMomentumState, deltaMomentum } from "./delta-momentum.ts";
export { type MomentumOptions, type MomentumState, momentum, nesterov, sgd } from "./gradient-descent.ts";
export { type GroupedState, type OptimizedGroup, withGroups } from "./groups.ts";
export { type EpsilonPlace, epsilonPlaces, type M3Mode, type M3Options, m3, m3Modes } from "./m3.ts";
export { type MatrixOptions, type MatrixScaling, type MuonOptions, matrixScalings, muon } from "./muon.ts";
export { type NewtonSchulzIteration, newtonSchulz, newtonSchulzIterations } from "./newton-schulz.ts";
export type { Optimizer, ParameterGroup } from "./optimizer.ts";
export { type DecayOptions, decaysByDefault, hiddenMatrices, type RuleState } from "./parameter-rule.ts";
export {
  type PreconditionedMomentumOptions,
  type PreconditionedMomentumState,
  preconditionedMomentum,
} from "./preconditioned-momentum.ts";
export {
  type NamedOptimizer,
  type OptimizerName,
  type OptimizerSettings,
  optimizerNamed,
  optimizerNames,
  optimizers,
} from "./registry.ts";
export { type InputAxis, inputAxes } from "./rows.ts";
export { constantRate, type Schedule, type WarmupCosineOptions, warmupCosine } from "./schedules.ts";
