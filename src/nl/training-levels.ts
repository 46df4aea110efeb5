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
  /** How many numbers it holds. */
  readonly parameters?: number;
}

/** Plain facts about a training run. */
export interface TrainingFacts {
  /** Names the model. */
  readonly architecture: string;
  /** Numbers that the optimiser learns. */
  readonly parameters?: number;
  /** Tokens of each sequence that one step of the optimiser reads. */
  readonly tokens: number;
  /** Sequences a step. They are read side by side, each by memories of its own. */
  readonly batch: number;
  /** One of `levelledOptimizers`. */
  readonly optimizer: string;
  /** Steps between two updates of the optimiser's slow memory, if it has one; 1 if left out. */
  readonly slowPeriod?: number;
  /** Which tokens attention sees; left out where there is none. */
  readonly attention?: string;
  readonly memories?: readonly MemoryFacts[];
}

const countOf = (parameters: number | undefined) =>
  parameters === undefined ? "a memory's weights" : parameters.toLocaleString("en");

/**
 * A training run as a nested system, whose data points are tokens of a sequence.
 *
 * Attention keeps nothing and is solved anew for each token. A memory is written every chunk. The optimiser's memories learn from gradients, once a step, and the weights
 * from them. Without an optimiser's step, as after training, the weights would have period `Infinity`: that is `deployed`.
 *
 * @param facts about the run
 * @param deployed whether training is over, so that there is no optimiser and weights stand still; false by default
 * @throws ConfigError if a count is not a whole number of at least 1, the optimiser is unknown, or two memories have one name
 */
export function describeTraining(facts: TrainingFacts, deployed = false): NestedSystem<DescribedComponent> {
  const { architecture, tokens, batch, optimizer, slowPeriod = 1, attention, memories = [], parameters } = facts;
  checkWhole("tokens a step", tokens);
  checkWhole("batch", batch);
  checkWhole("slow period", slowPeriod);
  for (const { name, chunk } of memories) checkWhole(`chunk of ${name}`, chunk);

  const solved = attention === undefined ? [] : [attentionComponent(attention)];
  const written = memories.map(memoryComponent);
  const learned = deployed ? [] : optimizerComponents(optimizer, tokens, slowPeriod);
  const weights: DescribedComponent = {
    name: `weights of ${architecture}`,
    period: deployed ? Infinity : tokens,
    needs: learned.map(({ name }) => name),
    parameters: parameters === undefined ? "all weights" : parameters.toLocaleString("en"),
    objective: "loss of the next token",
    context: deployed
      ? "none"
      : `${batch.toLocaleString("en")} sequences of ${tokens.toLocaleString("en")} tokens a step`,
  };
  return nestedSystem([...solved, ...written, ...learned, weights]);
}

function attentionComponent(sees: string): DescribedComponent {
  return {
    name: "attention",
    period: 0,
    parameters: "none",
    objective: "values weighted by scores",
    context: `keys and values of ${sees}`,
  };
}

function memoryComponent({ name, chunk, objective, parameters }: MemoryFacts): DescribedComponent {
  return {
    name,
    period: chunk,
    parameters: countOf(parameters),
    objective: objective ?? "squared error of its answers",
    context: "keys and values of its tokens",
  };
}

/** The weights change once a step: a slow memory does not hold them up, they use it as it is. */
function optimizerComponents(optimizer: string, tokens: number, slowPeriod: number): DescribedComponent[] {
  return gradientMemories(optimizer).map(({ name, objective, needs = [], slow = false }) => ({
    name,
    period: slow ? tokens * slowPeriod : tokens,
    needs,
    parameters: "like the weights",
    objective,
    context: "gradients of the weights",
  }));
}
