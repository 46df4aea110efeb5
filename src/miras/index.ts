export { type AssociativeMemory, type AssociativeMemoryConfig, associativeMemory } from "./associative-memory.ts";
export {
  type AssociativePairs,
  associativeObjective,
  type PairReduction,
  pairReductions,
} from "./associative-objective.ts";
export { associativeRecurrence } from "./associative-recurrence.ts";
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
export {
  type AlgorithmChoice,
  type ArchitectureChoice,
  architectureOf,
  type BiasChoice,
  biasOf,
  type RetentionChoice,
  retentionOf,
} from "./choices.ts";
export { matrixDecay } from "./chunk-decay.ts";
export { chunkGradientSum } from "./chunk-gradient-sum.ts";
export * from "./classical-updates.ts";
export {
  type Additions,
  type CarriedStep,
  deltaChunk,
  type EraseTokens,
  type Erasure,
  eraseChunk,
  eraseShares,
  type MatrixChunk,
  matrixChunk,
} from "./delta-chunk.ts";
export * from "./ftrl.ts";
export type { GateHeadParams, GateSource, LowRankGateParams } from "./gate-heads.ts";
export { huberCoordinateUpdate, huberMixtureUpdate, huberNormUpdate } from "./huber-updates.ts";
export * from "./least-squares.ts";
export { linearRecurrence, linearRnn, type TransitionKind, transitionKinds } from "./linear-recurrence.ts";
export { type MatrixWrite, matrixMemoryStep, type ThresholdedWrite } from "./matrix-memory.ts";
export {
  lagGradientSum,
  lagGradients,
  lagToken,
  literalTail,
  type MemoraGates,
  memoraSettings,
  memoraUpdate,
} from "./memora.ts";
export {
  type Algorithm,
  type ChunkForm,
  type ChunkTokens,
  chunkFormOf,
  chunkForms,
  type LinearRetention,
  type MappedRetention,
  type MemoryChoices,
  type Retention,
} from "./memory-choices.ts";
export { associativeChunk } from "./memory-chunk.ts";
export type { AssociativeState, OutputNorm } from "./memory-state.ts";
export { MirasMemory, type MirasMemoryParams, type MirasMemoryState } from "./miras-memory.ts";
export {
  type GateSources,
  type KeySource,
  keySources,
  type MirasMemoryConfig,
  type MirasSettings,
} from "./miras-memory-config.ts";
export { monetaExponents, monetaGradient, monetaSettings, monetaUpdate } from "./moneta.ts";
export type { ChunkOptions, ChunkResult } from "./network-writes.ts";
export * from "./online-gradient-descent.ts";
export * from "./retention-bregman.ts";
export * from "./retention-elastic-net.ts";
export * from "./retention-f-divergence.ts";
export * from "./retention-gate.ts";
export * from "./retention-kl.ts";
export * from "./retention-lq.ts";
export { lightningDecays, plainSettings, retNetDecays } from "./row-settings.ts";
export {
  type ScaledSimplex,
  type SimplexSlice,
  simplexSlices,
  simplexViolation,
  simplexWeights,
} from "./scaled-simplex.ts";
export { paperSmoothing, type Smoothing } from "./smoothing.ts";
export {
  type LayerRow,
  type RowForm,
  rowForm,
  type TableColumns,
  type TableRow,
  type TableRowName,
  table1,
  tableRow,
  tableRowNames,
} from "./table1.ts";
export * from "./viewpoints.ts";
export { type GateAxis, gateAxes, maskedGates, type WriteGates } from "./write-gates.ts";
export { type YaadGates, yaadSettings, yaadUpdate } from "./yaad.ts";
