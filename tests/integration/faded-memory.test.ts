import { describe, expect, test } from "vitest";
import {
  grad,
  jit,
  key,
  mapTree,
  namedLeaves,
  np,
  random,
  readSync,
  release,
  scope,
  splitKey,
  type Tensor,
} from "../../src/array/index.ts";
import { initMemoryWeights, type MemoryArchitecture, type MemoryWeights } from "../../src/common/index.ts";
import {
  gatesFromValues,
  memoryChunk,
  NeuralMemory,
  type NeuralMemoryParams,
  type StepGuard,
} from "../../src/titans/index.ts";

const [heads, tokens, dim] = [2, 4, 8];

function nonFinitePaths(tree: object): string[] {
  return [...namedLeaves(tree as never)]
    .filter(([, leaf]) => !readSync(leaf).every(Number.isFinite))
    .map(([path]) => path);
}

/** Training the model without writes stopped at step 48: the guard's derivative was 0 times infinity where the memory had been forgotten. */
describe("a memory that has faded to nothing has a finite gradient", () => {
  test.each([
    ["off", false],
    ["key", false],
    ["tangent", false],
    ["curvature", false],
    ["curvature", true],
  ] satisfies [StepGuard, boolean][])("guard %s, output norm %s", (stepGuard, norm) => {
    const architecture: MemoryArchitecture = {
      depth: 2,
      dim,
      hiddenDim: 12,
      activation: "silu",
      residual: false,
      norm,
    };
    const [a, b] = splitKey(key(0), 2) as [Tensor, Tensor];
    const fresh = scope(() => initMemoryWeights(architecture, a, heads));
    const x = scope(() => random.normal(b, [heads, tokens, dim]));
    const loss = (memory: MemoryWeights, stepSize: Tensor) => {
      const surprise = mapTree(memory, (w) => np.zerosLike(w));
      const ones = np.ones([heads, tokens]);
      const gates = gatesFromValues(np.multiply(ones, 0.5), np.multiply(ones, 0.5), np.multiply(ones, stepSize));
      const { outputs, state } = memoryChunk(
        architecture,
        { memory, surprise },
        { keys: x, values: x, queries: x },
        gates,
        { stepGuard },
      );
      return np.add(np.sum(np.square(outputs)), np.sum(np.square(state.memory.layers[0]!)));
    };
    const gradient = jit(grad(loss));
    for (const scale of [1, 1e-6, 1e-12, 1e-20, 1e-30, 0]) {
      for (const stepSize of [0, 0.5]) {
        const faded = scope(() => mapTree(fresh, (w) => np.multiply(w, scale)));
        const found = scope(() => gradient(faded, np.array(stepSize)));
        expect(nonFinitePaths(found), `weights times ${scale}, step size ${stepSize}`).toEqual([]);
        release(faded, found);
      }
    }
  });

  test("in a whole layer that forgets everything and never writes", () => {
    const layer = new NeuralMemory({
      dim: 6,
      heads: 2,
      headDim: 4,
      chunkSize: 8,
      maxStepSize: 0,
      gateBiases: { forget: 20, momentum: 0, stepSize: 0 },
    });
    const params = scope(() => layer.init(key(1)));
    const x = scope(() => random.normal(key(2), [2, 24, 6]));
    const loss = (p: NeuralMemoryParams) => np.sum(np.square(layer.step(p, layer.initialState(p, 2), x)[0]));
    const found = scope(() => jit(grad(loss))(params));
    expect(nonFinitePaths(found)).toEqual([]);
  });
});
