/** LMM: the long-term memory alone, after persistent tokens. */
import { type Key, splitKey, type Tensor } from "../array/index.ts";
import type { MemoryDiagnostics, MemoryLayer, MemoryWriting, StepOptions } from "../common/index.ts";
import type { MemoryState } from "./memory-update.ts";
import { NeuralMemory, type NeuralMemoryParams, type NeuralMemoryState } from "./neural-memory.ts";
import type { NeuralMemoryInput } from "./neural-memory-config.ts";
import { checkPersistentTokens, initPersistentTokens, readPersistent } from "./persistent-memory.ts";

/** Everything about the layer that is fixed when it is made. */
export interface LongTermMemoryConfig {
  readonly memory: NeuralMemoryInput;
  /** N_p, learned tokens before every sequence. */
  readonly persistentTokens: number;
}

/** What the outer loop learns. */
export type LongTermMemoryParams = {
  /** p: [N_p, dim]; left out if there are none. */
  readonly persistent?: Tensor;
  readonly memory: NeuralMemoryParams;
};

/**
 * The memory without attention: MAL before its last equation.
 *
 * $$\tilde x = [\,p_1 \dots p_{N_p}\,]\ \|\ x, \qquad o = \mathcal M(\tilde x)$$
 *
 * The persistent tokens are written to memory before the stream's first token; of the outputs the last N rows are kept. The state is the memory's, and
 * without persistent tokens the layer is `NeuralMemory`.
 *
 * @throws ConfigError if the sizes cannot work
 * @see Titans (arXiv:2501.00663) Eq. 29-30
 */
export class LongTermMemory implements MemoryLayer<LongTermMemoryParams, NeuralMemoryState> {
  readonly memory: NeuralMemory;
  readonly persistentTokens: number;

  constructor(config: LongTermMemoryConfig) {
    this.memory = new NeuralMemory(config.memory);
    this.persistentTokens = config.persistentTokens;
    checkPersistentTokens(config.persistentTokens);
  }

  get gridUnit(): number {
    return this.memory.gridUnit;
  }

  get writing(): MemoryWriting {
    return this.memory.writing;
  }

  init(key: Key): LongTermMemoryParams {
    const [persistentKey, memoryKey] = splitKey(key, 2) as [Key, Key];
    const persistent = initPersistentTokens(persistentKey, this.persistentTokens, this.memory.config.dim);
    return { ...(persistent && { persistent }), memory: this.memory.init(memoryKey) };
  }

  initialState(params: LongTermMemoryParams, batch: number): NeuralMemoryState {
    return readPersistent(this.memory, params.memory, params.persistent, batch).state;
  }

  step(
    params: LongTermMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, NeuralMemoryState] {
    return this.memory.step(params.memory, state, x, options);
  }

  diagnose(
    params: LongTermMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, NeuralMemoryState, MemoryDiagnostics] {
    return this.memory.diagnose(params.memory, state, x, options);
  }

  mapMemory(state: NeuralMemoryState, f: (memory: MemoryState) => MemoryState): NeuralMemoryState {
    return this.memory.mapMemory(state, f);
  }
}
