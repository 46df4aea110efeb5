/** Muon: momentum whose matrices are orthogonalised before they are applied. */
import { np, type Tensor } from "../array/index.ts";
import { type AdamNumbers, adamRule, adamWDefaults } from "./adamw.ts";
import { checkChoice, checkCounts, checkShares } from "./checks.ts";
import { lookAhead } from "./gradient-descent.ts";
import { type NewtonSchulzIteration, newtonSchulz, newtonSchulzIterations } from "./newton-schulz.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";
import {
  type DecayOptions,
  hiddenMatrices,
  type ParameterRule,
  type RuleState,
  ruleOptimizer,
  zeros,
} from "./parameter-rule.ts";

/** How large the update of a matrix is: as AdamW's, so that one learning rate serves both, or what the formula says. */
export const matrixScalings = ["rms", "literal"] as const;
/** One of `matrixScalings`. */
export type MatrixScaling = (typeof matrixScalings)[number];

/** Root mean square of an update that is scaled to AdamW's (Liu et al., arXiv:2502.16982, section 2.2). */
export const ADAM_RMS = 0.2;

/** What optimisers for matrices may be told about them and about the other parameters. */
export interface MatrixOptions extends AdamNumbers, DecayOptions {
  /** Newton-Schulz iterations; 5 by default. */
  readonly steps?: number;
  /** Which iteration; `quintic` by default. */
  readonly iteration?: NewtonSchulzIteration;
  /** How large the updates are; `rms` by default. */
  readonly scaling?: MatrixScaling;
  /** Which parameters are orthogonalised; `hiddenMatrices` by default. AdamW moves the others, with the betas and the epsilon given. */
  readonly matrices?: ParameterGroup;
}

/** What Muon may be told. */
export interface MuonOptions extends MatrixOptions {
  /** How much of the accumulated gradient is kept; 0.95 by default. */
  readonly momentum?: number;
  /** Orthogonalises where the momentum will have gone (Nesterov); true by default. */
  readonly nesterov?: boolean;
}

export const muonDefaults = {
  momentum: 0.95,
  nesterov: true,
  steps: 5,
  iteration: "quintic",
  scaling: "rms",
  ...adamWDefaults,
} as const;

/**
 * Muon (Jordan et al., 2024): momentum through Newton-Schulz for matrices, AdamW for all other parameters.
 *
 * $$m_t = \alpha\,m_{t-1} + g_t, \qquad W_t = W_{t-1} - \gamma\,\mathrm{NS}_k(m_t)$$
 *
 * The paper puts the learning rate inside m, where Newton-Schulz, which normalises its input, removes it: it stands outside as gamma. A matrix
 * [..., rows, columns] is one matrix for each of its leading indices. In code: alpha = `momentum`, k = `steps`; `scaling: "literal"` and
 * `nesterov: false` give the formula as it stands.
 *
 * @throws ConfigError if a setting is out of its range
 * @see Nested Learning (arXiv:2512.24695) Eq. 42
 */
export function muon(options: MuonOptions = {}): Optimizer<RuleState> {
  const settings = { matrices: hiddenMatrices, ...muonDefaults, ...options };
  const { momentum, nesterov, steps, iteration, scaling, matrices } = settings;
  checkShares({ momentum });
  checkMatrixSettings(settings);
  const adam = adamRule(settings, true);
  const rule: ParameterRule = {
    slots: { momentum: zeros },
    step(gradient, slots) {
      const accumulated = np.add(np.multiply(slots.momentum!, momentum), gradient);
      const ahead = nesterov ? lookAhead(gradient, accumulated, momentum) : accumulated;
      const orthogonal = newtonSchulz(ahead, steps, iteration);
      const direction = scaling === "rms" ? np.multiply(orthogonal, orthogonalScale(orthogonal)) : orthogonal;
      return { direction, slots: { momentum: accumulated } };
    },
  };
  return ruleOptimizer("muon", (path, parameter) => (matrices(path, parameter) ? rule : adam), settings);
}

/** @internal Throws ConfigError if an optimiser for matrices cannot run with its settings. */
export function checkMatrixSettings(settings: Required<Pick<MatrixOptions, "steps" | "iteration" | "scaling">>): void {
  const { steps, iteration, scaling } = settings;
  checkCounts({ steps });
  checkChoice("iteration", iteration, newtonSchulzIterations);
  checkChoice("scaling", scaling, matrixScalings);
}

/** With all singular values at one, a matrix has the root mean square 1/sqrt(its longer side). */
function orthogonalScale(matrix: Tensor): number {
  return ADAM_RMS * Math.sqrt(Math.max(matrix.shape.at(-2)!, matrix.shape.at(-1)!));
}
