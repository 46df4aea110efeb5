export * from "./attention.ts";
export * from "./attention-masks.ts";
export * from "./attention-pattern.ts";
export * from "./block.ts";
export * from "./carried-rotary.ts";
export * from "./causal-convolution.ts";
export * from "./checks.ts";
export * from "./dense.ts";
export * from "./embeddings.ts";
export * from "./feed-forward.ts";
export * from "./gates.ts";
export * from "./layer.ts";
export * from "./learning-layer.ts";
export * from "./linear-attention.ts";
export * from "./linear-attention-layer.ts";
export * from "./memory-clipping.ts";
export * from "./memory-curvature.ts";
export * from "./memory-diagnostics.ts";
export * from "./memory-factors.ts";
export * from "./memory-layer.ts";
export {
  checkArchitecture,
  forwardThrough,
  initMemoryWeights,
  type MemoryActivation,
  type MemoryArchitecture,
  type MemoryWeights,
  memoryActivations,
  memoryForward,
  transposed,
} from "./memory-mlp.ts";
export * from "./memory-read.ts";
export * from "./norms.ts";
export * from "./rotary.ts";
export * from "./rotary-attention.ts";
export * from "./running-statistics.ts";
export * from "./segment-sum.ts";
export * from "./state.ts";
export * from "./stream.ts";
export * from "./triangular.ts";
export * from "./valid-entries.ts";
export * from "./window-attention.ts";
