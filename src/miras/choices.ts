/** The four choices as plain data, and the memory that they make. */
import type { MemoryActivation, MemoryArchitecture } from "../common/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import { dotProductBias, type L2Scale, l2Bias } from "./bias-classical.ts";
import { type HuberForm, type HuberL1Gradient, huberBias } from "./bias-huber.ts";
import { lpBias } from "./bias-lp.ts";
import { valueShiftBias } from "./bias-value-shift.ts";
import type { Algorithm, Retention } from "./memory-choices.ts";
import { bregmanGenerators, bregmanRetention } from "./retention-bregman.ts";
import {
  elasticNetFtrlRetention,
  elasticNetRetention,
  smoothSoftThreshold,
  softThreshold,
} from "./retention-elastic-net.ts";
import { fDivergenceRetention, fDivergences } from "./retention-f-divergence.ts";
import { klRetention } from "./retention-kl.ts";
import { lqRetention } from "./retention-lq.ts";
import type { SimplexSlice } from "./scaled-simplex.ts";
import type { Smoothing } from "./smoothing.ts";

/**
 * Memory architecture: how weights map a key to a value.
 *
 * - `vector`: one number a value channel, keys of one feature (n = 1 in Eq. 3)
 * - `matrix`: a linear map
 * - `mlp`: a network of any depth; depth 1 with residual and norm is the model of TTT-Linear
 */
export type ArchitectureChoice =
  | { readonly kind: "vector" }
  | { readonly kind: "matrix" }
  | {
      readonly kind: "mlp";
      readonly depth: number;
      /** Width inside, as a multiple of a head's features. */
      readonly expansion: number;
      readonly activation: MemoryActivation;
      /** Adds the key to the output. */
      readonly residual: boolean;
      /** LayerNorm on the output; its scale and shift are learned by the outer loop alone. */
      readonly norm: boolean;
    };

/** Attentional bias: the inner loss. */
export type BiasChoice =
  | { readonly kind: "dotProduct" }
  | { readonly kind: "l2"; readonly scale: L2Scale }
  | { readonly kind: "lp"; readonly p: number; readonly smooth: Smoothing | false }
  | {
      readonly kind: "huber";
      readonly form: HuberForm;
      readonly l1: HuberL1Gradient;
      readonly smooth: Smoothing | false;
    }
  | { readonly kind: "valueShift"; readonly radius: number };

/** Retention gate: how old weights enter the new ones. Decay by a gate is `l2`; its strength is the layer's retain gate. */
export type RetentionChoice =
  | { readonly kind: "none" }
  | { readonly kind: "l2"; readonly gradientAt: "previous" | "decayed" }
  | { readonly kind: "lq"; readonly qDual: number; readonly map: "printed" | "mirror" }
  | {
      readonly kind: "kl";
      readonly slice: SimplexSlice;
      /** What a slice sums to; `entries` makes its mean weight 1. */
      readonly total: number | "entries";
      readonly lagToken: boolean;
    }
  | {
      readonly kind: "fDivergence";
      readonly divergence: keyof typeof fDivergences;
      readonly slice: SimplexSlice;
      readonly total: number | "entries";
    }
  | {
      readonly kind: "elasticNet";
      /** `learningRetaining` thresholds at every token, `ftrl` once, from what was never thresholded. */
      readonly form: "learningRetaining" | "ftrl";
      /** The paper's alpha, of the form `learningRetaining`: how weak the pull to exact zeros is. */
      readonly inverseL1: number;
      /** eta / alpha of the form `ftrl`. */
      readonly threshold: number;
      /** Whether the threshold is its smooth stand-in, which makes no exact zeros. */
      readonly smooth: boolean;
    }
  | { readonly kind: "bregman"; readonly generator: keyof typeof bregmanGenerators };

/** Memory algorithm: how weights move against the gradient; see `Algorithm`. `multiStep` takes several steps a token, each with a pair of its own. */
export type AlgorithmChoice = Algorithm | { readonly kind: "multiStep"; readonly steps: number };

/** Floor of the variance that the norm in a memory divides by; the paper does not say. */
const NORM_EPSILON = 1e-5;

/**
 * The network of a memory.
 *
 * @param headDim features of a value, and of a key but for vectors
 */
export function architectureOf(choice: ArchitectureChoice, headDim: number): MemoryArchitecture {
  const plain = {
    depth: 1,
    dim: headDim,
    hiddenDim: headDim,
    activation: "silu",
    residual: false,
    norm: false,
  } as const;
  switch (choice.kind) {
    case "vector":
    case "matrix":
      return plain;
    case "mlp": {
      const { depth, expansion, activation, residual, norm } = choice;
      const hiddenDim = Math.round(headDim * expansion);
      return { depth, dim: headDim, hiddenDim, activation, residual, norm, normEpsilon: NORM_EPSILON };
    }
  }
}

/** The bias of a choice; one that is given as functions is taken as it is. */
export function biasOf(choice: BiasChoice | AttentionalBias): AttentionalBias {
  if ("loss" in choice) return choice;
  switch (choice.kind) {
    case "dotProduct":
      return dotProductBias();
    case "l2":
      return l2Bias(choice);
    case "lp":
      return lpBias(choice);
    case "huber":
      return huberBias(choice);
    case "valueShift":
      return valueShiftBias(choice);
  }
}

/** The retention of a choice. */
export function retentionOf(choice: RetentionChoice): Retention {
  switch (choice.kind) {
    case "none":
      return { kind: "linear", gradientAt: "previous" };
    case "l2":
      return { kind: "linear", gradientAt: choice.gradientAt };
    case "lq":
      return { kind: "nonlinear", gate: lqRetention(choice), lagToken: false };
    case "kl":
      return { kind: "nonlinear", gate: klRetention(choice), lagToken: choice.lagToken };
    case "fDivergence":
      return {
        kind: "nonlinear",
        gate: fDivergenceRetention(fDivergences[choice.divergence], choice),
        lagToken: false,
      };
    case "elasticNet": {
      const shrink = choice.smooth ? smoothSoftThreshold : softThreshold;
      const gate =
        choice.form === "ftrl"
          ? elasticNetFtrlRetention({ threshold: choice.threshold, shrink })
          : elasticNetRetention({ inverseL1: choice.inverseL1, shrink });
      return { kind: "nonlinear", gate, lagToken: false };
    }
    case "bregman":
      return { kind: "nonlinear", gate: bregmanRetention(bregmanGenerators[choice.generator]), lagToken: false };
  }
}

/** The algorithm of a choice: several steps a token are token-exact steps on several pairs. */
export function algorithmOf(choice: AlgorithmChoice): Algorithm {
  return choice.kind === "multiStep" ? { kind: "gradientDescent", gradientPoint: "token" } : choice;
}
