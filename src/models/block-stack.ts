/** The blocks of a model: what lies between its input and what it puts out. */
import type { Key, Tensor, Tree } from "../array/index.ts";
import { rmsNorm, type StepOptions } from "../common/index.ts";
import {
  type MemoryDiagnostics,
  NeuralMemory,
  type NeuralMemoryParams,
  type NeuralMemoryState,
} from "../titans/index.ts";
import { architectures } from "./architectures.ts";
import type { StackConfig } from "./config.ts";
import { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";

/** Parameters of each block, by its number. */
export type BlockStackParams = readonly ResidualBlockParams<Tree>[];
/** What lives at test time: one state a block, by its number. */
export type BlockStackState = readonly Tree[];

/** Residual blocks one after the other, all around the mixer that the configuration's architecture names. */
export class BlockStack {
  readonly blocks: readonly ResidualBlock<Tree, Tree>[];
  /** Tokens of the grid: calls are cut so that every chunk of every layer is whole. */
  readonly chunkSize: number;

  constructor(config: StackConfig) {
    const { architecture, layers, dim, feedForwardExpansion } = config;
    const hiddenDim = Math.round(dim * feedForwardExpansion);
    this.chunkSize = config.memory.chunkSize;
    this.blocks = Array.from(
      { length: layers },
      () => new ResidualBlock(architectures[architecture].mixer(config), dim, hiddenDim),
    );
  }

  /**
   * Fresh parameters.
   *
   * @param keys one a block
   */
  init(keys: readonly Key[]): BlockStackParams {
    return this.blocks.map((block, i) => block.init(keys[i]!));
  }

  /** The state before the first token, one row a sequence. */
  initialState(params: BlockStackParams, batch: number): BlockStackState {
    return this.blocks.map((block, i) => block.initialState(params[i]!, batch));
  }

  /**
   * Reads a segment.
   *
   * @param x [batch, tokens, dim]
   * @returns features [batch, tokens, dim] and the state after the segment
   */
  step(
    params: BlockStackParams,
    state: BlockStackState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, BlockStackState] {
    let features = x;
    const next = this.blocks.map((block, i) => {
      const [y, after] = block.step(params[i]!, state[i]!, features, options);
      features = y;
      return after;
    });
    return [features, next];
  }

  /**
   * `step`, with what happened inside each block's memory.
   *
   * @returns features, state, and the diagnostics of each memory layer by block number (blocks without a memory have none)
   */
  diagnose(
    params: BlockStackParams,
    state: BlockStackState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, BlockStackState, Record<string, MemoryDiagnostics>] {
    let features = x;
    const diagnostics: Record<string, MemoryDiagnostics> = {};
    const next = this.blocks.map((block, i) => {
      const blockParams = params[i]!;
      const input = rmsNorm(blockParams.mixerNorm, features);
      if (block.mixer instanceof NeuralMemory) {
        const [mixed, after, found] = block.mixer.diagnose(
          blockParams.mixer as NeuralMemoryParams,
          state[i] as NeuralMemoryState,
          input,
          options,
        );
        diagnostics[i] = found;
        features = block.finish(blockParams, features, mixed);
        return after;
      }
      const [mixed, after] = block.mixer.step(blockParams.mixer, state[i]!, input, options);
      features = block.finish(blockParams, features, mixed);
      return after;
    });
    return [features, next, diagnostics];
  }
}
