/** The configuration of a layer around any associative memory: what is fixed when it is made, and what cannot be. */
import { checkWhole } from "../common/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AssociativeMemory, AssociativeMemoryConfig } from "./associative-memory.ts";
import type { GateSource } from "./gate-heads.ts";
import type { SimplexSlice } from "./scaled-simplex.ts";

/**
 * Where keys come from.
 *
 * - `projected`: from the token, as in attention
 * - `tiedToRetain`: what the retain gate lets go of, 1 - alpha (HGRN2); needs a retain gate a channel
 * - `decoupledErase`: projected, with another direction and a gate to erase along (RWKV-7)
 */
export const keySources = ["projected", "tiedToRetain", "decoupledErase"] as const;
/** One of `keySources`. */
export type KeySource = (typeof keySources)[number];

/** The gates of a layer. */
export interface GateSources {
  /** alpha: 1 keeps. */
  readonly retain: GateSource;
  /** A second retain gate on key channels, beside `retain` on value channels. */
  readonly retainKeys?: GateSource;
  /** eta, up to `maxStepSize`. */
  readonly stepSize: GateSource;
  /** How much of the last steps is carried on, up to `maxMomentum`; for the algorithm `momentum`. */
  readonly momentum: GateSource;
  /** Huber's delta, above 0. */
  readonly threshold: GateSource;
}

/** Everything about a layer that is fixed when it is made. */
export interface MirasMemoryConfig extends Omit<AssociativeMemoryConfig, "dim"> {
  /** Features of a token. */
  readonly dim: number;
  /** Independent memories a sequence. */
  readonly heads: number;
  /** Features of a key, value and query in one head. */
  readonly headDim: number;
  readonly gates: GateSources;
  /** Upper bound of learned step sizes. */
  readonly maxStepSize: number;
  /** Upper bound of learned momentum gates. */
  readonly maxMomentum: number;
  readonly keySource: KeySource;
  /** Turns queries and keys by their positions, so that what is recalled depends on how far it lies back; for projected keys. */
  readonly rotary: boolean;
  /** l2-normalises queries and keys, so that a step size means the same for every token. */
  readonly normalizeKeys: boolean;
  /** l2-normalises values. */
  readonly normalizeValues: boolean;
  /** Tokens that share one gradient point, where gradients are taken at chunk starts; everywhere, tokens that are computed at once. */
  readonly chunkSize: number;
  /** Taps of the causal convolution on queries, keys and values. */
  readonly convolutionKernel: number;
}

/** A layer's configuration but for its sizes. */
export type MirasSettings = Omit<MirasMemoryConfig, "dim" | "heads" | "headDim">;

/** Pairs that a token writes one after another. */
export function pairsOf({ algorithm }: Pick<MirasMemoryConfig, "algorithm">): number {
  return algorithm.kind === "multiStep" ? algorithm.steps : 1;
}

/**
 * Throws unless a layer can be made of the configuration.
 *
 * @throws ConfigError with what is wrong and what would do
 */
