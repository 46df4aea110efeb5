/** The engine: any associative memory from its four choices. */
import { type Key, np, random, splitKey, type Tensor } from "../array/index.ts";
import { initMemoryWeights, type MemoryWeights } from "../common/index.ts";
import { associativeRecurrence } from "./associative-recurrence.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import {
  type AlgorithmChoice,
  type ArchitectureChoice,
  algorithmOf,
  architectureOf,
  type BiasChoice,
  biasOf,
  type RetentionChoice,
  retentionOf,
} from "./choices.ts";
import { leastSquaresState } from "./least-squares-chunk.ts";
import { type ChunkForm, type ChunkTokens, chunkFormOf, type MemoryChoices } from "./memory-choices.ts";
import { associativeChunk } from "./memory-chunk.ts";
import { type AssociativeState, type OutputNorm, startState, weightsOf } from "./memory-state.ts";
import type { ChunkOptions, ChunkResult } from "./network-writes.ts";
import type { GateAxis, WriteGates } from "./write-gates.ts";

/** A memory as four choices: plain data, but for a bias of one's own. */
export interface AssociativeMemoryConfig {
  readonly architecture: ArchitectureChoice;
  /** One by its name, or any loss of one's own; without an `outputError` that is differentiated automatically. */
  readonly bias: BiasChoice | AttentionalBias;
  readonly retention: RetentionChoice;
  readonly algorithm: AlgorithmChoice;
  /** Which channels gates of several numbers belong to; `values` by default. */
  readonly gateAxis?: GateAxis;
  /** Features of a value, and of a key but for vectors, whose keys have one. */
  readonly dim: number;
}

/** A memory that is written and read; every sequence and head has one of its own. */
export interface AssociativeMemory {
  readonly choices: MemoryChoices;
  /** How its chunks are computed. */
  readonly form: ChunkForm;
  /** Features of a key and of a query. */
  readonly keyDim: number;
  /** Whether the network's output has a norm, whose scale and shift then go with every call. */
  readonly hasNorm: boolean;
  /** Fresh free parameters of the state before the first token, one a matrix: [heads, out, in]. */
  init(key: Key, heads: number): readonly Tensor[];
  /** The state before the first token. */
  start(parameters: readonly Tensor[]): AssociativeState;
  /** The weights that a state stands for between chunks. */
  weights(state: AssociativeState, norm?: OutputNorm): MemoryWeights;
  /** Writes and reads a chunk at once. */
  chunk(state: AssociativeState, tokens: ChunkTokens, gates: WriteGates, options?: ChunkOptions): ChunkResult;
  /** The same token by token, with every token's weights built; `period` tokens are a chunk. */
  recurrent(
    state: AssociativeState,
    tokens: ChunkTokens,
    gates: WriteGates,
    period?: number,
    norm?: OutputNorm,
  ): { outputs: Tensor; state: AssociativeState };
}

/**
 * The memory that four choices make.
 *
 * $$W_t = \arg\min_W\ \tilde\ell_t(W;\,k_t, v_t) + \mathrm{Ret}_t(W,\,W_{t-1})$$
 *
 * The architecture says what weights make of a key, the attentional bias what is wrong with that, the retention gate how old weights enter the new ones, and the
 * algorithm how the minimum is sought. Each is plain data, and the bias may also be an `AttentionalBias` of one's own; every model of the paper's Table 1 is a setting of them (`table1`).
 *
 * ```ts
 * const memory = associativeMemory({
 *   architecture: { kind: "matrix" },
 *   bias: { kind: "l2", scale: "half" },
 *   retention: { kind: "l2", gradientAt: "decayed" },
 *   algorithm: { kind: "gradientDescent", gradientPoint: "token" },
 *   dim: 32,
 * }); // Gated DeltaNet
 * ```
 *
 * @throws ConfigError if the choices cannot be combined, with the reason
 */
export function associativeMemory(config: AssociativeMemoryConfig): AssociativeMemory {
  const { architecture, dim } = config;
  const choices: MemoryChoices = {
    architecture: architectureOf(architecture, dim),
    bias: biasOf(config.bias),
    retention: retentionOf(config.retention),
    algorithm: algorithmOf(config.algorithm),
    gateAxis: config.gateAxis ?? "values",
  };
  const form = chunkFormOf(choices);
  const keyDim = architecture.kind === "vector" ? 1 : dim;
  return {
    choices,
    form,
    keyDim,
    hasNorm: choices.architecture.norm,
    init: (key, heads) => initParameters(config, choices, key, heads, keyDim),
    start: (parameters) =>
      form === "recurrent"
        ? leastSquaresState(parameters[0]!)
        : startState(choices.retention, parameters, choices.algorithm.kind === "momentum"),
    weights: ({ layers }, norm) =>
      weightsOf(choices.retention, form === "recurrent" ? layers.slice(0, 1) : layers, norm),
    chunk: (state, tokens, gates, options) => associativeChunk(choices, state, tokens, gates, options),
    recurrent: (state, tokens, gates, period, norm) =>
      associativeRecurrence(choices, state, tokens, gates, period, norm),
  };
}

/** A linear map starts empty; a network at random, or it could never be written, nor its norm divide; what a softmax or a logistic map takes, with a deviation of one. */
function initParameters(
  { retention }: AssociativeMemoryConfig,
  { architecture }: MemoryChoices,
  key: Key,
  heads: number,
  keyDim: number,
): readonly Tensor[] {
  const { layers } = initMemoryWeights({ ...architecture, norm: false }, key, heads);
  const shapes = layers.map((w) => (architecture.depth === 1 ? [heads, architecture.dim, keyDim] : [...w.shape]));
  switch (retention.kind) {
    case "none":
    case "l2":
    case "elasticNet":
      return architecture.depth === 1 && !architecture.norm ? [np.zeros(shapes[0]!)] : layers;
    case "lq":
    case "kl":
    case "fDivergence":
    case "bregman": {
      const keys = splitKey(key, shapes.length);
      return shapes.map((shape, l) => random.normal(keys[l]!, shape));
    }
  }
}
