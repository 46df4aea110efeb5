/** MAC: what the memory recalls is put before a segment as context for attention. */
import { type Key, np, slice, splitKey, type Tensor } from "../array/index.ts";
import {
  type AttentionPattern,
  attentionPattern,
  checkHeads,
  checkSegment,
  dense,
  initDense,
  initQkv,
  joinDiagnostics,
  type MemoryDiagnostics,
  type MemoryLayer,
  type MemoryWriting,
  memoryAsContextMask,
  mergeHeads,
  type RotaryTable,
  rotaryAttention,
  rotaryTable,
  type StepOptions,
  splitHeads,
  type WindowAttentionParams,
} from "../common/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { type BranchGate, type BranchGateParams, branchGate, initBranchGate } from "./branch-gate.ts";
import type { MemoryState } from "./memory-update.ts";
import { NeuralMemory, type NeuralMemoryParams, type NeuralMemoryState } from "./neural-memory.ts";
import type { NeuralMemoryInput } from "./neural-memory-config.ts";
import { checkPersistentTokens, initPersistentTokens, prependPersistent, withPersistent } from "./persistent-memory.ts";

/**
 * What a token may know of its own segment through the memory.
 *
 * - `tokenExact`: the rows retrieved for itself and earlier tokens, and a second read with its own token's weights: causal
 * - `segmentEndNonCausal`: all retrieved rows, and a second read with the weights at the segment's end, as the paper's formulas read literally. Both show
 *   the future, so this is for encoders; a model that predicts the next token with it has seen that token.
 */
export const contextReads = ["tokenExact", "segmentEndNonCausal"] as const;
/** One of `contextReads`. */
export type ContextRead = (typeof contextReads)[number];

/** Size of what fresh attention adds to a token: small, so that the memory first learns from the tokens themselves. */
const INITIAL_ATTENTION_SIZE = 0.3;

/** Everything about the layer that is fixed when it is made. */
export interface MemoryAsContextConfig {
  readonly memory: NeuralMemoryInput;
  /** Attention heads; each has dim / heads features, an even number. */
  readonly attentionHeads: number;
  /** C, tokens that attend to each other; a multiple of the memory's chunk. */
  readonly segment: number;
  /** N_p, learned tokens before every segment. */
  readonly persistentTokens: number;
  readonly gate: BranchGate;
  readonly read: ContextRead;
}

/** What the outer loop learns. */
export type MemoryAsContextParams = {
  /** p: [N_p, dim]; left out if there are none. */
  readonly persistent?: Tensor;
  readonly memory: NeuralMemoryParams;
  /** From what the memory recalls to a token's features: [heads headDim, dim] */
  readonly retrieved: Tensor;
  readonly attention: WindowAttentionParams;
  readonly gate: BranchGateParams;
};

/** What lives at test time, one row a sequence. Attention does not reach back across segments, so it leaves nothing here. */
export type MemoryAsContextState = {
  /** Its tail is that of what is written, the rows of y. */
  readonly memory: NeuralMemoryState;
  /** The last inputs of the convolution on the queries of the first read: [batch, kernel - 1, heads headDim] */
  readonly queryTail: Tensor;
};

/** A segment of tokens, and what is known of its slots. */
interface Segment extends StepOptions {
  /** S: [batch, C, dim] */
  readonly tokens: Tensor;
  /** q of the first read: [batch, heads, C, headDim] */
  readonly queries: Tensor;
}

/**
 * The MAC layer. In each segment S: retrieve from the old memory, attend, write what attention found, read the new memory.
 *
 * $$h = \mathcal M^*_{t-1}(q), \quad \tilde S = [\,p_1 \dots p_{N_p}\,]\ \|\ h\ \|\ S, \quad y = \mathrm{Attn}(\tilde S), \quad \mathcal M_t = \mathcal M_{t-1}(y),
 * \quad o = y \otimes \mathcal M^*_t(y)$$
 *
 * Of y the segment's own C rows are kept, and S is added to them. Retrieved rows have the position of the token they were retrieved for, persistent tokens
 * have none. Keys, values, gates and the second queries come from y, chunk by chunk; persistent tokens are not written. With `read: "tokenExact"` the layer is causal
 * (see `memoryAsContextMask`), and y's token j is read with the weights after token j.
 *
 * Time is a grid of segments: `step` takes whole ones, or one whose empty slots are masked.
 *
 * @throws ConfigError if the sizes cannot work
 * @see Titans (arXiv:2501.00663) Eq. 21-25
 */
