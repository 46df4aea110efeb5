/** The toy problems on which optimisers are compared, each with a matrix as its parameter, so that every optimiser can take part. */
import { np, type Tensor } from "../array/index.ts";
import { randomStream } from "../data/index.ts";
import { curvatureStart, linearTaskLoss, varyingCurvature } from "../nl/index.ts";

/** One draw of a problem in plain numbers. */
export interface ToyInstance {
  /** [rows, columns], row after row. */
  readonly start: readonly number[];
  /** What the losses depend on, shaped like `constantShape`. */
  readonly constants: readonly number[];
}

/** A toy problem: several losses of one matrix, of which each step follows one. */
export interface ToyProblem {
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly constantShape: readonly number[];
  /** How many losses there are, each followed for as many steps. */
  readonly tasks: number;
  readonly stepsPerTask: number;
  /** What is followed is below it where a run has arrived. */
  readonly threshold: number;
  /** The distance to the minimum, over that at the start, is followed in place of the loss, which hardly feels flat directions. */
  readonly byDistance: boolean;
  draw(seed: number): ToyInstance;
  /** @returns [tasks] */
  losses(weights: Tensor, constants: Tensor): Tensor;
}

const DIM = 4;
const COLUMNS = 3;
const TASKS = 3;

const valley: ToyProblem = {
  name: "varying curvature",
  shape: [2, 1],
  constantShape: [1],
  tasks: 1,
  stepsPerTask: 300,
  threshold: 1e-3,
  byDistance: false,
  draw(seed) {
    const random = normals(seed);
    return { start: curvatureStart.map((x) => x + 0.3 * random()), constants: [0] };
  },
  losses: (weights) => np.reshape(varyingCurvature(np.reshape(weights, [2])), [1]),
};

const orthogonal: ToyProblem = {
  name: "orthogonal tasks",
  shape: [DIM, 1],
  constantShape: [TASKS, DIM + 1],
  tasks: TASKS,
  stepsPerTask: 60,
  threshold: 1e-3,
  byDistance: false,
  draw(seed) {
    const random = normals(seed);
    const directions = orthonormal(DIM, random).slice(0, TASKS);
    return {
      start: Array.from({ length: DIM }, () => 0.1 * random()),
      constants: directions.flatMap((u) => [...u, 1 + 0.2 * random()]),
    };
  },
  losses(weights, constants) {
    const w = np.reshape(weights, [DIM]);
    return np.stack(
      np.split(constants, TASKS).map((task) => {
        const [direction, slope] = np.split(np.reshape(task, [DIM + 1]), [DIM]) as [Tensor, Tensor];
        return linearTaskLoss(w, { inputs: np.reshape(direction, [1, DIM]), targets: slope });
      }),
    );
  },
};

function quadratic(condition: number): ToyProblem {
  return {
    name: `quadratic, condition ${condition}`,
    shape: [DIM, COLUMNS],
    constantShape: [DIM, DIM],
    tasks: 1,
    stepsPerTask: 600,
    threshold: 1e-2,
    byDistance: true,
    draw(seed) {
      const random = normals(seed);
      const axes = orthonormal(DIM, random);
      const curvatures = axes.map((_, i) => condition ** (-i / (DIM - 1)));
      const entry = (i: number, j: number) => axes.reduce((sum, u, k) => sum + curvatures[k]! * u[i]! * u[j]!, 0);
      return {
        start: Array.from({ length: DIM * COLUMNS }, random),
        constants: Array.from({ length: DIM * DIM }, (_, n) => entry(Math.floor(n / DIM), n % DIM)),
      };
    },
    losses: (weights, matrix) =>
      np.reshape(np.multiply(0.5, np.sum(np.multiply(weights, np.matmul(matrix, weights)))), [1]),
  };
}

/** Every toy problem. */
export const toyProblems: readonly ToyProblem[] = [valley, orthogonal, quadratic(100), quadratic(10000)];

function normals(seed: number): () => number {
  const { unit } = randomStream(seed);
  // One minus a number below 1 has a logarithm.
  return () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
}

/** Gram-Schmidt on random vectors. */
function orthonormal(dim: number, random: () => number): number[][] {
  const basis: number[][] = [];
  for (let i = 0; i < dim; i++) {
    let vector = Array.from({ length: dim }, random);
    for (const u of basis) {
      const along = u.reduce((sum, x, k) => sum + x * vector[k]!, 0);
      vector = vector.map((x, k) => x - along * u[k]!);
    }
    const norm = Math.hypot(...vector);
    basis.push(vector.map((x) => x / norm));
  }
  return basis;
}
