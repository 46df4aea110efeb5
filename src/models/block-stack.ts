/** The blocks of a model: what lies between its input and what it puts out. */
import type { Key, Tensor, Tree } from "../array/index.ts";
import { isMemoryLayer, type MemoryDiagnostics, rmsNorm, type StepOptions } from "../common/index.ts";
import { blockMixer } from "./architectures.ts";
import type { StackConfig } from "./config.ts";
import { isMirasArchitecture } from "./miras-config.ts";
import { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";

/** Parameters of each block, by its number. */
export type BlockStackParams = readonly ResidualBlockParams<Tree>[];
/** What lives at test time: one state a block, by its number. */
export type BlockStackState = readonly Tree[];

/** Residual blocks one after the other, around the mixers that the configuration gives them. */
export class BlockStack {
  readonly blocks: readonly ResidualBlock<Tree, Tree>[];
  /** Tokens of the grid: calls are cut so that every chunk and every segment of every layer is whole. */
  readonly chunkSize: number;
  /** Numbers of the blocks with a memory, from 0. */
  readonly memoryBlocks: readonly number[];

  constructor(config: StackConfig) {
    const { layers, dim, feedForwardExpansion } = config;
    const hiddenDim = Math.round(dim * feedForwardExpansion);
    this.blocks = Array.from(
      { length: layers },
      (_, block) => new ResidualBlock(blockMixer(config, block), dim, hiddenDim),
    );
    const units = this.blocks.map(({ mixer }) => mixer.gridUnit ?? 1);
    this.chunkSize = units.reduce(
      leastCommonMultiple,
      isMirasArchitecture(config.architecture) ? 1 : config.memory.chunkSize,
    );
    this.memoryBlocks = [...this.blocks.keys()].filter((block) => isMemoryLayer(this.blocks[block]!.mixer));
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
      if (isMemoryLayer(block.mixer)) {
        const [mixed, after, found] = block.mixer.diagnose(blockParams.mixer, state[i]!, input, options);
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

  /** A state in which every memory, with what its rule carries, is what `f` makes of it, everything else unchanged. */
  mapMemories(state: BlockStackState, f: <M extends Tree>(memory: M) => M): BlockStackState {
    return this.blocks.map(({ mixer }, i) => {
      const own = state[i]!;
      return isMemoryLayer(mixer) ? mixer.mapMemory(own, f) : own;
    });
  }
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a / divisor(a, b)) * b;
}