export class MemoryAsContext implements MemoryLayer<MemoryAsContextParams, MemoryAsContextState> {
  readonly config: MemoryAsContextConfig;
  readonly memory: NeuralMemory;

  constructor(config: MemoryAsContextConfig) {
    this.config = config;
    this.memory = new NeuralMemory(config.memory);
    checkConfig(config, this.memory.config.chunkSize);
  }

  get gridUnit(): number {
    return this.config.segment;
  }

  get writing(): MemoryWriting {
    return this.memory.writing;
  }

  get attends(): string {
    const { segment, persistentTokens } = this.config;
    return withPersistent(`a segment of ${segment} tokens and what was retrieved for it`, persistentTokens);
  }

  init(key: Key): MemoryAsContextParams {
    const { memory, persistentTokens } = this.config;
    const { dim, heads, headDim } = memory;
    const keys = splitKey(key, 5) as [Key, Key, Key, Key, Key];
    const persistent = initPersistentTokens(keys[0], persistentTokens, dim);
    return {
      ...(persistent && { persistent }),
      memory: this.memory.init(keys[1]),
      retrieved: initDense(keys[2], heads * headDim, dim),
      attention: { ...initQkv(keys[3], dim, dim), output: initDense(keys[4], dim, dim, INITIAL_ATTENTION_SIZE) },
      gate: initBranchGate(dim),
    };
  }

  initialState(params: MemoryAsContextParams, batch: number): MemoryAsContextState {
    const { heads, headDim, convolutionKernel } = this.memory.config;
    const memory = this.memory.initialState(params.memory, batch);
    return {
      memory,
      queryTail: np.zeros([batch, convolutionKernel - 1, heads * headDim], { dtype: memory.tail.dtype }),
    };
  }

  step(
    params: MemoryAsContextParams,
    state: MemoryAsContextState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MemoryAsContextState] {
    return this.run(params, state, x, options);
  }

  diagnose(
    params: MemoryAsContextParams,
    state: MemoryAsContextState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MemoryAsContextState, MemoryDiagnostics] {
    const parts: MemoryDiagnostics[] = [];
    const [y, next] = this.run(params, state, x, options, (found) => parts.push(found));
    return [y, next, joinDiagnostics(parts)];
  }

  mapMemory(state: MemoryAsContextState, f: (memory: MemoryState) => MemoryState): MemoryAsContextState {
    return { ...state, memory: this.memory.mapMemory(state.memory, f) };
  }

  attentionPattern(): AttentionPattern {
    const { segment, persistentTokens, read } = this.config;
    const rows = (name: string, size: number) => (size === 0 ? [] : [{ name, size }]);
    const tokens = rows(`tokens 1 to ${segment}`, segment);
    const retrieved = read === "tokenExact" ? "what was retrieved for these" : "all that was retrieved for its segment";
    const persistent = persistentTokens === 0 ? "" : ", and every persistent token";
    const summary = `a token sees itself, its segment's tokens before it, ${retrieved}${persistent}`;
    const keys = [...rows("persistent", persistentTokens), ...rows("retrieved", segment), ...tokens];
    return attentionPattern({ summary, queries: tokens, keys }, () => this.tokenMask(segment));
  }

  private run(
    params: MemoryAsContextParams,
    state: MemoryAsContextState,
    x: Tensor,
    options: StepOptions,
    observe?: (found: MemoryDiagnostics) => void,
  ): [Tensor, MemoryAsContextState] {
    const { memory: sizes, segment, gate } = this.config;
    const { mask, storeMask } = options;
    checkSegment("memory as context", x, sizes.dim, state.queryTail.shape[0] ?? 0, mask);
    const length = x.shape[1]!;
    const [queries, queryTail] = this.memory.projectQueries(params.memory, state.queryTail, x, mask);
    const outputs: Tensor[] = [];
    let memory = state.memory;
    for (let start = 0; start < length; start += segment) {
      const range: [number, number] = [start, Math.min(start + segment, length)];
      const slots = {
        ...(mask && { mask: slice(mask, [], range) }),
        ...(storeMask && { storeMask: slice(storeMask, [], range) }),
      };
      const tokens = { tokens: slice(x, [], range), queries: slice(queries, [], [], range), ...slots };
      const y = this.attend(params, this.retrieve(params, memory, tokens.queries), tokens);
      const m = this.writeThenRead(params, memory, y, slots, observe);
      memory = m.state;
      outputs.push(branchGate(gate, params.gate, y, m.outputs));
    }
    return [np.concatenate(outputs, 1), { memory, queryTail }];
  }

