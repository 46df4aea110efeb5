import { describe, expect, it } from "vitest";
import { grad, jit, np, scope, type Tensor } from "../../src/array/index.ts";
import { adapted, descentRun, initializationObjective, meanLoss, metaObjective } from "../../src/nl/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { toTensor } from "../common/tensors.ts";
import { exact, expectExact, matrixOf, numberOf } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

type Sample = { x: oracle.Vector; y: oracle.Vector };

const random = oracle.randomSource(4);
const start = random.normalMatrix(2, 3);
const samplesOf = (truth: oracle.Matrix, count: number): Sample[] =>
  Array.from({ length: count }, () => {
    const x = random.normalVector(3);
    return { x, y: oracle.matVec(truth, x) };
  });
const samples = samplesOf(random.normalMatrix(2, 3), 4);
const tensors = ({ x, y }: Sample) => ({ x: exact(x), y: exact(y) });

/** Half the squared error, and the fourth power of the first answer, so that curvature is not constant. */
function plainLoss(w: oracle.Matrix, { x, y }: Sample): number {
  const answer = oracle.matVec(w, x);
  const error = oracle.subtract(answer, y);
  return oracle.dot(error, error) / 2 + answer[0]! ** 4 / 10;
}

function plainGradient(w: oracle.Matrix, { x, y }: Sample): oracle.Matrix {
  const answer = oracle.matVec(w, x);
  const pull = oracle.subtract(answer, y);
  pull[0]! += 0.4 * answer[0]! ** 3;
  return oracle.outer(pull, x);
}

function plainAdapted(w: oracle.Matrix, sample: Sample, steps: number, eta: number): oracle.Matrix {
  let now = w;
  for (let i = 0; i < steps; i++) now = oracle.addMatrix(now, oracle.scaleMatrix(-eta, plainGradient(now, sample)));
  return now;
}

function loss(w: Tensor, { x, y }: { x: Tensor; y: Tensor }): Tensor {
  const answer = np.matmul(w, x);
  const squared = np.multiply(0.5, np.sum(np.square(np.subtract(answer, y))));
  const first = np.sum(np.multiply(answer, exact([1, 0])));
  return np.add(squared, np.multiply(0.1, np.square(np.square(first))));
}

describe("training as an outer loop", () => {
  it("NL Eq. 7, 22: meanLoss is the mean of the samples' losses, and refuses to be one of none", () => {
    scope(() => {
      const expected = samples.reduce((sum, sample) => sum + plainLoss(start, sample), 0) / samples.length;
      expectExact(meanLoss(exact(start), samples.map(tensors), loss), expected);
      expect(() => meanLoss(exact(start), [], loss)).toThrow(ConfigError);
    });
  });

  it("NL Eq. 7, 22: meanLoss of a linear layer is least at the least-squares solution", () => {
    scope(() => {
      const data = samples.map(({ x }) => ({ x, y: random.normalVector(2) }));
      const squared = (w: Tensor, { x, y }: { x: Tensor; y: Tensor }) =>
        np.multiply(0.5, np.sum(np.square(np.subtract(np.matmul(w, x), y))));
      // W = Y X^T (X X^T)^-1, samples in columns.
      const [inputs, targets] = [data.map(({ x }) => x), data.map(({ y }) => y)];
      const solution = oracle.matMul(
        oracle.matMul(oracle.transpose(targets), inputs),
        oracle.inverse(oracle.matMul(oracle.transpose(inputs), inputs)),
      );
      const slope = grad((w: Tensor) => meanLoss(w, data.map(tensors), squared))(exact(solution));
      expectExact(slope, oracle.zeroMatrix(2, 3), 1e-10);
    });
  });

  it("NL Eq. 23: descentRun equals the loop in plain numbers, and records each gradient where it was taken", () => {
    scope(() => {
      const run = descentRun(exact(start), samples.map(tensors), loss, 0.05);
      let now = start;
      samples.forEach((sample, t) => {
        const gradient = plainGradient(now, sample);
        expectExact(run.gradients[t]!, gradient);
        now = oracle.addMatrix(now, oracle.scaleMatrix(-0.05, gradient));
      });
      expectExact(run.params, now);
      expect(run.gradients).toHaveLength(samples.length);
    });
  });
});

