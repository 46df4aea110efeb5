/** Trains several runs side by side, each in a process of its own (Node only). */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { writeFileAtomic } from "../data/index.ts";
import { NeuralMemoryError } from "../utils/index.ts";
import { findCheckpoint } from "./checkpoint.ts";
import type { RunConfig } from "./run-config.ts";
import { runWorkerEntry } from "./run-worker-entry.ts";
import type { RunDivergence, RunProgress, RunWork } from "./run-worker-messages.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Where a run's folder keeps why it cannot go on. */
const DIVERGED = "diverged.json";

/** A run of a pool. */
export interface PoolRun {
  /** What events call it. */
  readonly name: string;
  /** Its own; it is made, or the run in it goes on. */
  readonly folder: string;
  /** The whole configuration of a new run; one that has begun keeps its own. The number of threads is always 1. */
  readonly config: RunConfig;
}

/** What is heard while runs train; `run` is the name. */
export type PoolEvent = RunProgress & { readonly run: string };

/** What a run has come to. */
export type PoolRunEnd =
  /** All steps are done. */
  | { readonly outcome: "complete"; readonly step: number; readonly checkpoint: string }
  /** It was told to stop, or its `until` was reached: it is saved, and goes on exactly when it is trained again. No checkpoint: it was never begun. */
  | { readonly outcome: "stopped"; readonly step: number; readonly checkpoint: string | undefined }
  /** It met a number that is not finite at this step, in these arrays; it is not trained again. */
  | {
      readonly outcome: "diverged";
      readonly step: number;
      readonly arrays: readonly string[];
      readonly message: string;
    };

/** How a pool works. */
export interface PoolOptions {
  /** Runs at a time; by default as many as the machine runs at once. No number of any run depends on it. */
  readonly workers?: number | undefined;
  /** Hears of steps, validations and notes of all runs. */
  onEvent?(event: PoolEvent): void;
  /** Stops all runs after their current steps, which are then saved. */
  readonly signal?: AbortSignal | undefined;
}

/** A run that waits for a worker, or has one. */
interface Place {
  readonly run: PoolRun;
  readonly until: number | undefined;
  readonly resolve: (end: PoolRunEnd) => void;
  readonly reject: (error: unknown) => void;
  /** Asked for before its process was there. */
  stopped?: boolean;
  process?: WorkerProcess<RunWork, RunProgress, RunDivergence | undefined>;
}

/**
 * A pool of processes with one engine thread each, so that the bits of a run depend neither on how many run side by side nor on how often they were stopped.
 *
 * ```ts
 * const pool = new RunPool({ workers: 2, onEvent: (event) => console.log(event.run, event.kind) });
 * const ends = await pool.trainAll(plan.map(({ name, config }) => ({ name, config, folder: join(out, name) })));
 * ```
 *
 * What a run was is in its folder: `readMetrics(runFolder(run.folder).metrics)`, and `loadCheckpoint(run.folder)`.
 */
export class RunPool {
  private readonly workers: number;
  private readonly tell: (event: PoolEvent) => void;
  private readonly waiting: Place[] = [];
  private readonly training = new Set<Place>();
  private stopped = false;

  constructor({ workers = availableParallelism(), onEvent, signal }: PoolOptions = {}) {
    this.workers = workers;
    const told = new Set<string>();
    this.tell = (event) => {
      // Engines of different runs have the same to say.
      if (event.kind === "note" && told.has(event.sentence)) return;
      if (event.kind === "note") told.add(event.sentence);
      onEvent?.(event);
    };
    if (signal?.aborted) this.stopAll();
    else signal?.addEventListener("abort", () => this.stopAll(), { once: true });
  }

  /**
   * Trains a run when there is a worker for it: from its beginning, or from where it was stopped. One that is complete or diverged is not trained again.
   *
   * @param options `until`: the step to stop after, if it is not the last
   * @throws NeuralMemoryError if the run cannot be trained at all, or its process ended by itself
   */
  train(run: PoolRun, { until }: { readonly until?: number | undefined } = {}): Promise<PoolRunEnd> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ run, until, resolve, reject });
      this.fill();
    });
  }

  /**
   * Trains runs, in this order as far as workers are free. Where one of them cannot be trained at all, the others are stopped and saved before that is thrown.
   *
   * @param options `until`: the step to stop after, if it is not the last
   * @returns how they ended, in the order of the runs
   */
  async trainAll(
    runs: readonly PoolRun[],
    options: { readonly until?: number | undefined } = {},
  ): Promise<PoolRunEnd[]> {
    const trainings = runs.map((run) => this.train(run, options));
    for (const training of trainings) training.catch(() => this.stopAll());
    await Promise.allSettled(trainings);
    return Promise.all(trainings);
  }

  /** Stops one run, by its name, after its current step, which is then saved. */
  stop(name: string): void {
    for (const place of this.training) if (place.run.name === name) halt(place);
    const left = this.waiting.filter(({ run }) => run.name === name);
    for (const place of left) {
      this.waiting.splice(this.waiting.indexOf(place), 1);
      void leave(place);
    }
  }

  /** Stops all runs, as `stop` does, and those that are asked for later. */
  stopAll(): void {
    this.stopped = true;
    for (const place of this.training) halt(place);
    this.fill();
  }

  private fill(): void {
    if (this.stopped) for (const place of this.waiting.splice(0)) void leave(place);
    while (this.training.size < this.workers && this.waiting.length > 0) {
      const place = this.waiting.shift()!;
      this.training.add(place);
      this.follow(place)
        .then(place.resolve, place.reject)
        .finally(() => {
          this.training.delete(place);
          this.fill();
        });
    }
  }

  private async follow(place: Place): Promise<PoolRunEnd> {
    const { run, until = Number.POSITIVE_INFINITY } = place;
    const { name, folder, config } = run;
    const before = await endOf(run);
    if (before.outcome !== "stopped" || before.step >= until || place.stopped) return before;
    const work = { folder, config: { ...config, threads: 1 }, until: place.until };
    place.process = new WorkerProcess(runWorkerEntry, work, (progress) => this.tell({ ...progress, run: name }));
    const divergence = await place.process.result.catch((cause) => {
      throw new NeuralMemoryError(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    });
    if (divergence) await writeFileAtomic(join(folder, DIVERGED), `${JSON.stringify(divergence)}\n`);
    return endOf(run);
  }
}

function halt(place: Place): void {
  place.stopped = true;
  place.process?.stop();
}

/** What is left of a run that gets no worker. */
async function leave({ run, resolve, reject }: Place): Promise<void> {
  await endOf(run).then(resolve, reject);
}

/** What a run has come to until now, from its folder. */
async function endOf({ folder, config }: PoolRun): Promise<PoolRunEnd> {
  const diverged = join(folder, DIVERGED);
  if (existsSync(diverged)) {
    const divergence = JSON.parse(readFileSync(diverged, "utf8")) as RunDivergence;
    return { outcome: "diverged", ...divergence };
  }
  const checkpoint = await findCheckpoint(folder).catch(() => undefined);
  if (checkpoint === undefined) return { outcome: "stopped", step: 0, checkpoint };
  const step = Number(/\d+$/.exec(basename(checkpoint))?.[0] ?? 0);
  return { outcome: step >= config.training.steps ? "complete" : "stopped", step, checkpoint };
}
