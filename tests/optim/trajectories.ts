/** Optimisers run for many steps by the library, on the native engine in float64, and by an oracle. */
import { expect } from "vitest";
import {
  mapTree,
  namedLeaves,
  readSync,
  release,
  type Tensor,
  type Tree,
  tensor,
  treeOf,
} from "../../src/array/index.ts";
import { decaysByDefault, type Optimizer } from "../../src/optim/index.ts";
import { nativeEngine } from "../array/native/support.ts";
import { type ParameterFacts, type ParameterStepper, randomSource, type Vector } from "../oracles/index.ts";

/** Paths and shapes of a small model: wide, tall and batched matrices, an embedding, vectors and a scalar. */
export const shapes: Readonly<Record<string, readonly number[]>> = {
  embedding: [6, 3],
  "blocks.0.norm.scale": [3],
  "blocks.0.mixer.output": [4, 6],
  "blocks.0.mixer.gates.forget.weight": [3, 2],
  "blocks.1.initialMemory": [2, 3, 4],
  "blocks.1.output": [5, 3],
  never: [2, 3],
  temperature: [],
};

/** Steps of a trajectory. */
export const steps = 50;

/** Large, small, awkward and zero learning rates. */
export function learningRate(step: number): number {
  return [0.37, 1 / 3, 1e-9, 0.05, 0, 0.1 * Math.SQRT2, 1.7e-4][step % 7]!;
}

type Numbers = Readonly<Record<string, Vector>>;

function randomNumbers(seed: number, deviation: number): Numbers {
  const random = randomSource(seed);
  return Object.fromEntries(
    Object.entries(shapes).map(([path, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = random.normalVector(size, deviation);
      return [path, path === "never" && seed > 1 ? values.map(() => 0) : values];
    }),
  );
}

/** Parameters before the first step. */
export const initial = randomNumbers(1, 1);

/** Gradients of very different sizes, all zero every ninth step; those of `never` are always zero. */
export const gradients = Array.from({ length: steps }, (_, i) =>
  randomNumbers(100 + i, i % 9 === 3 ? 0 : 10 ** ((i % 5) - 3)),
);

export function toTree(numbers: Numbers): Tree {
  const named = Object.entries(numbers).map(([path, values]): [string, Tensor] => [
    path,
    tensor(Float64Array.from(values), shapes[path]!),
  ]);
  return treeOf(new Map(named));
}

/** Every parameter after every step, by the library. */
export async function trajectory(optimizer: Optimizer): Promise<Record<string, Vector>[]> {
  const engine = await nativeEngine({ precision: "float64" });
  const update = engine.compile("update", (p: Tree, g: Tree, s: Tree, rate: Tensor) => optimizer.update(p, g, s, rate));
  let params = toTree(initial);
  let state = mapTree(optimizer.init(params), (leaf) => tensor(Float64Array.from(readSync(leaf)), leaf.shape));
  const path: Record<string, Vector>[] = [];
  for (const [i, numbers] of gradients.entries()) {
    const [gradient, rate] = [toTree(numbers), tensor(Float64Array.of(learningRate(i)), [])];
    const [nextParams, nextState] = await update(params, gradient, state, rate);
    release(params, gradient, state, rate);
    [params, state] = [nextParams, nextState];
    path.push(Object.fromEntries([...namedLeaves(params)].map(([name, leaf]) => [name, [...readSync(leaf)]])));
  }
  release(params, state);
  expect(engine.programs).toHaveLength(1);
  await engine.dispose();
  return path;
}

/** Every parameter after every step, by the oracle that is chosen for it. */
export function expectedTrajectory(
  weightDecay: number,
  stepperOf: (path: string, facts: ParameterFacts) => ParameterStepper,
): Record<string, Vector>[] {
  const steppers = Object.entries(shapes).map(([path, shape]) => {
    const decays = decaysByDefault(path, { ndim: shape.length } as Tensor);
    return [path, stepperOf(path, { shape, weightDecay: decays ? weightDecay : 0 })] as const;
  });
  let now: Numbers = initial;
  return gradients.map((gradient, i) => {
    now = Object.fromEntries(
      steppers.map(([path, stepper]) => [path, stepper(now[path]!, gradient[path]!, learningRate(i))]),
    );
    return { ...now };
  });
}

/** Expects two trajectories to agree, relative to the larger of 1 and the largest number of a parameter. */
export function expectSameTrajectory(
  actual: readonly Record<string, Vector>[],
  expected: readonly Record<string, Vector>[],
  tolerance = 1e-9,
): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((params, step) => {
    for (const [path, values] of Object.entries(params)) {
      const found = actual[step]![path]!;
      expect(found).toHaveLength(values.length);
      const size = Math.max(1, ...values.map(Math.abs));
      const worst = Math.max(...values.map((value, i) => Math.abs(value - found[i]!))) / size;
      expect(worst, `${path} after step ${step + 1}`).toBeLessThan(tolerance);
    }
  });
}