export function checkMirasConfig(config: MirasMemoryConfig, { form, choices, keyDim }: AssociativeMemory): void {
  const slice = choices.retention.kind === "nonlinear" ? choices.retention.gate.slice : undefined;
  const { dim, heads, headDim, chunkSize, convolutionKernel, gates, gateAxis = "values", retention } = config;
  const pairs = pairsOf(config);
  for (const [name, value] of Object.entries({ dim, heads, headDim, chunkSize, convolutionKernel, pairs }))
    checkWhole(`MIRAS memory ${name}`, value);
  if (!(config.maxStepSize >= 0))
    throw new ConfigError(`maxStepSize is ${config.maxStepSize}; it must be 0 (never write) or more`);
  if (!(config.maxMomentum > 0 && config.maxMomentum < 1))
    throw new ConfigError(`maxMomentum is ${config.maxMomentum}; it must be above 0 and below 1`);
  for (const [name, source] of Object.entries(gates) as [string, GateSource | undefined][]) {
    if (source?.kind === "fixed" && typeof source.value !== "number" && source.value.length !== heads)
      throw new ConfigError(
        `gates.${name} has ${source.value.length} values for ${heads} heads; give one a head, or one number`,
      );
  }
  if (
    (retention.kind === "none" || form === "recurrent") &&
    !(gates.retain.kind === "fixed" && gates.retain.value === 1)
  )
    throw new ConfigError(
      `${form === "recurrent" ? "least squares keep" : 'retention "none" keeps'} everything, but the retain gate may be below 1; use another one, or fix gates.retain at 1`,
    );
  if (config.keySource === "tiedToRetain" && !(gates.retain.kind === "channel" && gateAxis === "keys"))
    throw new ConfigError(
      'keys tied to the retain gate are one a key channel; use gates.retain of kind "channel" with gateAxis "keys"',
    );
  checkMomentum(config);
  if (config.algorithm.kind === "leastSquares" && gates.stepSize.kind === "channel")
    throw new ConfigError(
      'least squares weigh a token as a whole; use gates.stepSize of kind "fixed" or "token" instead of "channel"',
    );
  if (choices.bias.thresholded && gates.threshold.kind === "channel" && !isCoordinateHuber(config))
    throw new ConfigError(
      `the bias ${choices.bias.name} compares a token's norm with one threshold; use gates.threshold of kind "token", or the form "coordinate"`,
    );
  if (gates.retainKeys !== undefined && gateAxis !== "values")
    throw new ConfigError('gates.retainKeys is the gate of the key channels; use gateAxis "values" for the other one');
  if (config.rotary && (keyDim % 2 !== 0 || config.keySource === "tiedToRetain"))
    throw new ConfigError(
      `rotary positions turn pairs of projected key features, and a head has ${keyDim} of source "${config.keySource}"; choose an even headDim and projected keys, or rotary false`,
    );
  checkSlices(config, slice);
  if (pairs > 1 && config.keySource !== "projected")
    throw new ConfigError(
      `several steps a token need a key for each, and "${config.keySource}" gives one; use keySource "projected"`,
    );
  if (form !== "triangular" && (pairs > 1 || config.keySource === "decoupledErase"))
    throw new ConfigError(
      'several steps a token, and erasing apart from writing, need gradients at each token\'s own weights: a matrix memory, the l2 bias and gradientPoint "token"',
    );
}

function isCoordinateHuber({ bias }: MirasMemoryConfig): boolean {
  return "kind" in bias && bias.kind === "huber" && bias.form === "coordinate";
}

/** Momentum carries steps of whole matrices: one number a token and memory. */
function checkMomentum({ algorithm, gates }: MirasMemoryConfig): void {
  if (algorithm.kind !== "momentum") return;
  if (gates.momentum.kind === "channel")
    throw new ConfigError('a momentum gate is one number a token; use gates.momentum of kind "fixed" or "token"');
  if (gates.retainKeys !== undefined)
    throw new ConfigError(
      "momentum carries steps whose rows may be gated, not their columns; leave out gates.retainKeys",
    );
}

/** A softmax over entries with different gates is not the minimiser that the retention is derived from. */
function checkSlices({ gates, gateAxis = "values" }: MirasMemoryConfig, slice: SimplexSlice | undefined): void {
  if (slice === undefined) return;
  if (gates.retainKeys?.kind === "channel")
    throw new ConfigError(
      `gates must be equal inside a slice of the simplex (here a ${slice}), and those of key channels are not; leave out gates.retainKeys`,
    );
  const isChannelwise = gates.retain.kind === "channel" || gates.stepSize.kind === "channel";
  if (isChannelwise && (slice === "matrix" || gateAxis !== "values"))
    throw new ConfigError(
      `gates must be equal inside a slice of the simplex (here a ${slice}), and channels along "${gateAxis}" are not; use slice "row" with gateAxis "values", or gates of kind "token"`,
    );
}
