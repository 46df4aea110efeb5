/** Level 2A: associative memory by choice of bias, retention gate and algorithm. */
export * from "./classical-updates.ts";
export * from "./ftrl.ts";
export * from "./least-squares.ts";
export * from "./online-gradient-descent.ts";
export * from "./retention-bregman.ts";
export * from "./retention-elastic-net.ts";
export * from "./retention-f-divergence.ts";
export * from "./retention-gate.ts";
export * from "./retention-kl.ts";
export * from "./retention-lq.ts";
export {
  type ScaledSimplex,
  type SimplexSlice,
  simplexSlices,
  simplexViolation,
  simplexWeights,
} from "./scaled-simplex.ts";
export * from "./viewpoints.ts";
