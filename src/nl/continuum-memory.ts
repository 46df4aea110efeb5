/** The continuum memory system: networks at several frequencies, whose weights live in the state and learn from the loss of what comes next. */
import { type Key, np, splitKey, type Tensor, type Tree } from "../array/index.ts";
import { type GeluParams, initGelu, initRmsNorm, type LearningLayer } from "../common/index.ts";
import { type Optimizer, optimizerNamed } from "../optim/index.ts";
import { continuumChain, independentContinuum } from "./continuum-chain.ts";
import { continuumUpdate, type LevelState, nestedContinuumReset, startLevel } from "./continuum-level.ts";
import {
  type ContinuumLevel,
  type ContinuumMemoryConfig,
  checkContinuum,
  continuumLevels,
} from "./continuum-memory-config.ts";

/** What the outer loop learns: where every level starts, its norm, and how independent levels are summed. */
export type ContinuumMemoryParams = {
  readonly levels: readonly { readonly norm: Tensor; readonly weights: GeluParams }[];
  /** [levels] */
  readonly mix?: Tensor;
};

/** One state a level that learns, in the order of the levels; a level that stands still has none. */
export type ContinuumMemoryState = readonly LevelState[];

/**
 * Networks at several frequencies, one after the other or side by side.
 *
 * `step` reads with the weights as they are. The model that knows what came next hands the gradient of the loss to `takeGradient`, which updates a level
 * where its chunk ends. Every sequence has weights of its own.
 *
 * What it does is in `continuumChain`, `independentContinuum`, `startLevel`, `continuumUpdate` and `nestedContinuumReset`.
 *
 * @throws ConfigError if the levels cannot work
 */
export class ContinuumMemory implements LearningLayer<ContinuumMemoryParams, ContinuumMemoryState> {
  readonly config: ContinuumMemoryConfig;
  /** In the order in which a token passes them. */
  readonly levels: readonly ContinuumLevel[];
  private readonly optimizer: Optimizer;

  constructor(config: ContinuumMemoryConfig) {
    checkContinuum(config);
    const { name, ...settings } = config.optimizer;
    this.config = config;
    this.levels = continuumLevels(config);
    this.optimizer = optimizerNamed(name, settings);
  }

  /** Tokens of the fastest level's chunk, of which all others are multiples; `undefined` if no level learns. */
  get learnUnit(): number | undefined {
    const shortest = Math.min(...this.levels.map(({ period }) => period));
    return shortest === Infinity ? undefined : shortest;
  }

  /** Numbers that one level updates. */
  get numbersALevel(): number {
    return 2 * this.config.dim * this.config.hiddenDim;
  }

  init(key: Key): ContinuumMemoryParams {
    const { dim, hiddenDim, form } = this.config;
    const count = this.levels.length;
    const levels = splitKey(key, count).map((own) => ({
      norm: initRmsNorm(dim),
      weights: initGelu(own, dim, hiddenDim),
    }));
    return form === "independent" ? { levels, mix: np.full([count], 1 / count) } : { levels };
  }

  initialState({ levels }: ContinuumMemoryParams, batch: number): ContinuumMemoryState {
    const { form } = this.config;
    const slowest = Math.max(...this.learning.map(({ period }) => period));
    return this.learning.map(({ at, period }) =>
      startLevel(levels[at]!.weights, batch, this.optimizer, { isNested: form === "nested" && period < slowest }),
    );
  }

  /** Reads tokens, [batch, tokens, dim]; the state stays as it is. */
  step(params: ContinuumMemoryParams, state: ContinuumMemoryState, x: Tensor): [Tensor, ContinuumMemoryState] {
    const own = new Map(this.learning.map(({ at }, i) => [at, state[i]!.weights as GeluParams]));
    const blocks = params.levels.map(({ norm, weights }, at) => ({ norm, weights: own.get(at) ?? weights }));
    return [params.mix ? independentContinuum(blocks, params.mix, x) : continuumChain(blocks, x), state];
  }

  learnedWeights(state: ContinuumMemoryState): Tree {
    return state.map(({ weights }) => weights);
  }

  withLearnedWeights(state: ContinuumMemoryState, weights: Tree): ContinuumMemoryState {
    return state.map((level, i) => ({ ...level, weights: (weights as readonly Tree[])[i]! }));
  }

  takeGradient(state: ContinuumMemoryState, gradient: Tree, tokens: number): ContinuumMemoryState {
    const gradients = gradient as readonly Tree[];
    const updates = this.learning.map(({ period, stepSize }, i) =>
      continuumUpdate(state[i]!, gradients[i]!, tokens, { period, stepSize, optimizer: this.optimizer }),
    );
    return updates.map(({ state: updated }, i) => {
      const slower = this.nextSlower(i);
      return slower === undefined
        ? updated
        : nestedContinuumReset(updated, updates[slower]!.due, this.learning[slower]!.stepSize);
    });
  }

  /** The levels that learn, with their numbers among all. */
  private get learning(): (ContinuumLevel & { readonly at: number })[] {
    return this.levels.map((level, at) => ({ ...level, at })).filter(({ period }) => period < Infinity);
  }

  /** Of the levels that learn, the number of the one that says where a nested one starts. */
  private nextSlower(level: number): number | undefined {
    if (this.config.form !== "nested") return undefined;
    const { learning } = this;
    const slower = [...learning.keys()].filter((other) => learning[other]!.period > learning[level]!.period);
    return slower.sort((a, b) => learning[a]!.period - learning[b]!.period)[0];
  }
}