describe("meta-learning", () => {
  it("NL Eq. 4: metaObjective of two inner steps has the gradient of differences of the loss after adaptation", () => {
    scope(() => {
      const plain = (w: oracle.Matrix) =>
        samples.reduce((sum, sample) => sum + plainLoss(plainAdapted(w, sample, 2, 0.05), sample), 0) / samples.length;
      const objective = (w: Tensor) =>
        metaObjective(
          w,
          samples.map(tensors),
          (at, task) => adapted(at, task, loss, { steps: 2, stepSize: 0.05 }),
          loss,
        );
      expectExact(objective(exact(start)), plain(start));
      const expected = oracle.centralGradientTree(plain, start, { richardson: true });
      expectExact(grad(objective)(exact(start)), expected, 1e-9);
    });
  });

  it("NL Eq. 4: metaObjective in first order has the plain gradient at the adapted parameters, which is another", () => {
    scope(() => {
      const objective = (firstOrder: boolean) => (w: Tensor) =>
        metaObjective(
          w,
          samples.map(tensors),
          (at, task) => adapted(at, task, loss, { steps: 2, stepSize: 0.05, firstOrder }),
          loss,
        );
      const slopes = samples.map((sample) => plainGradient(plainAdapted(start, sample, 2, 0.05), sample));
      const expected = oracle.scaleMatrix(
        1 / samples.length,
        slopes.reduce((sum, one) => oracle.addMatrix(sum, one)),
      );
      const [first, whole] = [true, false].map((firstOrder) => matrixOf(grad(objective(firstOrder))(exact(start))));
      expectExact(exact(first!), expected);
      expect(oracle.maxDifference(first, whole)).toBeGreaterThan(1e-3);
    });
  });

  it("NL Eq. 4: metaObjective reaches whatever configures the inner learner, such as its step size", () => {
    scope(() => {
      const objective = (stepSize: Tensor) =>
        metaObjective(
          stepSize,
          samples.map(tensors),
          (at, task) => adapted(exact(start), task, loss, { steps: 1, stepSize: at }),
          (params, task, at) => np.add(loss(params, task), np.square(at)),
        );
      const plain = ([eta]: number[]) =>
        samples.reduce((sum, sample) => sum + plainLoss(plainAdapted(start, sample, 1, eta!), sample), 0) / 4 +
        eta! ** 2;
      const [expected] = oracle.centralGradient(plain, [0.03], { richardson: true });
      expectExact(grad(objective)(exact(0.03)), expected!, 1e-9);
    });
  });
});

describe("transfer by initialisation", () => {
  it("NL Eq. 28: initializationObjective without inner steps is the plain mean loss, and its training plain training", () => {
    scope(() => {
      const still = { steps: 0, stepSize: 0.1 };
      const contexts = samples.map(tensors);
      const objective = (w: Tensor) => initializationObjective(w, contexts, loss, still);
      const slopes = samples
        .map((sample) => plainGradient(start, sample))
        .reduce((sum, one) => oracle.addMatrix(sum, one));
      expectExact(grad(objective)(exact(start)), oracle.scaleMatrix(1 / 4, slopes));
    });
  });

  it("NL Eq. 28: initializationObjective has the gradient of differences through the inner steps", () => {
    scope(() => {
      const loop = { steps: 3, stepSize: 0.04 };
      const plain = (w: oracle.Matrix) =>
        samples.reduce((sum, sample) => sum + plainLoss(plainAdapted(w, sample, 3, 0.04), sample), 0) / samples.length;
      const objective = (w: Tensor) => initializationObjective(w, samples.map(tensors), loss, loop);
      expectExact(grad(objective)(exact(start)), oracle.centralGradientTree(plain, start, { richardson: true }), 1e-9);
    });
  });

  it("NL Eq. 28: initializationObjective trained on tasks with a common mean gives a start that adapts better to new tasks than zero", () => {
    scope(() => {
      const common = random.normalMatrix(2, 3);
      const task = () => {
        const truth = oracle.addMatrix(common, random.normalMatrix(2, 3, 0.2));
        const data = samplesOf(truth, 6);
        return { x: toTensor(data.map(({ x }) => x)), y: toTensor(data.map(({ y }) => y)) };
      };
      const squared = (w: Tensor, { x, y }: { x: Tensor; y: Tensor }) =>
        np.multiply(0.5, np.mean(np.square(np.subtract(np.matmul(x, np.swapaxes(w, 0, 1)), y))));
      const loop = { steps: 2, stepSize: 0.1 };
      const known = Array.from({ length: 8 }, task);
      // Compiled: an operation that waits in a queue keeps all before it alive.
      const descend = jit((w: Tensor) => {
        const slope = grad((at: Tensor) => initializationObjective(at, known, squared, loop))(w);
        return np.subtract(w, slope);
      });
      const zero = toTensor(oracle.zeroMatrix(2, 3));
      let learned = zero;
      for (let step = 0; step < 60; step++) learned = descend(learned);
      const fresh = Array.from({ length: 8 }, task);
      const lossFrom = (w: Tensor) => numberOf(initializationObjective(w, fresh, squared, loop));
      expect(lossFrom(learned)).toBeLessThan(lossFrom(zero) / 4);
    });
  });
});
