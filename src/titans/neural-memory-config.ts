/** The configuration of a neural memory layer: what is fixed when it is made, and what cannot be. */
import type { MemoryArchitecture } from "../common/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { type QueryKeyNorm, queryKeyNorms } from "./query-key-norm.ts";
import { type StepGuard, stepGuards } from "./step-guard.ts";

/**
 * Where forgetting leads.
 *
 * - `zero`: the paper's rule, which pulls the absolute weights to zero. A memory of two or more layers that gets there can never be written again: its
 *   gradients are exactly zero.
 * - `initial`: back to the learned initial weights, $W_t = M_0 + D_t$ with $D_t = (1-\alpha_t) D_{t-1} + S_t$.
 */
export const forgetTargets = ["zero", "initial"] as const;
/** One of `forgetTargets`. */
export type ForgetTarget = (typeof forgetTargets)[number];

/** Everything about a neural memory layer that is fixed when it is made. */
export interface NeuralMemoryConfig {
  /** Features of a token. */
  readonly dim: number;
  /** Independent memories a sequence. */
  readonly heads: number;
  /** Features of a key, value and query in one head. */
  readonly headDim: number;
  /** Weight matrices of each memory (L_M); 1 is a linear memory. */
  readonly depth: number;
  /** Width inside a memory, as a multiple of `headDim`. */
  readonly expansion: number;
  readonly activation: MemoryArchitecture["activation"];
  /** Adds the key to the memory's output. */
  readonly residual: boolean;
  /** LayerNorm on the memory's output, its scale and shift written at test time too. */
  readonly norm: boolean;
  /** Tokens that share one gradient point (b). */
  readonly chunkSize: number;
  /** Taps of the causal convolution on queries, keys and values. */
  readonly convolutionKernel: number;
  /** Upper bound of the step size. 0 makes a memory that is never written. */
  readonly maxStepSize: number;
  /** Upper bound of the momentum gate. The `curvature` guard makes steps smaller by 1 / (1 - maxMomentum), so it must be below 1; without it, 1 leaves the gate to the sigmoid. */
  readonly maxMomentum: number;
  /** Biases of the gate heads at the start: the memory remembers when `forget` is very negative. */
  readonly gateBiases: { readonly forget: number; readonly momentum: number; readonly stepSize: number };
  readonly stepGuard: StepGuard;
  /** l2-normalises values as well as queries and keys. */
  readonly normalizeValues: boolean;
  /** What queries and keys are divided by. `l2` is the paper's; `rms` is an option of lucidrains/titans-pytorch, without its learned scale. */
  readonly queryKeyNorm: QueryKeyNorm;
  /**
   * Scale of the inner loss for keys of length one: 1 is the halved squared error (Appendix C), 2 the squared error as Eq. 12 prints it. With
   * `queryKeyNorm: "rms"` it is divided by `headDim`, so that a step at one key has the same effect on its error (`pairedLossScale`).
   */
  readonly lossScale: number;
  /** Clips each token's gradient, over all weights of a head's memory together, to this norm; null leaves it. Not in the paper: gradient clipping, in the inner loop. */
  readonly maxSurpriseNorm: number | null;
  /** Where forgetting leads. `zero` is the paper's (Eq. 13); `initial` is the remedy for a deep memory that has been cleared. */
  readonly forgetTowards: ForgetTarget;
  /** How often the surprise is carried: 1 is the paper's momentum (Eq. 14), more feed it through itself, as `momentum_order` of lucidrains/titans-pytorch. */
  readonly momentumOrder: number;
  /** Key-value pairs that a token writes one after another, each with projections of its own; 1 is the paper's (Eq. 11). As in lucidrains/titans-pytorch. */
  readonly pairsPerToken: number;
  /** At each chunk's end, replaces what the chunk wrote by its orthogonalised surprise: `orthogonalizedWrite`. Tokens of the chunk read without it. */
  readonly orthogonalizeSurprise: boolean;
  /** At each chunk's end, moves the memory only by a learned part of the way: `gatedTransition`. Tokens of the chunk read without it. */
  readonly gatedTransition: boolean;
  /** At each chunk's end, gives every matrix the Frobenius norm of its initial weights: `renormalized`. Tokens of the chunk read without it. */
  readonly renormalizeWeights: boolean;
}

/** A configuration as written: what has a default may be left out. */
export type NeuralMemoryInput = Pick<NeuralMemoryConfig, "dim" | "heads" | "headDim"> & Partial<NeuralMemoryConfig>;

/** Defaults of a layer; `dim`, `heads` and `headDim` have none. */
export const neuralMemoryDefaults = {
  depth: 2,
  expansion: 2,
  activation: "silu",
  residual: false,
  norm: false,
  chunkSize: 16,
  convolutionKernel: 4,
  maxStepSize: 1,
  maxMomentum: 0.9,
  gateBiases: { forget: -5, momentum: 0, stepSize: 0 },
  stepGuard: "curvature",
  normalizeValues: false,
  queryKeyNorm: "l2",
  lossScale: 1,
  maxSurpriseNorm: null,
  forgetTowards: "zero",
  momentumOrder: 1,
  pairsPerToken: 1,
  orthogonalizeSurprise: false,
  gatedTransition: false,
  renormalizeWeights: false,
} as const satisfies Omit<NeuralMemoryConfig, "dim" | "heads" | "headDim">;

/**
 * Throws unless a layer can be made of the configuration.
 *
 * @throws ConfigError with what is wrong and what would do
 */
export function checkConfig(config: NeuralMemoryConfig): void {
  const { dim, heads, headDim, chunkSize, momentumOrder, pairsPerToken } = config;
  const wholes = { dim, heads, headDim, chunkSize, momentumOrder, pairsPerToken };
  for (const [name, value] of Object.entries(wholes)) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`neural memory ${name} is ${value}; it must be a whole number of at least 1`);
  }
  if (!(config.maxStepSize >= 0))
    throw new ConfigError(`maxStepSize is ${config.maxStepSize}; it must be 0 (never write) or more`);
  if (!(config.maxMomentum > 0 && config.maxMomentum <= 1))
    throw new ConfigError(`maxMomentum is ${config.maxMomentum}; it must be above 0 and at most 1`);
  if (config.stepGuard !== "off" && config.maxMomentum === 1)
    throw new ConfigError("maxMomentum is 1; a step guard needs a bound below 1 (0.9 is the default)");
  if (!stepGuards.includes(config.stepGuard))
    throw new ConfigError(unknownName("step guard", config.stepGuard, stepGuards));
  if (!queryKeyNorms.includes(config.queryKeyNorm))
    throw new ConfigError(unknownName("query and key norm", config.queryKeyNorm, queryKeyNorms));
  if (!forgetTargets.includes(config.forgetTowards))
    throw new ConfigError(unknownName("target of forgetting", config.forgetTowards, forgetTargets));
  if (!(config.lossScale > 0 && Number.isFinite(config.lossScale)))
    throw new ConfigError(`lossScale is ${config.lossScale}; it must be above 0 (1 is the halved squared error)`);
  if (config.maxSurpriseNorm !== null && !(config.maxSurpriseNorm > 0 && Number.isFinite(config.maxSurpriseNorm)))
    throw new ConfigError(`maxSurpriseNorm is ${config.maxSurpriseNorm}; it must be above 0, or null for no bound`);
}
