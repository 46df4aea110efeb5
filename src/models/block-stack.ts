/** The blocks of a model: what lies between its input and what it puts out. */
import type { Key, Tensor, Tree } from "../array/index.ts";
import { isMemoryLayer, type LearningLayer, type MemoryDiagnostics, type StepOptions } from "../common/index.ts";
import { ContinuumMemory } from "../nl/index.ts";
import { ConfigError } from "../utils/index.ts";
import { blockMixer } from "./architectures.ts";
import type { StackConfig } from "./config.ts";
import { ContinuumBlock } from "./continuum-block.ts";
import { blockContinuum } from "./continuum-config.ts";
import { continuumOf, isHopeArchitecture } from "./hope-config.ts";
import { isMirasArchitecture } from "./miras-config.ts";
import { ResidualBlock } from "./residual-block.ts";
import type { Mix, StackBlock } from "./stack-block.ts";

/** Parameters of a block: its mixer's, and what follows the mixer in it. */
export type BlockParams = { readonly mixerNorm: Tensor; readonly mixer: Tree; readonly [rest: string]: Tree };
/** Parameters of each block, by its number. */
export type BlockStackParams = readonly BlockParams[];
/** What lives at test time: one state a block, by its number. */
export type BlockStackState = readonly Tree[];

/** Residual blocks one after the other, around the mixers that the configuration gives them. */
export class BlockStack {
  readonly blocks: readonly StackBlock[];
  /** Tokens of the grid: calls are cut so that every chunk and every segment of every layer is whole. */
  readonly chunkSize: number;
  /** Tokens of the shortest stretch after which a weight in the state may change; `undefined` if none ever does. */
  readonly learnUnit: number | undefined;
  /** Numbers of the blocks with a memory, from 0. */
  readonly memoryBlocks: readonly number[];

  /** @throws ConfigError if the periods of its continuum memories do not fit each other, or the grid of its mixers */
  constructor(config: StackConfig) {
    this.blocks = Array.from({ length: config.layers }, (_, block) => stackBlock(config, block));
    const units = this.blocks.map(({ mixer }) => mixer.gridUnit ?? 1);
    const { architecture, memory } = config;
    const isOfTitans = !isMirasArchitecture(architecture) && !isHopeArchitecture(architecture);
    const mixed = units.reduce(leastCommonMultiple, isOfTitans ? memory.chunkSize : 1);
    this.learnUnit = learnUnitOf(this.blocks, mixed);
    this.chunkSize = this.learnUnit ?? mixed;
    this.memoryBlocks = [...this.blocks.keys()].filter((block) => isMemoryLayer(this.blocks[block]!.mixer));
  }

  /**
   * Fresh parameters.
   *
   * @param keys one a block
   */
  init(keys: readonly Key[]): BlockStackParams {
    return this.blocks.map((block, i) => block.init(keys[i]!) as BlockParams);
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
    return this.through(
      params,
      state,
      x,
      ({ mixer }) =>
        (...args) =>
          mixer.step(...args, options),
    );
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
    const diagnostics: Record<string, MemoryDiagnostics> = {};
    const [features, next] = this.through(params, state, x, ({ mixer }, i) => {
      if (!isMemoryLayer(mixer)) return (...args) => mixer.step(...args, options);
      return (...args) => {
        const [mixed, after, found] = mixer.diagnose(...args, options);
        diagnostics[i] = found;
        return [mixed, after];
      };
    });
    return [features, next, diagnostics];
  }

  /** A state in which every memory, with what its rule carries, is what `f` makes of it, everything else unchanged. */
  mapMemories(state: BlockStackState, f: <M extends Tree>(memory: M) => M): BlockStackState {
    return this.blocks.map((block, i) => {
      const { mixer } = block;
      return isMemoryLayer(mixer) ? block.mapMixer(state[i]!, (own) => mixer.mapMemory(own, f)) : state[i]!;
    });
  }

  /** The weights of all blocks that learn while they read. */
  learnedWeights(state: BlockStackState): Tree {
    const found: Tree[] = [];
    this.mapLearned(state, (layer, own) => {
      found.push(layer.learnedWeights(own));
      return own;
    });
    return found;
  }

  /** The state with others. */
  withLearnedWeights(state: BlockStackState, weights: Tree): BlockStackState {
    const given = (weights as readonly Tree[]).values();
    return this.mapLearned(state, (layer, own) => layer.withLearnedWeights(own, given.next().value!));
  }

  /**
   * Takes in the gradient of the summed loss of a stretch of tokens.
   *
   * @param gradient a tree like `learnedWeights`
   * @param tokens how many they are, `learnUnit` at most
   */
  takeGradient(state: BlockStackState, gradient: Tree, tokens: number): BlockStackState {
    const given = (gradient as readonly Tree[]).values();
    return this.mapLearned(state, (layer, own) => layer.takeGradient(own, given.next().value!, tokens));
  }

  private through(
    params: BlockStackParams,
    state: BlockStackState,
    x: Tensor,
    mixOf: (block: StackBlock, number: number) => Mix<Tree, Tree>,
  ): [Tensor, BlockStackState] {
    let features = x;
    const next = this.blocks.map((block, i) => {
      const [y, after] = block.through(params[i]!, state[i]!, features, mixOf(block, i));
      features = y;
      return after;
    });
    return [features, next];
  }

  /** Only of blocks that learn. */
  private mapLearned(state: BlockStackState, f: (layer: LearningLayer<Tree, Tree>, own: Tree) => Tree) {
    return this.blocks.map((block, i) => {
      const { learned } = block;
      return learned === undefined ? state[i]! : block.mapLearned(state[i]!, (own) => f(learned, own));
    });
  }
}

function stackBlock(config: StackConfig, block: number): StackBlock {
  const { dim, feedForwardExpansion } = config;
  const continuum = continuumOf(config);
  const hiddenDim = Math.round(dim * feedForwardExpansion);
  const mixer = blockMixer(config, block);
  const built =
    continuum === undefined
      ? new ResidualBlock(mixer, dim, hiddenDim)
      : new ContinuumBlock(mixer, new ContinuumMemory(blockContinuum(continuum, { dim, hiddenDim, block })));
  return built as unknown as StackBlock;
}

/**
 * Tokens of the shortest stretch after which a weight may change.
 *
 * @param mixed tokens of the mixers' grid
 * @throws ConfigError if weights would change while a chunk of a mixer is open
 */
function learnUnitOf(blocks: readonly StackBlock[], mixed: number): number | undefined {
  const units = blocks.map(({ learned }) => learned?.learnUnit).filter((unit) => unit !== undefined);
  if (units.length === 0) return undefined;
  const shortest = Math.min(...units);
  const uneven = units.find((unit) => unit % shortest !== 0);
  if (uneven !== undefined)
    throw new ConfigError(
      `continuum.periods: ${uneven} tokens are no multiple of the shortest period, ${shortest}; choose periods that are`,
    );
  if (shortest % mixed !== 0)
    throw new ConfigError(
      `continuum.periods: the shortest is ${shortest} tokens, but the blocks read ${mixed} at a time (chunkSize of the memory; contextSegment in titans-mac); choose a multiple of that`,
    );
  return shortest;
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a / divisor(a, b)) * b;
}
