/** One step of an optimiser as a compiled program: clip, then update. */
import { detached, type Engine, np, readScalar, release, type Tensor, type Tree } from "../array/index.ts";
import { clipByGlobalNorm, type Optimizer } from "../optim/index.ts";

/** Parameters, and what the optimiser keeps of earlier steps. */
export interface Optimized<P extends Tree, O extends Tree> {
  readonly params: P;
  readonly optimizer: O;
}

/** Takes a step. Its arguments are borrowed; the caller releases the next parameters and the optimiser's next state. */
export type OptimizerUpdate<P extends Tree, O extends Tree> = (
  now: Optimized<P, O>,
  gradients: P,
  learningRate: number,
) => Promise<{
  readonly next: Optimized<P, O>;
  /** Global norm of the gradient before clipping. */
  readonly gradientNorm: number;
}>;

/**
 * Compiles the update of an optimiser.
 *
 * @param clipNorm largest global norm of the gradient; larger ones are scaled down
 */
export function compileUpdate<P extends Tree, O extends Tree>(
  engine: Engine,
  optimizer: Optimizer<O>,
  clipNorm: number,
): OptimizerUpdate<P, O> {
  const update = engine.compile("optimiser update", (params: P, gradients: P, state: O, learningRate: Tensor) => {
    const [clipped, norm] = clipByGlobalNorm(gradients, clipNorm);
    const [updated, next] = optimizer.update(params, clipped, state, learningRate);
    return { params: updated, optimizer: next, norm };
  });
  return async (now, gradients, learningRate) => {
    const rate = detached(() => np.array(learningRate, { dtype: "float32" }));
    const { params, optimizer: state, norm } = await update(now.params, gradients, now.optimizer, rate);
    const gradientNorm = await readScalar(norm);
    release(rate, norm);
    return { next: { params, optimizer: state }, gradientNorm };
  };
}
