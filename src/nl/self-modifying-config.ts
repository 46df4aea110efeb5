/** The configuration of self-modifying Titans: what is fixed when a layer is made, and what cannot be. */
import { checkHeads, checkWhole, type MemoryActivation, memoryActivations } from "../common/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { type SelfModifyingForm, selfModifyingForms } from "./residual-memory.ts";
import { erasedLayers, type SelfModifyingRule, selfModifyingRules } from "./self-modifying-write.ts";

/** What a token is projected to, in the order in which a layer keeps it. */
export const projectionNames = ["query", "key", "value", "stepSize", "retain"] as const;
/** One of `projectionNames`. */
export type ProjectionName = (typeof projectionNames)[number];

/** Projections that may be static matrices, beside the query. */
export const optionalMemories = ["key", "value", "stepSize", "retain"] as const;

/**
 * When the main memory is read.
 *
 * - `chunk`: as it is before the chunk, as in the paper's chunk form
 * - `running`: as it is before the token, its gradients still taken before the chunk
 */
export const readStates = ["chunk", "running"] as const;

/**
 * What the memories learn.
 *
 * - `self`: each what it makes itself of the token's value
 * - `shared`: all the value, the design that the paper discards
 */
export const memoryTargets = ["self", "shared"] as const;

/**
 * What keeps a chunk's writes, whose gradients are all taken at its start, from overshooting.
 *
 * - `off`: nothing, as in the paper
 * - `curvature`: the guard of the Titans memory, from the token and those before it in its chunk (`curvatureGuardedStepSize`)
 */
export const selfModifyingGuards = ["off", "curvature"] as const;

/** Everything about a layer that is fixed when it is made. */
export interface SelfModifyingConfig extends SelfModifyingRule {
  /** Features of a token. */
  readonly dim: number;
  /** The features are split into heads, each with memories of its own; 1 is the paper's. */
  readonly heads: number;
  readonly memory: SelfModifyingForm;
  /** Width inside a residual network, as a multiple of a head's features. */
  readonly expansion: number;
  readonly activation: MemoryActivation;
  /** Tokens that share one gradient point of the main memory. */
  readonly chunkSize: number;
  /** Tokens that share one gradient point of all others; one of the two sizes divides the other. */
  readonly projectionChunkSize: number;
  /** A memory makes the queries too, instead of a static matrix. */
  readonly adaptiveQuery: boolean;
  /** Projections that are static matrices instead of memories: the paper's ablation. */
  readonly staticProjections: readonly (typeof optionalMemories)[number][];
  readonly readState: (typeof readStates)[number];
  readonly targets: (typeof memoryTargets)[number];
  /** Lets memories fade by the gate alpha; without it they keep everything. */
  readonly decay: boolean;
  /** How much of a step is carried on to the next token's; 0 is the paper's rule. */
  readonly momentum: number;
  /** Takes steps of eta / (1 + eta), which for unit keys is the exact minimum that delta gradient descent derives from. */
  readonly normalizedStep: boolean;
  readonly stepGuard: (typeof selfModifyingGuards)[number];
  /**
   * Upper bound of the step size; times the chunk size it should be about one. 0 makes memories that are never written. Over 4,096 random tokens in chunks of
   * 16, steps of 0.1 are stable for matrices and networks even where each chunk repeats one token; matrices drift at 0.25 and grow twentyfold at 1.
   */
  readonly maxStepSize: number;
  /**
   * Logits of the gates at the start: memories remember when `retain` is large. Targets that memories make themselves fade with them, so nothing holds their
   * weights up: at a logit of 5 all are gone after 4,096 tokens, networks back at the identity.
   */
  readonly gateBiases: { readonly stepSize: number; readonly retain: number };
  /**
   * l2-normalises values. What a memory makes of a long value is its target for a unit key, so that it grows with every write: matrices with steps of 0.1 and
   * values as they are overflow within 1,000 random tokens.
   */
  readonly normalizeValues: boolean;
  /** Taps of the causal convolution on queries, keys and values. */
  readonly convolutionKernel: number;
}

/** A configuration as written: what has a default may be left out. */
export type SelfModifyingInput = Pick<SelfModifyingConfig, "dim"> & Partial<SelfModifyingConfig>;

/** Defaults of a layer; `dim` has none. */
export const selfModifyingDefaults = {
  heads: 1,
  memory: "mlp",
  expansion: 1,
  activation: "silu",
  chunkSize: 16,
  projectionChunkSize: 16,
  adaptiveQuery: false,
  staticProjections: [],
  readState: "chunk",
  targets: "self",
  rule: "dgd",
  erase: true,
  eraseLayers: "all",
  decay: true,
  momentum: 0,
  normalizedStep: false,
  stepGuard: "curvature",
  maxStepSize: 1 / 16,
  gateBiases: { stepSize: 0, retain: 9 },
  normalizeValues: true,
  convolutionKernel: 4,
} as const satisfies Omit<SelfModifyingConfig, "dim">;

/**
 * Throws unless a layer can be made of the configuration.
 *
 * @throws ConfigError with what is wrong and what would do
 */
export function checkSelfModifyingConfig(config: SelfModifyingConfig): void {
  const { dim, heads, chunkSize, projectionChunkSize, convolutionKernel, expansion, maxStepSize, momentum } = config;
  checkHeads("self-modifying Titans", dim, heads);
  for (const [name, value] of Object.entries({ chunkSize, projectionChunkSize, convolutionKernel }))
    checkWhole(`self-modifying Titans ${name}`, value);
  const [small, large] = [Math.min(chunkSize, projectionChunkSize), Math.max(chunkSize, projectionChunkSize)];
  if (large % small !== 0)
    throw new ConfigError(
      `self-modifying Titans have chunks of ${chunkSize} and projection chunks of ${projectionChunkSize} tokens; one must be a multiple of the other`,
    );
  if (!(expansion > 0)) throw new ConfigError(`expansion is ${expansion}; it must be above 0`);
  if (!(maxStepSize >= 0)) throw new ConfigError(`maxStepSize is ${maxStepSize}; it must be 0 (never write) or more`);
  if (!(momentum >= 0 && momentum < 1))
    throw new ConfigError(`momentum is ${momentum}; it must be at least 0 (none) and below 1`);
  const choices = [
    ["form of a memory", [config.memory], selfModifyingForms],
    ["activation", [config.activation], memoryActivations],
    ["read state", [config.readState], readStates],
    ["kind of targets", [config.targets], memoryTargets],
    ["step guard", [config.stepGuard], selfModifyingGuards],
    ["rule", [config.rule], selfModifyingRules],
    ["choice of erased layers", [config.eraseLayers], erasedLayers],
    ["projection", config.staticProjections, optionalMemories],
  ] as const;
  for (const [what, given, valid] of choices) {
    const bad = given.find((name) => !(valid as readonly string[]).includes(name));
    if (bad !== undefined) throw new ConfigError(unknownName(what, bad, valid));
  }
}
