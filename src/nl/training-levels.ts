/** A training run as a nested system: what in it is updated, how often, against which objective, by what stream. */
import { checkWhole } from "../common/index.ts";
import type { NestedComponent } from "./levels.ts";
import { type NestedSystem, nestedSystem } from "./nested-system.ts";
import { gradientMemories } from "./optimizer-levels.ts";

/** A component with what people want to know of it. */
export interface DescribedComponent extends NestedComponent {
  readonly parameters: string;
  readonly objective: string;
  /** The stream that it learns from. */
  readonly context: string;
}

/** A memory that is written while tokens are read. */
export interface MemoryFacts {
  readonly name: string;
  /** Tokens whose gradients are taken at the same weights; 1 if each is taken at its own. */
  readonly chunk: number;
  /** What it is trained on; the squared error of its answers if left out. */
  readonly objective?: string;
  /** The stream that it learns from; keys and values of its tokens if left out. */
  readonly context?: string;
  /** How many numbers it holds. */
  readonly parameters?: number;
}

/** How the weights are trained. */
export interface OptimizationFacts {
  /** One of `levelledOptimizers`. */
  readonly optimizer: string;
  /** Tokens of each sequence that one step of the optimiser reads. */
  readonly tokens: number;
  /** Sequences a step. They are read side by side, each by memories of its own. */
  readonly batch: number;
  /** Steps between two updates of the optimiser's slow memory, if it has one; 1 if left out. */
  readonly slowPeriod?: number;
}

/** Plain facts about a model in a training run, or in use. */
export interface TrainingFacts {
  /** Names the model. */
  readonly architecture: string;
  /** Numbers that the optimiser learns. */
  readonly parameters?: number;
  /** What attention sees, such as `a segment`; left out where there is none. */
  readonly attention?: string;
  readonly memories?: readonly MemoryFacts[];
  /** Left out where training is over, so that the weights stand still. */
  readonly training?: OptimizationFacts;
}

/**
 * A training run, or a model in use, as a nested system whose data points are tokens of a sequence.
 *
 * Attention keeps nothing and is solved anew for each token. A memory is written every chunk. The optimiser's memories learn from gradients once a step, and
 * the weights from them; where training is over, weights stand still while memories go on learning.
 *
 * @throws ConfigError if a count is not a whole number of at least 1, the optimiser is unknown, or two components have one name
 */
export function describeTraining({
  architecture,
  parameters,
  attention,
  memories = [],
  training,
}: TrainingFacts): NestedSystem<DescribedComponent> {
  const solved = attention === undefined ? [] : [attentionComponent(attention)];
  const written = memories.map(memoryComponent);
  const learned = training === undefined ? [] : optimizerComponents(training);
  const weights: DescribedComponent = {
    name: `weights of ${architecture}`,
    period: training?.tokens ?? Infinity,
    // A slower memory does not hold the weights up: they use it as it is.
    needs: learned.filter(({ period }) => period === training?.tokens).map(({ name }) => name),
    parameters: parameters === undefined ? "all weights" : parameters.toLocaleString("en"),
    objective: "loss of the next token",
    context:
      training === undefined
        ? "none"
        : `${countOf(training.batch, "sequence")} of ${countOf(training.tokens, "token")} a step`,
  };
  return nestedSystem([...solved, ...written, ...learned, weights]);
}

function countOf(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function attentionComponent(sees: string): DescribedComponent {
  return {
    name: "attention",
    period: 0,
    parameters: "none",
    objective: "distance to values, weighted by scores",
    context: `keys and values of ${sees}`,
  };
}

function memoryComponent({ name, chunk, objective, context, parameters }: MemoryFacts): DescribedComponent {
  checkWhole(`chunk of ${name}`, chunk);
  return {
    name,
    period: chunk,
    parameters: parameters === undefined ? "the memory's weights" : parameters.toLocaleString("en"),
    objective: objective ?? "squared error of its answers",
    context: context ?? "keys and values of its tokens",
  };
}

function optimizerComponents({ optimizer, tokens, batch, slowPeriod = 1 }: OptimizationFacts): DescribedComponent[] {
  for (const [name, count] of Object.entries({ "tokens a step": tokens, batch, "slow period": slowPeriod }))
    checkWhole(name, count);
  return gradientMemories(optimizer).map(({ name, objective, needs = [], slow = false }) => ({
    name,
    period: slow ? tokens * slowPeriod : tokens,
    needs,
    parameters: "like the weights",
    objective,
    context: "gradients of the weights",
  }));
}
