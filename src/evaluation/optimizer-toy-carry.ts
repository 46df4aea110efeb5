/** What an optimiser's momentum keeps of a task that it has left. */
import { np, readSync, scope, type Tensor, type Tree, tensor } from "../array/index.ts";
import { type OptimizerName, optimizerNamed, optimizers } from "../optim/index.ts";
import { toyProblems } from "./optimizer-toy-problems.ts";

/** What is left of a momentum along an old task's direction after some steps on another one, as a share, for each seed. */
export interface MomentumCarry {
  readonly optimizer: OptimizerName;
  readonly slot: string;
  /** Steps on the first task, and on the second. */
  readonly before: number;
  readonly after: number;
  readonly left: readonly number[];
}

/** Steps on the first task, in which it is not learned to its end and M3 takes in its slow momentum once, and then on the second, before M3 does it again. */
const [BEFORE, AFTER] = [20, 19];
/** @internal The heavy ball's momentum. */
export const HEAVY_BALL = Number(optimizers.momentum.defaults.momentum);

/** Trains two orthogonal tasks one after the other, and looks at what a momentum keeps of the first. */
export function momentumCarry(optimizer: OptimizerName, slot: string, seeds: readonly number[]): MomentumCarry {
  const { draw, losses: _, ...sizes } = toyProblems.find(({ tasks }) => tasks > 1)!;
  const [dim] = sizes.shape;
  const left = seeds.map((seed) =>
    scope(() => {
      const { start, constants } = draw(seed);
      const width = constants.length / sizes.tasks;
      const task = (i: number) => constants.slice(i * width, i * width + dim);
      const { init, update } = optimizerNamed(optimizer);
      let weights: Tensor = tensor([...start], [dim, 1]);
      let state: Tree = init({ weights });
      const along = () => {
        const kept = (state as Record<string, { weights: Tensor }>)[slot]!.weights;
        return [...readSync(kept)].reduce((sum, x, i) => sum + x * task(0)[i]!, 0);
      };
      const follow = (i: number, steps: number) => {
        const direction = tensor([...task(i)], [dim, 1]);
        for (let step = 0; step < steps; step++) {
          const error = np.subtract(np.sum(np.multiply(direction, weights)), constants[i * width + dim]!);
          const [after, kept] = update(
            { weights },
            { weights: np.multiply(np.multiply(2, error), direction) },
            state,
            np.array(0.001),
          );
          weights = after.weights;
          state = kept;
        }
      };
      follow(0, BEFORE);
      const atSwitch = along();
      follow(1, AFTER);
      return along() / atSwitch;
    }),
  );
  return { optimizer, slot, before: BEFORE, after: AFTER, left };
}
