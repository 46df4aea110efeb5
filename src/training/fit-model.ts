/** A training loop for any model and loss over batches that the caller makes: what classifiers and forecasters are trained with. */
import { detached, type Engine, key, readSync, release, scope, type Tree, zerosLike } from "../array/index.ts";
import type { SequenceLayer } from "../common/index.ts";
import type { TokenLoss } from "../models/index.ts";
import { adamW, type Optimizer, type Schedule } from "../optim/index.ts";
import { DataError } from "../utils/index.ts";
import { nonFiniteError } from "./non-finite.ts";
import { compileUpdate } from "./optimizer-update.ts";
import { type Segment, SegmentPrograms } from "./segment-programs.ts";

/** What happened in one step of `fitModel`. */
export interface FitMetrics {
  /** 1 for the first. */
  readonly step: number;
  /** The batch's loss: the weighted mean over its targets. */
  readonly loss: number;
  /** Global norm of the gradient before clipping. */
  readonly gradientNorm: number;
}

/** What to fit, and how. */
export interface FitOptions<P extends Tree, S extends Tree> {
  readonly engine: Engine;
  readonly model: SequenceLayer<P, S>;
  /** What each token costs, such as `crossEntropy` or `squaredError`. */
  readonly loss: TokenLoss;
  /** The segments of a step's batch, such as `cutSegments` gives; steps count from 0. They are released after the step. */
  batch(step: number): readonly Segment[];
  /** Optimiser steps. */
  readonly steps: number;
  /** The learning rate of each step. */
  readonly learningRate: Schedule;
  /** Moves the weights; `adamW` with its defaults by default. */
  readonly optimizer?: Optimizer;
  /** Largest global norm of the gradient, 1 by default; larger ones are scaled down. */
  readonly clipNorm?: number;
  /** Seed of the initial weights, 0 by default. */
  readonly seed?: number;
  /** Called after each step. */
  onStep?(metrics: FitMetrics): void;
}

/**
 * Trains a model on the mean loss of the batches' targets, with the exact gradient through all segments of a sequence.
 *
 * ```ts
 * const params = await fitModel({ engine, model, loss: crossEntropy, steps: 100, learningRate: constantRate(1e-2),
 *   batch: (step) => cutSegments(labelledBatch(draw(step), model.config), 32) });
 * ```
 *
 * @returns the parameters after the last step; the caller releases them
 * @throws DataError if no target of a batch counts
 * @throws NonFiniteError at the first loss or gradient that is not finite, before it reaches the weights
 */
export async function fitModel<P extends Tree, S extends Tree>(options: FitOptions<P, S>): Promise<P> {
  const { engine, model, loss, steps, learningRate, clipNorm = 1, seed = 0 } = options;
  const optimizer: Optimizer = options.optimizer ?? adamW();
  const programs = new SegmentPrograms(engine, model, loss);
  const update = compileUpdate<P, Tree>(engine, optimizer, clipNorm);
  const params = detached(() => scope(() => model.init(key(seed))));
  let now = { params, optimizer: detached(() => scope(() => optimizer.init(params))) };
  for (let step = 0; step < steps; step++) {
    const segments = options.batch(step);
    const weight = totalWeight(segments);
    const result = await programs.gradients(now.params, segments, 1 / weight, zerosLike(now.params));
    release(segments);
    const { next, gradientNorm } = await update(now, result.gradients, learningRate(step));
    if (!Number.isFinite(result.loss) || !Number.isFinite(gradientNorm)) {
      const error = await nonFiniteError(
        step + 1,
        result.loss,
        { weight: now.params, gradient: result.gradients },
        undefined,
      );
      release(result.gradients, next.params, next.optimizer, now.params, now.optimizer);
      throw error;
    }
    release(result.gradients, now.params, now.optimizer);
    now = next;
    options.onStep?.({ step: step + 1, loss: result.loss / weight, gradientNorm });
  }
  release(now.optimizer);
  return now.params;
}

function totalWeight(segments: readonly Segment[]): number {
  let total = 0;
  for (const { weights } of segments) for (const weight of readSync(weights)) total += weight;
  if (total > 0) return total;
  throw new DataError("no target of the batch counts, all weights are 0; give at least one target a weight");
}
