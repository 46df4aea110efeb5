/** MAG: sliding-window attention beside the memory, joined by a gate. */
import { type Key, np, splitKey, type Tensor } from "../array/index.ts";
import type { MemoryDiagnostics, MemoryLayer, MemoryWriting } from "../common/index.ts";
import {
  type AttentionPattern,
  type StepOptions,
  type WindowAttentionLayer,
  type WindowAttentionParams,
  type WindowAttentionState,
  windowAttentionLayer,
} from "../common/index.ts";
import { type BranchGate, type BranchGateParams, branchGate, initBranchGate } from "./branch-gate.ts";
import type { MemoryState } from "./memory-update.ts";
import { NeuralMemory, type NeuralMemoryParams, type NeuralMemoryState } from "./neural-memory.ts";
import type { NeuralMemoryInput } from "./neural-memory-config.ts";
import { checkPersistentTokens, initPersistentTokens, readPersistent, withPersistent } from "./persistent-memory.ts";

/** Everything about the layer that is fixed when it is made. */
export interface MemoryAsGateConfig {
  readonly memory: NeuralMemoryInput;
  /** Attention heads; each has dim / heads features, an even number. */
  readonly attentionHeads: number;
  /** Tokens that one sees: itself and window - 1 predecessors, and the persistent tokens besides. */
  readonly window: number;
  /** N_p, learned tokens before every sequence. */
  readonly persistentTokens: number;
  readonly gate: BranchGate;
}

/** What the outer loop learns. */
export type MemoryAsGateParams = {
  /** p: [N_p, dim]; left out if there are none. */
  readonly persistent?: Tensor;
  readonly memory: NeuralMemoryParams;
  readonly attention: WindowAttentionParams;
  readonly gate: BranchGateParams;
};

/** What lives at test time, one row a sequence. */
export type MemoryAsGateState = { readonly memory: NeuralMemoryState; readonly attention: WindowAttentionState };

/**
 * The MAG layer: attention is the short-term memory, precise in its window; the neural memory reads the same tokens and lets attention's output through.
 *
 * $$\tilde x = [\,p_1 \dots p_{N_p}\,]\ \|\ x, \qquad y = \text{SW-Attn}^*(\tilde x), \qquad o = y \otimes \mathcal M(\tilde x)$$
 *
 * SW-Attn* is a sliding window in which the persistent tokens stay visible to everybody. They are written to memory before the stream's first token,
 * as chunks of their own. Each branch has its output projection; pre-norm and residual belong to the block around the layer.
 *
 * @throws ConfigError if the sizes cannot work
 * @see Titans (arXiv:2501.00663) Eq. 26-28
 */
export class MemoryAsGate implements MemoryLayer<MemoryAsGateParams, MemoryAsGateState> {
  readonly config: MemoryAsGateConfig;
  readonly memory: NeuralMemory;
  private readonly attention: WindowAttentionLayer;

  constructor(config: MemoryAsGateConfig) {
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
    return withPersistent(this.attention.attends, this.config.persistentTokens);
  }

  init(key: Key): MemoryAsGateParams {
    const { memory, persistentTokens } = this.config;
    const [persistentKey, memoryKey, attentionKey] = splitKey(key, 3) as [Key, Key, Key];
    const persistent = initPersistentTokens(persistentKey, persistentTokens, memory.dim);
    return {
      ...(persistent && { persistent }),
      memory: this.memory.init(memoryKey),
      attention: this.attention.init(attentionKey),
      gate: initBranchGate(memory.dim),
    };
  }

  initialState(params: MemoryAsGateParams, batch: number): MemoryAsGateState {
    return {
      memory: readPersistent(this.memory, params.memory, params.persistent, batch).state,
      attention: this.attention.initialState(params.attention, batch),
    };
  }

  step(
    params: MemoryAsGateParams,
    state: MemoryAsGateState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MemoryAsGateState] {
    const [m, memory] = this.memory.step(params.memory, state.memory, x, options);
    const [y, attention] = this.attend(params, state, x, options);
    return [branchGate(this.config.gate, params.gate, y, m), { memory, attention }];
  }

  diagnose(
    params: MemoryAsGateParams,
    state: MemoryAsGateState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MemoryAsGateState, MemoryDiagnostics] {
    const [m, memory, diagnostics] = this.memory.diagnose(params.memory, state.memory, x, options);
    const [y, attention] = this.attend(params, state, x, options);
    return [branchGate(this.config.gate, params.gate, y, m), { memory, attention }, diagnostics];
  }

  mapMemory(state: MemoryAsGateState, f: (memory: MemoryState) => MemoryState): MemoryAsGateState {
    return { ...state, memory: this.memory.mapMemory(state.memory, f) };
  }

  attentionPattern(): AttentionPattern {
    return this.attention.attentionPattern({ tokens: this.config.persistentTokens, alwaysVisible: true });
  }

  private attend(
    params: MemoryAsGateParams,
    state: MemoryAsGateState,
    x: Tensor,
    options: StepOptions,
  ): [Tensor, WindowAttentionState] {
    const prefix = params.persistent && { prefix: np.expandDims(params.persistent, 0) };
    return this.attention.step(params.attention, state.attention, x, { ...options, ...prefix });
  }
}
