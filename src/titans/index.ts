export { associativeLoss, keysAndValues } from "./associative-loss.ts";
export {
  type BranchGate,
  type BranchGateParams,
  branchGate,
  branchGates,
  initBranchGate,
} from "./branch-gate.ts";
export {
  type ChunkEnd,
  chunkEnd,
  type EndedChunk,
  gatedTransition,
  orthogonalizedWrite,
  renormalized,
} from "./chunk-end.ts";
export { chunkDiagnostics, type ObservedChunk } from "./diagnostics.ts";
export { feedForwardAsAttention } from "./feed-forward-as-attention.ts";
export { type GateLogits, gatesFromLogits, gatesFromValues } from "./gates.ts";
export {
  type ChannelGates,
  deltaNetUpdate,
  type LinearMemoryState,
  linearMemoryUpdate,
  longhornStepSize,
  longhornUpdate,
} from "./linear-memory.ts";
export { LongTermMemory, type LongTermMemoryConfig, type LongTermMemoryParams } from "./long-term-memory.ts";
export {
  type ContextRead,
  contextReads,
  MemoryAsContext,
  type MemoryAsContextConfig,
  type MemoryAsContextParams,
  type MemoryAsContextState,
} from "./memory-as-context.ts";
export {
  MemoryAsGate,
  type MemoryAsGateConfig,
  type MemoryAsGateParams,
  type MemoryAsGateState,
} from "./memory-as-gate.ts";
export {
  MemoryAsLayer,
  type MemoryAsLayerConfig,
  type MemoryAsLayerParams,
  type MemoryAsLayerState,
} from "./memory-as-layer.ts";
export {
  type MemoryChunkOptions,
  type MemoryChunkResult,
  memoryChunk,
  type ReadMode,
  readModes,
} from "./memory-chunk.ts";
export { forgetMemory, type MemoryState, memoryUpdate, retrieve, type TokenGates } from "./memory-update.ts";
export { higherOrderMomentum, momentumLeeway } from "./momentum-order.ts";
export {
  NeuralMemory,
  type NeuralMemoryOptions,
  type NeuralMemoryParams,
  type NeuralMemoryState,
} from "./neural-memory.ts";
export {
  type ForgetTarget,
  forgetTargets,
  type NeuralMemoryConfig,
  type NeuralMemoryInput,
  neuralMemoryDefaults,
} from "./neural-memory-config.ts";
export {
  type ChunkCoefficients,
  type ChunkGates,
  chunkCoefficients,
  chunkGradientDescent,
  finalCoefficients,
  linearChunkGradient,
  momentumScan,
  type OrderCoefficients,
  type ScanElement,
} from "./parallel.ts";
export { initPersistentTokens, prependPersistent, readPersistent } from "./persistent-memory.ts";
export { normalizeQueryOrKey, pairedLossScale, type QueryKeyNorm, queryKeyNorms } from "./query-key-norm.ts";
export { type MemoryTokens, recurrentMemory, writeThenRead } from "./recurrence.ts";
export {
  curvatureGuardedStepSize,
  guardedStepSize,
  guardKernel,
  type StepGuard,
  stepGuards,
  writePressure,
} from "./step-guard.ts";
export { addSurprise, momentarySurprise, surpriseMomentum, surpriseStep } from "./surprise.ts";
