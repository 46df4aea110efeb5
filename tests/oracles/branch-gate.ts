/** How two branches become one: the operator written ⊗ in Eq 25 and Eq 28. */

import { activate, sigmoid } from "./activations.ts";
import { add, hadamard, type Matrix, scale, type Vector } from "./matrix.ts";
import { rmsNorm } from "./norms.ts";

export type BranchGateKind = "sigmoid" | "silu" | "product" | "sum";

/** Scales of the two RMSNorms, [dim] each. */
export interface BranchScales {
  /** γ_y. */
  attention: Vector;
  /** γ_m. */
  memory: Vector;
}

/** Of every RMSNorm outside the memory layer too. */
export const branchEpsilon = 1e-6;

/**
 * Row by row, with `ŷ = RMSNorm(y; γ_y)` and `m̂ = RMSNorm(m; γ_m)`:
 * sigmoid `ŷ ⊙ σ(m̂)`, silu `ŷ ⊙ silu(m̂)`, product `σ(ŷ ⊙ m̂)`, sum `(ŷ + m̂) / 2`.
 *
 * @param y [T, dim], the attention branch (Eq 25: the attended rows)
 * @param m [T, dim], the memory branch
 */
export function branchGate(kind: BranchGateKind, y: Matrix, m: Matrix, scales: BranchScales): Matrix {
  return y.map((row, t) => {
    const attended = rmsNorm(row, scales.attention, branchEpsilon);
    const remembered = rmsNorm(m[t]!, scales.memory, branchEpsilon);
    switch (kind) {
      case "sigmoid":
        return hadamard(attended, remembered.map(sigmoid));
      case "silu":
        return hadamard(
          attended,
          remembered.map((value) => activate("silu", value)),
        );
      case "product":
        return hadamard(attended, remembered).map(sigmoid);
      case "sum":
        return scale(0.5, add(attended, remembered));
      default:
        return kind satisfies never;
    }
  });
}
