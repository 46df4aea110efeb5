import { describe, expect, it } from "vitest";
import { jit, key, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  curvatureKernel,
  type MemoryArchitecture,
  type MemoryWeights,
  memoryFactors,
  squaredSpectralBound,
} from "../../src/common/index.ts";
import {
  curvatureGuardedStepSize,
  gatesFromValues,
  guardKernel,
  type MemoryState,
  memoryChunk,
  NeuralMemory,
  neuralMemoryDefaults,
  type StepGuard,
  writePressure,
} from "../../src/titans/index.ts";
import { toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { answeringAloud, passingTokens } from "../titans/memory-runs.ts";

const [dim, hiddenDim, chunk] = [16, 32, 16];

function architectureOf(depth: number): MemoryArchitecture {
  return { depth, dim, hiddenDim, activation: "silu", residual: false, norm: false };
}

function randomWeights(random: oracle.RandomSource, depth: number): oracle.MemoryWeights {
  return oracle.randomMemory(random, [dim, ...new Array<number>(depth - 1).fill(hiddenDim), dim], false);
}

function weightTensors(weights: oracle.MemoryWeights): MemoryWeights {
  return { layers: weights.layers.map((matrix) => toTensor(matrix)) };
}

/** A sequence as trained layers make them. */
interface Stress {
  readonly depth: number;
  /** Norm of every value. */
  readonly valueNorm: number;
  /** How far all keys share one direction. */
  readonly common: number;
  readonly gates: (token: number) => { momentum: number; stepSize: number };
  readonly maxMomentum: number;
  readonly tokens: number;
}

/** Largest weight and, for each chunk, the tangent and key pressures of the steps that were taken. */
function run(stress: Stress, stepGuard: StepGuard) {
  const { depth, valueNorm, common, gates, maxMomentum, tokens } = stress;
  const architecture = architectureOf(depth);
  const random = oracle.randomSource(7);
  const start = weightTensors(randomWeights(random, depth));
  const direction = random.unitVector(dim);
  const step = jit((state: MemoryState, keys: Tensor, values: Tensor, momentum: Tensor, stepSize: Tensor) => {
    const chunkGates = gatesFromValues(np.full([chunk], 0.007), momentum, stepSize);
    const options = { stepGuard, maxMomentum };
    const result = memoryChunk(architecture, state, { keys, values, queries: keys }, chunkGates, options);
    const taken = { ...chunkGates, stepSize: result.stepSize };
    const pressures = (["key", "tangent"] as const).map((kind) =>
      np.max(writePressure(taken, guardKernel(kind, result.factors))),
    );
    const size = np.max(np.stack(result.state.memory.layers.map((matrix) => np.max(np.abs(matrix)))));
    return { state: result.state, seen: np.stack([size, ...pressures]) };
  });
  return scope(() => {
    let state: MemoryState = { memory: start, surprise: { layers: start.layers.map((w) => np.zerosLike(w)) } };
    const seen: { weight: number; keyPressure: number; tangentPressure: number }[] = [];
    for (let first = 0; first < tokens; first += chunk) {
      const at = Array.from({ length: chunk }, (_, i) => gates(first + i));
      const keys = at.map(() => {
        const raw = oracle.add(random.unitVector(dim), oracle.scale(common, direction));
        return oracle.scale(1 / oracle.norm(raw), raw);
      });
      const values = at.map(() => oracle.scale(valueNorm, random.unitVector(dim)));
      const result = step(
        state,
        toTensor(keys),
        toTensor(values),
        toTensor(at.map(({ momentum }) => momentum)),
        toTensor(at.map(({ stepSize }) => stepSize)),
      );
      state = result.state;
      const [weight, keyPressure, tangentPressure] = readSync(result.seen) as unknown as [number, number, number];
      seen.push({ weight, keyPressure, tangentPressure });
      if (!(weight < 1e6)) break;
    }
    return { seen, blownUp: !(seen.at(-1)!.weight < 1e6) };
  });
}

describe("a memory does not run away from itself", () => {
  const deep: Stress = {
    depth: 2,
    valueNorm: 5.5,
    common: 0.5,
    gates: () => ({ momentum: 0.5, stepSize: 0.5 }),
    maxMomentum: 0.9,
    tokens: 1024,
  };

  it("depth 2 with momentum: the key guard is content while the memory's own curvature explodes", () => {
    const { seen, blownUp } = run(deep, "key");
    expect(blownUp).toBe(true);
    const finite = seen.filter(({ weight }) => weight < 1e6);
    for (const { keyPressure } of finite) expect(keyPressure).toBeLessThan(2);
    expect(finite.at(-1)!.tangentPressure).toBeGreaterThan(50);
    expect(run(deep, "off").blownUp).toBe(true);
  });

  it.each([1, 2, 3, 4])(
    "the curvature guard bounds it at depth %i, also for values a hundred times larger",
    (depth) => {
      for (const valueNorm of [5.5, 550]) {
        const { seen, blownUp } = run({ ...deep, depth, valueNorm, tokens: 512 }, "curvature");
        expect(blownUp).toBe(false);
        // A memory that fits values of this norm through keys of norm 1 needs weights of about that norm.
        expect(Math.max(...seen.map(({ weight }) => weight))).toBeLessThan(2 * valueNorm + 5);
      }
    },
  );

  it("writes without momentum among tokens with much: a write's own gate does not say how long it lives", () => {
    const alternating: Stress = {
      ...deep,
      depth: 1,
      valueNorm: 1,
      common: 2,
      maxMomentum: 0.99,
      gates: (t) => (t % 16 === 3 ? { momentum: 0, stepSize: 1 } : { momentum: 0.99, stepSize: 0 }),
    };
    const key = run(alternating, "key");
    const largest = ({ seen }: ReturnType<typeof run>) => Math.max(...seen.map(({ weight }) => weight));
    expect(largest(run(alternating, "curvature"))).toBeLessThan(5);
    expect(largest(key)).toBeGreaterThan(100);
  });

  it("a default layer stays bounded where the key guard diverges", () => {
    expect(neuralMemoryDefaults.stepGuard).toBe("curvature");
    const largest = (config: Partial<ConstructorParameters<typeof NeuralMemory>[0]>) =>
      scope(() => {
        const layer = new NeuralMemory({ dim: 64, heads: 2, headDim: 32, ...config });
        const params = passingTokens(answeringAloud(layer.init(key(0))));
        const random = oracle.randomSource(3);
        const step = jit((state: ReturnType<typeof layer.initialState>, x: Tensor) => layer.step(params, state, x)[1]);
        let state = layer.initialState(params, 1);
        // Sixteen kinds of token, as text repeats its letters.
        const letters = random.normalMatrix(16, 64);
        for (let segment = 0; segment < 8; segment++) {
          const x = Array.from({ length: 32 }, () => letters[Math.floor(16 * random.uniform())]!);
          state = step(state, toTensor([x]));
        }
        return Math.max(...state.memory.layers.map((matrix) => readSync(np.max(np.abs(matrix)))[0]!));
      });
    expect(largest({})).toBeLessThan(20);
    const unsafe = { gateBiases: { forget: -5, momentum: 0, stepSize: 0 } };
    expect(largest(unsafe)).toBeLessThan(20);
    expect(largest({ ...unsafe, stepGuard: "key" })).not.toBeLessThan(1e6);
  });
});

describe("the curvature guard's formula", () => {
  const random = oracle.randomSource(11);
  const keys = Array.from({ length: 9 }, () => random.unitVector(dim));
  const values = random.normalMatrix(9, dim);
  const steps = random.uniformVector(9, 0, 0.8).map((step, t) => (t === 4 ? 0 : step));

  /** ||(W W^T)^4||_F^(1/4) by loops. */
  function spectralBound(matrix: oracle.Matrix): number {
    const gram = matrix.map((a) => matrix.map((b) => oracle.dot(a, b)));
    const square = (m: oracle.Matrix) => oracle.matMul(m, m);
    return Math.sqrt(Math.sqrt(Math.hypot(...square(square(gram)).flat())));
  }

  function kernelByLoops(weights: oracle.MemoryWeights, kappa: number): oracle.Matrix {
    const network: oracle.MemoryNetwork = { activation: "silu", residual: false, normEpsilon: 1e-3 };
    const depth = weights.layers.length;
    const norms = weights.layers.map((matrix) => Math.sqrt(spectralBound(matrix)));
    const tokens = keys.map((key, t) => {
      const { inputs, preActivations, output } = oracle.memoryTrace(network, weights, key);
      const slopes = preActivations.map((z) => z.map((x) => oracle.activationDerivative("silu", x)));
      const steepest = slopes.map((slope) => Math.max(...slope.map(Math.abs)));
      const errors: oracle.Vector[] = [];
      errors[depth - 1] = oracle.scale(kappa, oracle.subtract(output, values[t]!));
      for (let l = depth - 2; l >= 0; l--) {
        const back = oracle.matVec(oracle.transpose(weights.layers[l + 1]!), errors[l + 1]!);
        errors[l] = oracle.hadamard(slopes[l]!, back);
      }
      const gains = inputs.map((_, l) => {
        let gain = 1;
        for (let m = l; m < depth - 1; m++) gain *= norms[m + 1]! * steepest[m]!;
        return gain;
      });
      const bends = inputs.map((_, l) => {
        let bend = 0;
        for (let m = l + 1; m < depth; m++) {
          let reach = steepest[l]!;
          for (let i = l + 1; i < m; i++) reach *= norms[i]! * steepest[i]!;
          bend += oracle.norm(errors[m]!) * reach;
        }
        return bend;
      });
      return { inputs, gains, bends };
    });
    return tokens.map((a) =>
      tokens.map((b) =>
        a.inputs
          .map((h, l) => {
            const strength = kappa * a.gains[l]! * b.gains[l]! + (a.bends[l]! + b.bends[l]!) / 2;
            return Math.abs(oracle.dot(h, b.inputs[l]!)) * strength;
          })
          .reduce((sum, term) => sum + term),
      ),
    );
  }

  function stepsByLoops(kernel: oracle.Matrix, maxMomentum: number): oracle.Vector {
    return steps.map((step, t) => {
      let without = 0;
      for (let j = 0; j < t; j++) without += ((1.25 * steps[j]!) / (1 - maxMomentum)) * kernel[t]![j]!;
      const withOwn = without + ((1.25 * step) / (1 - maxMomentum)) * kernel[t]![t]!;
      return step / (Math.max(1, without) * Math.max(1, withOwn));
    });
  }

  it.each([1, 2, 3, 4])("equals explicit loops at depth %i", (depth) => {
    scope(() => {
      const weights = randomWeights(random, depth);
      for (const kappa of [1, 2]) {
        const tensors = weightTensors(weights);
        const factors = memoryFactors(architectureOf(depth), tensors, toTensor(keys), toTensor(values), kappa);
        const kernel = curvatureKernel(tensors, factors, kappa);
        const expected = kernelByLoops(weights, kappa);
        // Float32 against float64 over products of up to four layers and of fourth powers.
        const near = (actual: Tensor, wanted: oracle.Vector) =>
          readSync(actual).forEach((x, i) => {
            expect(Math.abs(x - wanted[i]!)).toBeLessThan(2e-5 * Math.max(...wanted));
          });
        near(kernel, expected.flat());
        near(curvatureGuardedStepSize(toTensor(steps), kernel, 0.8), stepsByLoops(expected, 0.8));
      }
    });
  });

  it("bounds the largest singular value from above, at most by the eighth root of their number", () => {
    scope(() => {
      const diagonal = [3, 1, 0.5, 0.1];
      const matrix = diagonal.map((x, i) => diagonal.map((_, j) => (i === j ? x : 0)));
      const bound = readSync(squaredSpectralBound(toTensor(matrix)))[0]!;
      expect(bound).toBeGreaterThanOrEqual(9 * (1 - 1e-6));
      expect(bound).toBeLessThan(9 * 4 ** 0.125);
      const same = readSync(squaredSpectralBound(toTensor(oracle.identity(16))))[0]!;
      expect(same).toBeCloseTo(16 ** 0.125, 5);
      // A cleared memory has the bound that the floor under its squared norm, 1e-12, leaves.
      expect(readSync(squaredSpectralBound(np.zeros([3, 5])))[0]).toBeLessThan(1e-12);
    });
  });

  it("keeps a run of identical keys at 1.6 full steps, however large the steps", () => {
    scope(() => {
      for (const size of [0.01, 0.1, 1, 100]) {
        const guarded = curvatureGuardedStepSize(np.full([400], size), np.ones([400, 400]), 0.9);
        const total = [...readSync(guarded)].reduce((sum, step) => sum + step * 10, 0);
        expect(total).toBeLessThan(1.6 * (1 + 1e-5));
        expect(total).toBeGreaterThan(0.79);
      }
    });
  });

  it("looks at the token and its past alone, and a masked token weighs nothing", () => {
    scope(() => {
      const architecture = architectureOf(2);
      const weights = weightTensors(randomWeights(random, 2));
      const state = { memory: weights, surprise: { layers: weights.layers.map((w) => np.zerosLike(w)) } };
      const gates = gatesFromValues(np.full([9], 0.01), np.full([9], 0.5), np.full([9], 0.7));
      const stepsWith = (altered: number, mask?: Tensor) => {
        const other = oracle.randomSource(5);
        const swap = (rows: oracle.Matrix) => rows.with(altered, other.normalVector(dim));
        const tokens = { keys: toTensor(swap(keys)), values: toTensor(swap(values)), queries: toTensor(keys) };
        const options = { stepGuard: "curvature" as const, ...(mask ? { mask } : {}) };
        return [...readSync(memoryChunk(architecture, state, tokens, gates, options).stepSize)];
      };
      expect(stepsWith(8).slice(0, 7)).toEqual(stepsWith(7).slice(0, 7));
      expect(stepsWith(7)[7]).not.toEqual(stepsWith(8)[7]);
      const mask = tensor([1, 1, 1, 0, 0, 1, 1, 1, 1], [9]);
      expect(stepsWith(3, mask)).toEqual(stepsWith(4, mask));
      expect(stepsWith(3, mask)[3]).toBe(0);
    });
  });
});
