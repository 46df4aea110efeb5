/** Optimisers on toy problems: each with the best of a grid of learning rates, over several seeds. */
import { grad, jit, np, readSync, release, scope, type Tensor, type Tree, tensor, vmap } from "../array/index.ts";
import { type OptimizerName, optimizerNamed } from "../optim/index.ts";
import { type ToyProblem, toyProblems } from "./optimizer-toy-problems.ts";

/** What is compared. */
export interface OptimizerToyOptions {
  readonly optimizers: readonly OptimizerName[];
  /** Those reported; learning rates are picked on `pilotSeeds`. */
  readonly seeds?: readonly number[];
}

/** One optimiser's reported runs on a problem. */
export interface ToyResult {
  readonly optimizer: string;
  /** Picked on the pilot seeds. */
  readonly learningRate: number;
  /** Loss of each task before the first and after each step, for each seed: [seeds][steps + 1][tasks]; null where it is not finite. */
  readonly losses: readonly (readonly (readonly (number | null)[])[])[];
  /** The first step from which the loss is below the threshold, for each seed; null if it never is. Of the last task where there are several. */
  readonly arrival: readonly (number | null)[];
  /** Mean loss at the end of the tasks trained earlier, for each seed; null if not finite or there are none. */
  readonly earlierLoss: readonly (number | null)[];
}

/** What one problem showed. */
export interface ToyFinding {
  readonly problem: string;
  readonly tasks: number;
  readonly stepsPerTask: number;
  readonly threshold: number;
  readonly results: readonly ToyResult[];
}

/** Everything measured, in plain numbers. */
export interface OptimizerToyData {
  readonly seeds: readonly number[];
  readonly pilotSeeds: readonly number[];
  readonly learningRates: readonly number[];
  readonly findings: readonly ToyFinding[];
}

const learningRates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const pilotSeeds = [1001, 1002, 1003];

/**
 * Measures optimisers on every toy problem; all learning rates and seeds run side by side in one compiled program a problem.
 *
 * @throws ConfigError if there is no such optimiser
 */
export function measureOptimizerToys({ optimizers, seeds = [1, 2, 3, 4, 5] }: OptimizerToyOptions): OptimizerToyData {
  const findings = toyProblems.map((problem) => ({
    problem: problem.name,
    tasks: problem.tasks,
    stepsPerTask: problem.stepsPerTask,
    threshold: problem.threshold,
    results: optimizers.map((name) => measured(problem, name, seeds)),
  }));
  return { seeds, pilotSeeds, learningRates, findings };
}

type Curve = (number | null)[][];

function measured(problem: ToyProblem, name: OptimizerName, seeds: readonly number[]): ToyResult {
  const all = [...pilotSeeds, ...seeds];
  const runs = learningRates.flatMap((rate) => all.map((seed) => ({ rate, seed })));
  const curves = trajectories(problem, name, runs);
  const of = (place: number) => curves.slice(place * all.length, (place + 1) * all.length);
  const scores = learningRates.map((_, place) => score(of(place).slice(0, pilotSeeds.length)));
  const best = scores.indexOf(Math.min(...scores));
  const losses = of(best).slice(pilotSeeds.length);
  return {
    optimizer: name,
    learningRate: learningRates[best]!,
    losses,
    arrival: losses.map((curve) => arrivalOf(curve, problem)),
    earlierLoss: losses.map((curve) => earlierLossOf(curve)),
  };
}

/** Mean logarithm of the loss at the end, over seeds; infinite if one is not finite. */
function score(curves: readonly Curve[]): number {
  const ends = curves.map((curve) => curve.at(-1)!.reduce<number>((sum, x) => sum + (x ?? Infinity), 0));
  return ends.reduce((sum, end) => sum + Math.log(end + 1e-12), 0) / ends.length;
}

function arrivalOf(curve: Curve, { tasks, stepsPerTask, threshold }: ToyProblem): number | null {
  const last = curve.slice((tasks - 1) * stepsPerTask).map((losses) => losses[tasks - 1]!);
  const outside = last.findLastIndex((loss) => loss === null || !(loss < threshold));
  return outside === last.length - 1 ? null : outside + 1;
}

function earlierLossOf(curve: Curve): number | null {
  const earlier = curve.at(-1)!.slice(0, -1);
  if (earlier.length === 0 || earlier.includes(null)) return null;
  return earlier.reduce<number>((sum, loss) => sum + loss!, 0) / earlier.length;
}

/** @internal The losses of every run: [runs][steps + 1][tasks]. */
export function trajectories(
  problem: ToyProblem,
  name: OptimizerName,
  runs: readonly { readonly rate: number; readonly seed: number }[],
): Curve[] {
  const { tasks, stepsPerTask } = problem;
  const optimizer = optimizerNamed(name);
  const drawn = runs.map(({ seed }) => problem.draw(seed));
  const count = runs.length;
  const rates = tensor(runs.map(({ rate }) => rate));
  const constants = tensor(
    drawn.flatMap((one) => [...one.constants]),
    [count, ...problem.constantShape],
  );
  let weights = tensor(
    drawn.flatMap((one) => [...one.start]),
    [count, ...problem.shape],
  );
  let state: Tree = scope(() => vmap((w: Tensor) => optimizer.init({ weights: w }) as Tree)(weights));
  const losses = jit((w: Tensor, c: Tensor) => vmap((a: Tensor, b: Tensor) => problem.losses(a, b))(w, c));
  const step = jit((w: Tensor, s: Tree, c: Tensor, rate: Tensor, followed: Tensor) =>
    vmap((one: Tensor, memory: Tree, constant: Tensor, gamma: Tensor, mask: Tensor) => {
      const slope = grad((x: Tensor) => np.sum(np.multiply(mask, problem.losses(x, constant))))(one);
      const [after, kept] = optimizer.update({ weights: one }, { weights: slope }, memory, gamma);
      return [after.weights, kept] as [Tensor, Tree];
    })(w, s, c, rate, followed),
  );
  const curves: Curve[] = runs.map(() => []);
  const note = () => {
    const now = losses(weights, constants);
    const numbers = readSync(now);
    release(now);
    for (const [run, curve] of curves.entries())
      curve.push(Array.from(numbers.slice(run * tasks, (run + 1) * tasks), (x) => (Number.isFinite(x) ? x : null)));
  };
  note();
  for (let task = 0; task < tasks; task++) {
    const mask = Array.from({ length: tasks }, (_, i) => (i === task ? 1 : 0));
    const followed = tensor(
      runs.flatMap(() => mask),
      [count, tasks],
    );
    for (let i = 0; i < stepsPerTask; i++) {
      const [after, kept] = step(weights, state, constants, rates, followed);
      release([weights, state]);
      [weights, state] = [after, kept];
      note();
    }
    release(followed);
  }
  release([weights, state, rates, constants]);
  return curves;
}
