/** Oracles written from the papers in scalar float64, independent of the library. */

export * from "./activations.ts";
export * from "./attention.ts";
export * from "./branch-gate.ts";
export * from "./coefficients.ts";
export * from "./convolution.ts";
export * from "./finite-differences.ts";
export * from "./layer.ts";
export * from "./linear-attention.ts";
export * from "./masks.ts";
export * from "./matrix.ts";
export * from "./memory-as-context.ts";
export * from "./memory-mlp.ts";
export * from "./memory-reads.ts";
export * from "./memory-with-window.ts";
export * from "./newton-schulz.ts";
export * from "./norms.ts";
export * from "./positioned-attention.ts";
export * from "./random.ts";
export * from "./recurrences.ts";
export * from "./stability-options.ts";
export * from "./step-guard.ts";
export * from "./titans.ts";
export * from "./training.ts";
export * from "./tree.ts";