  /** h, what the memory before the segment answers to the segment's tokens: [batch, C, dim]. */
  private retrieve(params: MemoryAsContextParams, memory: NeuralMemoryState, queries: Tensor): Tensor {
    return dense(params.retrieved, this.memory.retrieve(params.memory, memory.memory, queries));
  }

  /** y, the segment's rows of attention over persistent tokens, retrieved rows and tokens, added to the tokens: [batch, C, dim]. */
  private attend(params: MemoryAsContextParams, retrieved: Tensor, { tokens, mask }: Segment): Tensor {
    const { attentionHeads, persistentTokens } = this.config;
    const [batch = 0, size = 0, dim = 0] = tokens.shape;
    const rows = prependPersistent(params.persistent, np.concatenate([retrieved, tokens], 1)); // [batch, N_p + 2 C, dim]
    const count = persistentTokens + 2 * size;
    const inHeads = (weight: Tensor, x: Tensor) => splitHeads(dense(weight, x), attentionHeads);
    const keys = inHeads(params.attention.key, rows);
    const values = inHeads(params.attention.value, rows);
    const ofTokens = this.tokenMask(size);
    const table = rotaryTable(size, dim / attentionHeads, tokens.dtype);
    const prefix = (x: Tensor) => slice(x, [], [], [0, persistentTokens]);
    const rest = (x: Tensor) => slice(x, [], [], [persistentTokens, count]);
    const attended = rotaryAttention(
      { queries: inHeads(params.attention.query, tokens), keys: rest(keys), values: rest(values) },
      { queries: table, keys: twice(table) },
      mask === undefined ? ofTokens : np.logicalAnd(ofTokens, rowsThere(persistentTokens, batch, mask)),
      persistentTokens === 0 ? undefined : { keys: prefix(keys), values: prefix(values) },
    );
    return np.add(tokens, dense(params.attention.output, mergeHeads(attended)));
  }

  /** Whom the tokens of a segment see: [C, N_p + 2 C]. */
  private tokenMask(size: number): Tensor {
    const { persistentTokens, read } = this.config;
    const form = read === "tokenExact" ? "causal" : "literal";
    return slice(memoryAsContextMask(persistentTokens, size, form), [
      persistentTokens + size,
      persistentTokens + 2 * size,
    ]);
  }

  /** Writes y to memory, and reads the new memory with y. */
  private writeThenRead(
    params: MemoryAsContextParams,
    memory: NeuralMemoryState,
    y: Tensor,
    slots: StepOptions,
    observe?: (found: MemoryDiagnostics) => void,
  ): { readonly outputs: Tensor; readonly state: NeuralMemoryState } {
    const options = { ...slots, readAtCallEnd: this.config.read === "segmentEndNonCausal" };
    if (observe === undefined) {
      const [outputs, state] = this.memory.step(params.memory, memory, y, options);
      return { outputs, state };
    }
    const [outputs, state, found] = this.memory.diagnose(params.memory, memory, y, options);
    observe(found);
    return { outputs, state };
  }
}

/** The angles of retrieved rows, then of tokens: both have the token's position. */
function twice({ cos, sin }: RotaryTable): RotaryTable {
  return { cos: np.concatenate([cos, cos], 0), sin: np.concatenate([sin, sin], 0) };
}

/** Which rows hold something, persistent tokens always: [batch, 1, 1, N_p + 2 C]. */
function rowsThere(persistentTokens: number, batch: number, mask: Tensor): Tensor {
  const persistent = persistentTokens === 0 ? [] : [np.ones([batch, persistentTokens], { dtype: mask.dtype })];
  return np.expandDims(np.greater(np.concatenate([...persistent, mask, mask], 1), 0), [1, 2]);
}

function checkConfig(config: MemoryAsContextConfig, chunkSize: number): void {
  const { memory, attentionHeads, segment, persistentTokens, read } = config;
  checkPersistentTokens(persistentTokens);
  checkHeads("memory as context", memory.dim, attentionHeads);
  if ((memory.dim / attentionHeads) % 2 !== 0) {
    throw new ConfigError(
      `memory as context with dim ${memory.dim} and ${attentionHeads} heads has heads of ${memory.dim / attentionHeads} features; rotary positions need an even number`,
    );
  }
  if (!Number.isInteger(segment) || segment < 1 || segment % chunkSize !== 0) {
    throw new ConfigError(
      `memory as context has segments of ${segment} tokens and a memory with chunks of ${chunkSize}; a segment must be a whole number of chunks`,
    );
  }
  if (!contextReads.includes(read)) throw new ConfigError(unknownName("read", read, contextReads));
}
