/** The configuration of a neural memory layer: what is fixed when it is made, and what cannot be. */
import type { MemoryArchitecture } from "../common/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { type StepGuard, stepGuards } from "./step-guard.ts";

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
}

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
} as const satisfies Omit<NeuralMemoryConfig, "dim" | "heads" | "headDim">;

/**
 * Throws unless a layer can be made of the configuration.
 *
 * @throws ConfigError with what is wrong and what would do
 */
export function checkConfig(config: NeuralMemoryConfig): void {
  const wholes = { dim: config.dim, heads: config.heads, headDim: config.headDim, chunkSize: config.chunkSize };
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
}
