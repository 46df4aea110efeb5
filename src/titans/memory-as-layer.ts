/** MAL: the memory first, sliding-window attention over what it puts out. */
import { type Key, np, splitKey, type Tensor } from "../array/index.ts";
import type { MemoryDiagnostics, MemoryLayer, MemoryWriting } from "../common/index.ts";
import {
  type AttentionPattern,
  initRmsNorm,
  rmsNorm,
  type StepOptions,
  type WindowAttentionLayer,
  type WindowAttentionParams,
  type WindowAttentionState,
  windowAttentionLayer,
} from "../common/index.ts";
import type { MemoryState } from "./memory-update.ts";
import { NeuralMemory, type NeuralMemoryParams, type NeuralMemoryState } from "./neural-memory.ts";
import type { NeuralMemoryInput } from "./neural-memory-config.ts";
import { checkPersistentTokens, initPersistentTokens, readPersistent, withPersistent } from "./persistent-memory.ts";

/** Everything about the layer that is fixed when it is made. */
export interface MemoryAsLayerConfig {
  readonly memory: NeuralMemoryInput;
  /** Attention heads; each has dim / heads features, an even number. */
  readonly attentionHeads: number;
  /** Tokens that one sees: itself and window - 1 predecessors. */
  readonly window: number;
  /** N_p, learned tokens before every sequence. */
  readonly persistentTokens: number;
  /** Keeps the rows of the persistent tokens visible to every token. Without it they are ordinary positions that leave the window, as the paper prints it. */
  readonly visiblePrefix: boolean;
}

/** What the outer loop learns. */
export type MemoryAsLayerParams = {
  /** p: [N_p, dim]; left out if there are none. */
  readonly persistent?: Tensor;
  readonly memory: NeuralMemoryParams;
  /** Scale of the norm before attention: [dim] */
  readonly attentionNorm: Tensor;
  readonly attention: WindowAttentionParams;
};

/** What lives at test time, one row a sequence. */
export type MemoryAsLayerState = {
  readonly memory: NeuralMemoryState;
  readonly attention: WindowAttentionState;
  /** What the memory put out for the persistent tokens, normed, where they stay visible: [batch, N_p, dim] */
  readonly prefix?: Tensor;
};

/**
 * The MAL layer: attention sees the past through what the memory made of it.
 *
 * $$\tilde x = [\,p_1 \dots p_{N_p}\,]\ \|\ x, \qquad y = \mathcal M(\tilde x), \qquad o = y + \text{SW-Attn}(\mathrm{RMSNorm}(y))$$
 *
 * The paper prints o = SW-Attn(y) and leaves norm and residual to the architecture; with attention's output at zero this is `LongTermMemory`. The
 * persistent tokens run through memory and attention before the stream's first token. Pre-norm and the outer residual belong to the block around it.
 *
 * @throws ConfigError if the sizes cannot work
 * @see Titans (arXiv:2501.00663) Eq. 29-31
 */
export class MemoryAsLayer implements MemoryLayer<MemoryAsLayerParams, MemoryAsLayerState> {
  readonly config: MemoryAsLayerConfig;
  readonly memory: NeuralMemory;
  private readonly attention: WindowAttentionLayer;

  constructor(config: MemoryAsLayerConfig) {
    this.config = config;
    this.memory = new NeuralMemory(config.memory);
    const { memory, attentionHeads, window, persistentTokens } = config;
    this.attention = windowAttentionLayer({ dim: memory.dim, heads: attentionHeads, window });
    checkPersistentTokens(persistentTokens);
  }

  get gridUnit(): number {
    return this.memory.gridUnit;
  }

  get writing(): MemoryWriting {
    return this.memory.writing;
  }

  get attends(): string {
    const { persistentTokens, visiblePrefix } = this.config;
    return withPersistent(this.attention.attends, visiblePrefix ? persistentTokens : 0);
  }

  init(key: Key): MemoryAsLayerParams {
    const { memory, persistentTokens } = this.config;
    const [persistentKey, memoryKey, attentionKey] = splitKey(key, 3) as [Key, Key, Key];
    const persistent = initPersistentTokens(persistentKey, persistentTokens, memory.dim);
    return {
      ...(persistent && { persistent }),
      memory: this.memory.init(memoryKey),
      attentionNorm: initRmsNorm(memory.dim),
      attention: this.attention.init(attentionKey),
    };
  }

  initialState(params: MemoryAsLayerParams, batch: number): MemoryAsLayerState {
    const { state: memory, outputs } = readPersistent(this.memory, params.memory, params.persistent, batch);
    const attention = this.attention.initialState(params.attention, batch);
    if (outputs === undefined) return { memory, attention };
    const rows = rmsNorm(params.attentionNorm, outputs);
    if (this.config.visiblePrefix) return { memory, attention, prefix: rows };
    return { memory, attention: this.attention.step(params.attention, attention, rows)[1] };
  }

  step(
    params: MemoryAsLayerParams,
    state: MemoryAsLayerState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MemoryAsLayerState] {
    const [y, memory] = this.memory.step(params.memory, state.memory, x, options);
    const [o, attention] = this.attend(params, state, y, options);
    return [o, { ...state, memory, attention }];
  }

  diagnose(
    params: MemoryAsLayerParams,
    state: MemoryAsLayerState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MemoryAsLayerState, MemoryDiagnostics] {
    const [y, memory, diagnostics] = this.memory.diagnose(params.memory, state.memory, x, options);
    const [o, attention] = this.attend(params, state, y, options);
    return [o, { ...state, memory, attention }, diagnostics];
  }

  mapMemory(state: MemoryAsLayerState, f: (memory: MemoryState) => MemoryState): MemoryAsLayerState {
    return { ...state, memory: this.memory.mapMemory(state.memory, f) };
  }

  attentionPattern(): AttentionPattern {
    const { persistentTokens, visiblePrefix } = this.config;
    return this.attention.attentionPattern({ tokens: persistentTokens, alwaysVisible: visiblePrefix });
  }

  private attend(
    params: MemoryAsLayerParams,
    state: MemoryAsLayerState,
    y: Tensor,
    options: StepOptions,
  ): [Tensor, WindowAttentionState] {
    const prefix = state.prefix && { prefix: state.prefix };
    const rows = rmsNorm(params.attentionNorm, y);
    const [attended, attention] = this.attention.step(params.attention, state.attention, rows, {
      ...options,
      ...prefix,
    });
    return [np.add(y, attended), attention];
  }
}
