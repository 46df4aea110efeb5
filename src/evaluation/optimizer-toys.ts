/** Optimisers on toy problems: each with the best of a grid of learning rates, over several seeds. */
import { grad, jit, np, readSync, release, scope, type Tensor, type Tree, tensor, vmap } from "../array/index.ts";
import { type OptimizerName, optimizerNamed } from "../optim/index.ts";
import { meanAndDeviation } from "./associations.ts";
import { type MomentumCarry, momentumCarry } from "./optimizer-toy-carry.ts";
import { type ToyProblem, toyProblems } from "./optimizer-toy-problems.ts";

/** What is compared. */
export interface OptimizerToyOptions {
  readonly optimizers: readonly OptimizerName[];
  /** Those reported; learning rates are picked on `pilotSeeds`. */
  readonly seeds?: readonly number[];
}

/** Geometric mean over seeds, and one standard deviation of the logarithm to either side. */
export interface ToyPoint {
  readonly step: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** One optimiser's reported runs on a problem. */
export interface ToyResult {
  readonly optimizer: string;
  /** Picked on the pilot seeds. */
  readonly learningRate: number;
  /** Whether it is the smallest or the largest that was tried, so that the best may lie beyond. */
  readonly atEdge: boolean;
  /** The loss that is followed, over the steps. */
  readonly curve: readonly ToyPoint[];
  /** With how many seeds it met a number that is not finite. */
  readonly notFinite: number;
  /** The first step from which what is followed is below the threshold, for each seed; null if it never is. Of the last task where there are several. */
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
  readonly byDistance: boolean;
  readonly results: readonly ToyResult[];
}

/** Everything measured, in plain numbers. */
export interface OptimizerToyData {
  readonly seeds: readonly number[];
  readonly pilotSeeds: readonly number[];
  readonly learningRates: readonly number[];
  readonly findings: readonly ToyFinding[];
  /** What the heavy ball and M3 keep of an old task, of those that were measured. */
  readonly carries: readonly MomentumCarry[];
}

const learningRates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
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
    byDistance: problem.byDistance,
    results: optimizers.map((name) => measured(problem, name, seeds)),
  }));
  const slots = [
    ["momentum", "momentum"],
    ["m3", "slowMomentum"],
  ] as const;
  const carries = slots
    .filter(([name]) => optimizers.includes(name))
    .map(([name, slot]) => momentumCarry(name, slot, seeds));
  return { seeds, pilotSeeds, learningRates, findings, carries };
}

type Curve = (number | null)[][];

/** One run: losses, [steps + 1][tasks], and the distances to the origin, [steps + 1]; null where not finite. */
export interface ToyRun {
  readonly losses: Curve;
  readonly distances: (number | null)[];
}

function measured(problem: ToyProblem, name: OptimizerName, seeds: readonly number[]): ToyResult {
  const all = [...pilotSeeds, ...seeds];
  const runs = learningRates.flatMap((rate) => all.map((seed) => ({ rate, seed })));
  const found = trajectories(problem, name, runs);
  const of = (place: number) => found.slice(place * all.length, (place + 1) * all.length);
  const best = bestRate(
    learningRates.map((_, place) => of(place).slice(0, pilotSeeds.length)),
    problem,
  );
  const reported = of(best).slice(pilotSeeds.length);
  return {
    optimizer: name,
    learningRate: learningRates[best]!,
    atEdge: best === 0 || best === learningRates.length - 1,
    curve: curveOf(
      reported.map(({ losses }) => losses),
      problem.stepsPerTask,
    ),
    notFinite: reported.filter(({ losses }) => losses.some((tasks) => tasks.includes(null))).length,
    arrival: reported.map((run) => arrivalOf(run, problem)),
    earlierLoss: reported.map(({ losses }) => earlierLossOf(losses)),
  };
}

/**
 * @internal The place of the rate with which the pilot runs arrive first, on average; one that does not arrive counts as all steps. Between equals the
 * lower loss at the end decides. A rate with which a run is not finite is picked only where there is no other, and then it is the smallest.
 */
