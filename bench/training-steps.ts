/** The real training loop, one step at a time: what a turn of a benchmark costs is what a step of `train` costs. */
import { type Engine, release } from "../src/array/index.ts";
import { byteTokenizer, counterRandom, memoryTokens } from "../src/data/index.ts";
import { LanguageModel, type ModelInput } from "../src/models/index.ts";
import { train, trainingSchema } from "../src/training/index.ts";

/** A model and how it is trained. */
export interface Workload {
  readonly model: ModelInput;
  /** Entries of a training configuration. */
  readonly training: Readonly<Record<string, number>>;
}

/** Steps before the ones that are timed: while its memory grows, a process touches fresh pages, which cost the first steps up to twice their time. */
export const SETTLING_STEPS = 5;
const SOURCE_TOKENS = 16_384;

/** Bytes without meaning: what they are makes no difference to the time. */
export const tokens = memoryTokens(
  Int32Array.from({ length: SOURCE_TOKENS }, (_, i) => Math.floor(counterRandom(i) * 256)),
);

/** A training run that waits after every step until it is told to go on. */
export class TrainingSteps {
  private readonly stopping = new AbortController();
  private readonly finished: Promise<void>;
  private proceed = () => {};
  private stepped = () => {};

  constructor(engine: Engine, { model, training }: Workload) {
    const gate = () =>
      new Promise<void>((open) => {
        this.proceed = open;
      });
    const first = gate();
    const run = async () => {
      await first;
      const state = await train({
        engine,
        model: new LanguageModel(model),
        data: { tokenizer: byteTokenizer(), training: tokens, validation: tokens },
        config: trainingSchema.parse({ ...training, steps: 1_000_000 }),
        signal: this.stopping.signal,
        onStep: () => {
          const next = gate();
          this.stepped();
          return next;
        },
      });
      release(state.params, state.optimizer);
    };
    this.finished = run();
  }

  /** The steps after which all cost the same. */
  async settle(): Promise<void> {
    for (let step = 0; step < SETTLING_STEPS; step++) await this.step();
  }

  /** One step. */
  async step(): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.stepped = resolve;
    });
    this.proceed();
    await Promise.race([done, this.finished]);
  }

  /** Ends the run and frees what it held. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.proceed();
    await this.finished;
  }
}
