/** Ad-hoc level stacking: a trained model whose feed-forward networks become levels of a continuum memory. */
import type { Tree } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { BlockParams } from "./block-stack.ts";
import type { ModelConfig, ModelInput } from "./config.ts";
import type { ContinuumConfig } from "./continuum-config.ts";
import { LanguageModel, type ModelParams } from "./language-model.ts";
import type { ResidualBlockParams } from "./residual-block.ts";

/** The levels a model is given. */
export interface StackedLevels {
  /** Tokens between two updates of each level, all multiples of the smallest; `null`: stands still. Levels are spread evenly over the blocks, the first one lowest. */
  readonly periods: readonly (number | null)[];
  /** eta of a single token's gradient: one for all levels, or one for each of `periods`. */
  readonly stepSize: number | readonly number[];
  /** Whose error term the levels use, and its settings; plain gradient descent if left out. */
  readonly optimizer?: ContinuumConfig["optimizer"];
}

/** A model's configuration and parameters. */
export interface ModelParts {
  readonly config: ModelConfig;
  readonly params: ModelParams;
}

/**
 * Turns a trained model into one that learns while it reads.
 *
 * $$\mathrm{MLP}^{(f_i)}_0(\cdot) = \mathrm{MLP}_{\text{pre-trained},i}(\cdot)$$
 *
 * The feed-forward network of every block keeps its place and becomes a level with a period: chained copies within a block would be another function, so that
 * only this reading leaves the network as it was at step size 0. From there on, levels are updated as those of any continuum memory.
 *
 * @param model its blocks end in feed-forward networks; borrowed
 * @returns a model with one level a block, and its parameters: the arrays of the original, so that one of both is released
 * @throws ConfigError if the model has levels already, or these cannot work
 * @see Nested Learning (arXiv:2512.24695), section 7.3
 */
export function stackLevels(
  { config, params }: ModelParts,
  levels: StackedLevels,
): { readonly model: LanguageModel; readonly params: ModelParams } {
  if (config.continuum !== undefined)
    throw new ConfigError("the model has a continuum memory already; stack levels onto one with feed-forward networks");
  const model = new LanguageModel({ ...config, continuum: blockLevels(config.layers, levels) });
  return { model, params: { ...params, blocks: params.blocks.map(stackedBlock) } };
}

/** The section of a configuration: every block has the level that falls to it. */
function blockLevels(layers: number, { periods, stepSize, optimizer }: StackedLevels): ModelInput["continuum"] {
  if (periods.length > layers)
    throw new ConfigError(
      `there are ${periods.length} levels for ${layers} ${layers === 1 ? "block" : "blocks"}, of which each becomes one; give at most ${layers}`,
    );
  if (typeof stepSize !== "number" && stepSize.length !== periods.length)
    throw new ConfigError(
      `there are ${stepSize.length} step sizes for ${periods.length} periods; give one for each, or a single one for all`,
    );
  const ofBlock = <T>(ofLevel: readonly T[]): T[] =>
    Array.from({ length: layers }, (_, block) => ofLevel[Math.floor((block * ofLevel.length) / layers)]!);
  return {
    layout: "oneABlock",
    periods: ofBlock(periods),
    stepSize: typeof stepSize === "number" ? stepSize : ofBlock(stepSize),
    ...(optimizer && { optimizer }),
  };
}

function stackedBlock(block: BlockParams): BlockParams {
  const { feedForwardNorm: norm, feedForward: weights, ...rest } = block as ResidualBlockParams<Tree>;
  return { ...rest, continuum: { levels: [{ norm, weights }] } };
}