export function bestRate(byRate: readonly (readonly ToyRun[])[], problem: ToyProblem): number {
  const scores = byRate.map((runs, place) => {
    const allFinite = runs.every(({ losses }) => losses.every((tasks) => !tasks.includes(null)));
    if (!allFinite) return { place, steps: Infinity, loss: Infinity };
    const steps = runs.reduce((sum, run) => sum + (arrivalOf(run, problem) ?? problem.stepsPerTask), 0);
    const ends = runs.map(({ losses }) => losses.at(-1)!.reduce<number>((sum, x) => sum + x!, 0));
    return { place, steps, loss: ends.reduce((sum, end) => sum + Math.log(end + 1e-12), 0) };
  });
  const ranked = scores.sort(
    (a, b) =>
      (a.steps === b.steps ? 0 : a.steps - b.steps) || (a.loss === b.loss ? 0 : a.loss - b.loss) || a.place - b.place,
  );
  return ranked[0]!.place;
}

/** @internal The first step of the last task from which a run stays below the threshold; null if there is none. */
export function arrivalOf(
  { losses, distances }: ToyRun,
  { tasks, stepsPerTask, threshold, byDistance }: ToyProblem,
): number | null {
  const followed = byDistance
    ? distances.map((distance) => (distance === null ? null : distance / distances[0]!))
    : losses.slice((tasks - 1) * stepsPerTask).map((now) => now[tasks - 1]!);
  const outside = followed.findLastIndex((value) => value === null || !(value < threshold));
  return outside === followed.length - 1 ? null : outside + 1;
}

function earlierLossOf(curve: Curve): number | null {
  const earlier = curve.at(-1)!.slice(0, -1);
  if (earlier.length === 0 || earlier.includes(null)) return null;
  return earlier.reduce<number>((sum, loss) => sum + loss!, 0) / earlier.length;
}

/** Losses are not told apart below it. */
const SMALLEST = 1e-12;
/** Points of a curve at most, its start beside. */
const POINTS = 150;

/** @internal The mean over seeds of the loss of the task that is trained, up to the first step at which a seed is not finite: at evenly spaced steps. */
export function curveOf(losses: readonly Curve[], stepsPerTask: number): ToyPoint[] {
  const steps = losses[0]?.length ?? 0;
  const stride = Math.max(1, Math.ceil((steps - 1) / POINTS));
  const points: ToyPoint[] = [];
  for (let step = 0; step < steps; step++) {
    const now = losses.map((curve) => curve[step]!);
    if (now.some((tasks) => tasks.includes(null))) break;
    if (step % stride !== 0) continue;
    const followed = Math.max(0, Math.ceil(step / stepsPerTask) - 1);
    const { mean, deviation } = meanAndDeviation(now.map((tasks) => Math.log(Math.max(SMALLEST, tasks[followed]!))));
    points.push({ step, mean: Math.exp(mean), low: Math.exp(mean - deviation), high: Math.exp(mean + deviation) });
  }
  return points;
}

/** @internal Every run from its start to its end. */
export function trajectories(
  problem: ToyProblem,
  name: OptimizerName,
  runs: readonly { readonly rate: number; readonly seed: number }[],
): ToyRun[] {
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
  const found: ToyRun[] = runs.map(() => ({ losses: [], distances: [] }));
  const finite = (x: number) => (Number.isFinite(x) ? x : null);
  const size = problem.shape[0] * problem.shape[1];
  const note = () => {
    const now = losses(weights, constants);
    const [numbers, entries] = [readSync(now), readSync(weights)];
    release(now);
    for (const [run, { losses: curve, distances }] of found.entries()) {
      curve.push(Array.from(numbers.slice(run * tasks, (run + 1) * tasks), finite));
      distances.push(finite(Math.hypot(...entries.slice(run * size, (run + 1) * size))));
    }
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
  return found;
}
