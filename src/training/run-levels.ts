/** A run as a nested system: what of it is updated how often, asked of its own model and settings. */
import { key, shapesOf, type Tree } from "../array/index.ts";
import { isMemoryLayer, type MemoryLayer } from "../common/index.ts";
import { ContinuumBlock, type LanguageModel } from "../models/index.ts";
import {
  type DescribedComponent,
  describeTraining,
  type MemoryFacts,
  type NestedSystem,
  type OptimizationFacts,
  type TrainingFacts,
} from "../nl/index.ts";
import type { TrainingConfig } from "./config.ts";
import { optimizerSettings } from "./optimizer-choice.ts";

/**
 * The levels of a model in training, the fastest first: attention, memories, the optimiser's memories, the weights.
 *
 * @param training how it is trained; left out where training is over
 */
export function runLevels(model: LanguageModel, training?: TrainingConfig): NestedSystem<DescribedComponent> {
  return describeTraining(runFacts(model, training));
}

/**
 * What the levels of a model in training follow from; nothing is allocated.
 *
 * @param training how it is trained; left out where training is over
 */
export function runFacts(model: LanguageModel, training?: TrainingConfig): TrainingFacts {
  const attended = new Set(model.blocks.flatMap(({ mixer }) => mixer.attends ?? []));
  return {
    architecture: model.config.architecture,
    parameters: numbersOf(model.shapes()),
    ...(attended.size > 0 ? { attention: [...attended].join("; ") } : {}),
    memories: [...memoryFacts(model), ...continuumFacts(model)],
    ...(training ? { training: optimizationFacts(training) } : {}),
  };
}

/** The memories of all blocks together: every block that has one has the same. */
function memoryFacts({ blocks }: LanguageModel): MemoryFacts[] {
  const layers = blocks.flatMap(({ mixer }) => (isMemoryLayer(mixer) ? [mixer] : []));
  const [first] = layers;
  if (first === undefined) return [];
  const total = layers.length * memorySize(first);
  return [{ name: layers.length === 1 ? "memory" : `${layers.length} memories`, ...first.writing, parameters: total }];
}

/** The levels of all blocks' continuum memories that learn while the model reads, those of one period together. */
function continuumFacts({ blocks }: LanguageModel): MemoryFacts[] {
  const sizes = new Map<number, number>();
  for (const block of blocks) {
    if (!(block instanceof ContinuumBlock)) continue;
    const { levels, numbersALevel } = block.continuum;
    for (const { period } of levels) sizes.set(period, (sizes.get(period) ?? 0) + numbersALevel);
  }
  return [...sizes]
    .filter(([period]) => period < Infinity)
    .map(([period, parameters]) => ({
      name: `networks of ${period} tokens`,
      chunk: period,
      objective: "loss of the next token",
      context: "tokens and what came after them",
      parameters,
    }));
}

/** Numbers of one sequence's memory, with what its rule carries from token to token, such as momentum. */
function memorySize(layer: MemoryLayer<Tree, Tree>): number {
  const shapes = shapesOf(() => {
    const found: Tree[] = [];
    layer.mapMemory(layer.initialState(layer.init(key(0)), 1), (memory) => {
      found.push(memory);
      return memory;
    });
    return found;
  });
  return numbersOf(shapes);
}

/** `period` is what the optimiser with a slow memory calls the steps between two of its updates. */
function optimizationFacts(training: TrainingConfig): OptimizationFacts {
  const { optimizer, length, batch, accumulate } = training;
  const { period } = optimizerSettings(training);
  return {
    optimizer: optimizer.name,
    tokens: length,
    batch: batch * accumulate,
    ...(typeof period === "number" ? { slowPeriod: period } : {}),
  };
}

function numbersOf(shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>): number {
  return [...shapes.values()].reduce((total, { shape }) => total + shape.reduce((product, n) => product * n, 1), 0);
}
