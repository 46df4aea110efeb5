import { describe, expect, it } from "vitest";
import {
  jit,
  leaves,
  liveTensors,
  mapTree,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import { type AdamWState, adamW, decaysByDefault, type Optimizer, warmupCosine } from "../../src/optim/index.ts";
import { ConfigError, ShapeError } from "../../src/utils/index.ts";
import { randomSource } from "../oracles/random.ts";
import { type AdamState, adamWStep } from "../oracles/training.ts";

/** Paths and shapes of a small model, odd sizes and a scalar included. */
const shapes: Record<string, number[]> = {
  embedding: [11, 3],
  "blocks.0.norm.scale": [3],
  "blocks.0.mixer.output": [5, 7],
  "blocks.0.mixer.gates.forget.weight": [3, 2],
  "blocks.1.initialMemory": [2, 3, 4],
  temperature: [],
};
const decayed = ["blocks.0.mixer.output", "blocks.1.initialMemory"];
const schedule = warmupCosine({ peak: 0.05, floor: 0.01, warmupSteps: 3, totalSteps: 9 });
const steps = 12;

type Numbers = Record<string, number[]>;

/** Numbers that float32 holds exactly, so that oracle and library start from the same. */
function randomNumbers(seed: number, deviation: number): Numbers {
  const random = randomSource(seed);
  return Object.fromEntries(
    Object.entries(shapes).map(([path, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [path, [...Float32Array.from(random.normalVector(size, deviation))]];
    }),
  );
}

function toTree(numbers: Numbers): Tree {
  const root: Record<string, unknown> = {};
  for (const [path, values] of Object.entries(numbers)) {
    const names = path.split(".");
    const last = names.pop()!;
    let node = root;
    for (const name of names) {
      node[name] ??= {};
      node = node[name] as Record<string, unknown>;
    }
    node[last] = tensor(values, shapes[path]!);
  }
  return root as Tree;
}

const initial = randomNumbers(1, 1);
/** Gradients of very different sizes, one set a step; the fourth is zero. */
const gradients = Array.from({ length: steps }, (_, i) => randomNumbers(100 + i, i === 3 ? 0 : 10 ** ((i % 5) - 2)));

/** The trajectory of every parameter by the scalar oracle. */
function oracleTrajectory(options: { weightDecay: number; beta1: number; beta2: number; epsilon: number }): Numbers[] {
  const parameters = { ...initial };
  const states: Record<string, AdamState> = {};
  for (const [path, values] of Object.entries(initial)) {
    const zeros = values.map(() => 0);
    states[path] = { first: zeros, second: zeros, step: 0 };
  }
  return gradients.map((gradient, i) => {
    for (const path of Object.keys(shapes)) {
      const weightDecay = decayed.includes(path) ? options.weightDecay : 0;
      const next = adamWStep(parameters[path]!, gradient[path]!, states[path]!, {
        ...options,
        weightDecay,
        learningRate: schedule(i),
      });
      parameters[path] = next.parameters;
      states[path] = next.state;
    }
    return { ...parameters };
  });
}

type Step = (params: Tree, gradients: Tree, state: AdamWState, learningRate: Tensor) => [Tree, AdamWState];

function trajectory(optimizer: Optimizer<AdamWState>, step: Step): Map<string, number[]>[] {
  return scope(() => {
    let params = toTree(initial);
    let state = optimizer.init(params);
    return gradients.map((gradient, i) => {
      [params, state] = step(params, toTree(gradient), state, tensor([schedule(i)], []));
      return new Map([...namedLeaves(params)].map(([path, leaf]) => [path, [...readSync(leaf)]]));
    });
  });
}

/** Largest difference of two trajectories relative to the size of the parameters, which is 1. */
function worst(actual: Map<string, number[]>[], expected: (i: number, path: string) => readonly number[]): number {
  let largest = 0;
  actual.forEach((params, i) => {
    for (const [path, values] of params) {
      const wanted = expected(i, path);
      expect(values).toHaveLength(wanted.length);
      values.forEach((value, k) => {
        largest = Math.max(largest, Math.abs(value - wanted[k]!));
      });
    }
  });
  return largest;
}

describe("adamW", () => {
  const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.3 };

  // Each step adds a direction of size at most a few, known to a dozen float32 roundings (7e-7), times 0.05 to parameters of size up to 4,
  // whose own rounding is 2.4e-7: 12 steps stay below 3e-6.
  it.each([
    options,
    { ...options, beta1: 0.8, beta2: 0.999, epsilon: 1e-3 },
    { ...options, weightDecay: 0 },
    { ...options, beta1: 0 },
  ])("equals the scalar oracle step for step, decaying only its group: %j", (chosen) => {
    const expected = oracleTrajectory(chosen);
    const optimizer = adamW(chosen);
    const eager = trajectory(optimizer, (p, g, s, rate) => optimizer.update(p, g, s, rate));
    expect(worst(eager, (i, path) => expected[i]![path]!)).toBeLessThan(3e-6);
  });

  it("gives jitted what it gives eagerly, up to the rounding of fused operations", () => {
    const optimizer = adamW(options);
    const eager = trajectory(optimizer, (p, g, s, rate) => optimizer.update(p, g, s, rate));
    const jitted = trajectory(optimizer, jit(optimizer.update) as Step);
    expect(worst(jitted, (i, path) => eager[i]!.get(path)!)).toBeLessThan(1e-6);
  });

  it("is one program for the whole tree and all steps, learning rate and step count being tensors", async () => {
    const engine = await startEngine();
    const optimizer = adamW(options);
    const update = engine.compile("update", (p: Tree, g: Tree, s: AdamWState, rate: Tensor) =>
      optimizer.update(p, g, s, rate),
    );
    let params = toTree(initial);
    let state = optimizer.init(params);
    for (const [i, gradient] of gradients.entries()) {
      const args = [toTree(gradient), tensor([schedule(i)], [])] as const;
      const [nextParams, nextState] = await update(params, args[0], state, args[1]);
      release(params, state, ...args);
      [params, state] = [nextParams, nextState];
    }
    expect(engine.programs).toHaveLength(1);
    expect(readSync(state.step)[0]).toBe(steps);
  });

  it("continues bit for bit from a state that was written out and read back", () => {
    const optimizer = adamW(options);
    const copy = <T extends Tree>(tree: T): T => mapTree(tree, (leaf) => tensor(readSync(leaf), leaf.shape));
    const update = jit(optimizer.update) as Step;
    const through = trajectory(optimizer, (p, g, s, rate) => update(p, g, s, rate));
    const copied = trajectory(optimizer, (p, g, s, rate) => update(copy(p), g, copy(s), rate));
    expect(copied).toEqual(through);
  });

  it.each([1e-6, 1, 1e6])("moves a parameter by the learning rate at the first step, for a gradient of %f", (size) => {
    const moved = scope(() => {
      const optimizer = adamW({ beta2: 0.999, epsilon: 1e-12, weightDecay: 0 });
      const params = tensor([0, 0]);
      const [next] = optimizer.update(params, tensor([size, -size]), optimizer.init(params), tensor([0.1], []));
      return [...readSync(next)];
    });
    // Without bias correction the step would be 3.16 times as long; 1 - 0.999 by subtraction in float32 would be wrong by 2e-5.
    expect(Math.abs(moved[0]! + 0.1)).toBeLessThan(3e-7);
    expect(Math.abs(moved[1]! - 0.1)).toBeLessThan(3e-7);
  });

  it("only decays where the gradient is zero, and decays by the learning rate times lambda", () => {
    scope(() => {
      const params = { matrix: tensor([1, 2, 3, 4], [2, 2]), bias: tensor([1, 2], [1, 2]) };
      const optimizer = adamW({ weightDecay: 0.5 });
      const zero = mapTree(params, (p) => np.zerosLike(p));
      const [next] = optimizer.update(params, zero, optimizer.init(params), tensor([0.25], []));
      expect([...readSync(next.matrix)]).toEqual([0.875, 1.75, 2.625, 3.5]);
      expect([...readSync(next.bias)]).toEqual([1, 2]);
    });
  });

  it("lets the caller choose what decays", () => {
    scope(() => {
      const params = { matrix: tensor([1], [1, 1]), vector: tensor([1]) };
      const seen: string[] = [];
      const decays = (path: string) => seen.push(path) > 0 && path === "vector";
      const optimizer = adamW({ weightDecay: 0.5, decays });
      const zero = mapTree(params, (p) => np.zerosLike(p));
      const [next] = optimizer.update(params, zero, optimizer.init(params), tensor([1], []));
      expect([readSync(next.matrix)[0], readSync(next.vector)[0]]).toEqual([1, 0.5]);
      expect(seen).toEqual(["matrix", "vector"]);
    });
  });

  it("leaves nothing alive but parameters and state", () => {
    const optimizer = adamW();
    let params = toTree(initial);
    let state = optimizer.init(params);
    const gradient = toTree(gradients[0]!);
    const rate = tensor([0.01], []);
    const alive = liveTensors();
    for (let i = 0; i < 5; i++) {
      const [nextParams, nextState] = optimizer.update(params, gradient, state, rate);
      release(params, state);
      [params, state] = [nextParams, nextState];
    }
    expect(liveTensors()).toBe(alive);
    expect(leaves(state)).toHaveLength(1 + 2 * leaves(params).length);
  });

  it("refuses gradients of another structure", () => {
    scope(() => {
      const params = { a: tensor([1]), b: tensor([2]) };
      const optimizer = adamW();
      const wrong = { a: tensor([1]), c: tensor([1]) } as unknown as typeof params;
      expect(() => optimizer.update(params, wrong, optimizer.init(params), tensor([1], []))).toThrow(ShapeError);
    });
  });

  it.each([
    [{ beta1: 1 }, "beta1 must be at least 0 and less than 1, not 1"],
    [{ beta2: -0.1 }, "beta2 must be at least 0 and less than 1, not -0.1"],
    [{ epsilon: 0 }, "epsilon must be more than 0, not 0"],
    [{ weightDecay: -1 }, "weightDecay must be at least 0, not -1"],
  ])("refuses %j", (bad, message) => {
    expect(() => adamW(bad)).toThrow(ConfigError);
    expect(() => adamW(bad)).toThrow(message);
  });
});

describe("decaysByDefault", () => {
  it.each([
    ["blocks.0.mixer.output", [8, 8], true],
    ["blocks.0.mixer.outputGate", [8, 8], true],
    ["blocks.0.feedForward.gate", [8, 8], true],
    ["blocks.0.mixer.initialMemory.0", [2, 8, 8], true],
    ["blocks.0.mixer.gates.forget.weight", [8, 2], false],
    ["blocks.0.mixer.readScale", [2, 8], false],
    ["blocks.0.mixerNorm", [8], false],
    ["blocks.0.mixer.convolution", [4, 24], false],
    ["embedding", [256, 8], false],
    ["head", [8, 256], true],
    ["head", [8], false],
  ])("%s of shape %j: %s", (path, shape, expected) => {
    expect(scope(() => decaysByDefault(path, np.zeros(shape)))).toBe(expected);
  });
});
