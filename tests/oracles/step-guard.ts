/** The causal step guard of section 9.2 by double loops. */

import { activationDerivative } from "./activations.ts";
import { dot, type Matrix, type Vector } from "./matrix.ts";
import { type MemoryNetwork, type MemoryWeights, memoryTrace } from "./memory-mlp.ts";

/** How much of the learned past the guard assumes: |k·k'|, or the tangent kernel of a two-layer memory. */
export type GuardKind = "keys" | "tangent";

/** Momentum above this counts as this much in the guard, so that `1/(1 - η)` stays finite. */
const largestMomentum = 0.99;

export interface GuardInput {
  /** [C, C] overlap of tokens t and j; only j <= t is read. */
  kernel: Matrix;
  momentum: Vector;
  stepSize: Vector;
  kappa: number;
  /** Masked tokens load nothing. */
  mask?: boolean[];
}

/**
 * Section 9.2 for the tokens of one chunk.
 *
 * $$g_t=\kappa\sum_{j\le t}\frac{\theta_j}{1-\min(\eta_j,0.99)}\,\mathrm{kernel}_{tj},\qquad \theta'_t=\frac{\theta_t}{\max(1,g_t)^2}$$
 *
 * @returns the loads g_t and the guarded step sizes; a masked token has load 0 and step size 0
 */
export function causalStepGuard(input: GuardInput): { loads: Vector; stepSize: Vector } {
  const visible = (t: number): boolean => input.mask?.[t] ?? true;
  const loads: Vector = [];
  const stepSize: Vector = [];
  for (let t = 0; t < input.stepSize.length; t++) {
    let load = 0;
    for (let j = 0; j <= t; j++) {
      if (!visible(t) || !visible(j)) continue;
      load += (input.stepSize[j]! / (1 - Math.min(input.momentum[j]!, largestMomentum))) * input.kernel[t]![j]!;
    }
    loads.push(input.kappa * load);
    stepSize.push(visible(t) ? input.stepSize[t]! / Math.max(1, input.kappa * load) ** 2 : 0);
  }
  return { loads, stepSize };
}

/** `|k_t · k_j|` for keys [C, d]. */
export function keyKernel(keys: Matrix): Matrix {
  return keys.map((a) => keys.map((b) => Math.abs(dot(a, b))));
}

/**
 * Tangent kernel of the plain MLP at the chunk's base weights; depth 1 is `keyKernel`, output norm and residual are left out.
 *
 * $$|h_t\cdot h_j|+|k_t\cdot k_j|\,\gamma_t\gamma_j,\qquad \gamma_t=\big\|W^{(2)}\mathrm{diag}(\varphi'(z_t))\big\|_F$$
 *
 * @throws RangeError for more than two layers: section 9.2 defines no such kernel
 */
export function tangentKernel(network: MemoryNetwork, base: MemoryWeights, keys: Matrix): Matrix {
  if (base.layers.length === 1) return keyKernel(keys);
  if (base.layers.length > 2)
    throw new RangeError(`tangentKernel: depth ${base.layers.length} is not defined, use 1 or 2`);
  const traces = keys.map((key) => memoryTrace(network, base, key));
  const hidden = traces.map((trace) => trace.inputs[1]!);
  const gains = traces.map((trace) => {
    let sum = 0;
    for (const row of base.layers[1]!) {
      row.forEach((weight, i) => {
        sum += (weight * activationDerivative(network.activation, trace.preActivations[0]![i]!)) ** 2;
      });
    }
    return Math.sqrt(sum);
  });
  return keys.map((kt, t) =>
    keys.map((kj, j) => Math.abs(dot(hidden[t]!, hidden[j]!)) + Math.abs(dot(kt, kj)) * gains[t]! * gains[j]!),
  );
}
