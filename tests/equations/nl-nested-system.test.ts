import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor, type Tree } from "../../src/array/index.ts";
import {
  agreementLoss,
  memoryProblem,
  memoryWrite,
  type NestedProblem,
  type NestedState,
  nestedStep,
  nestedSystem,
  regressionLoss,
  startNested,
  surpriseObjective,
} from "../../src/nl/index.ts";
import { exact, expectExact, matrixOf, numberOf, squaredDistance } from "../nl/exact.ts";
import { adam } from "../nl/plain-adam.ts";
import * as oracle from "../oracles/index.ts";

type Sample = { x: Tensor; y: Tensor };

const random = oracle.randomSource(19);
const start = random.normalMatrix(2, 3);
const zero = oracle.zeroMatrix(2, 3);
const samples = Array.from({ length: 8 }, () => ({ x: random.normalVector(3), y: random.normalVector(2) }));
const added = (a: oracle.Matrix, factor: number, b: oracle.Matrix) =>
  oracle.addMatrix(a, oracle.scaleMatrix(factor, b));

const error = (w: Tensor, { x, y }: Sample) => np.multiply(0.5, np.sum(np.square(np.subtract(np.matmul(w, x), y))));

function plainGradient(w: oracle.Matrix, { x, y }: (typeof samples)[0]): oracle.Matrix {
  return oracle.outer(oracle.subtract(oracle.matVec(w, x), y), x);
}

function run(problems: readonly NestedProblem<Tree, unknown, Sample>[], states: Record<string, Tree>): NestedState[] {
  const system = nestedSystem(problems);
  let state = startNested(system, states);
  return samples.map(({ x, y }) => {
    state = nestedStep(system, state, { x: exact(x), y: exact(y) });
    return state;
  });
}

const weightsOf = (state: NestedState) => state.states.weights as Tensor;

/** Plain descent on the samples, in one box. */
const descent = (
  period: number,
  options: Partial<NestedProblem<Tensor, Sample, Sample>> = {},
): NestedProblem<Tensor, Sample, Sample> => ({
  name: "weights",
  period,
  stepSize: 0.1,
  context: ({ data }) => data,
  objective: error,
  ...options,
});

describe("nested systems", () => {
  it("NL Eq. 19: nestedStep of one problem is gradient descent; with the printed minus it ascends", () => {
    scope(() => {
      let w = start;
      run([descent(1)], { weights: exact(start) }).forEach((state, t) => {
        // The minimum of the linearised loss and the way, with either sign.
        const g = plainGradient(w, samples[t]!);
        const proximal = (sign: number) => (at: oracle.Matrix) =>
          sign * oracle.dot(g.flat(), at.flat()) + squaredDistance(at, w) / 0.2;
        const loss = (at: oracle.Matrix) =>
          oracle.norm(oracle.subtract(oracle.matVec(at, samples[t]!.x), samples[t]!.y));
        const printed = oracle.quadraticMinimum(proximal(-1), w);
        expect(loss(printed)).toBeGreaterThan(loss(w));
        w = oracle.quadraticMinimum(proximal(1), w);
        expectExact(weightsOf(state), w, 1e-10);
      });
    });
  });

  it("NL Eq. 19: nestedStep of a problem of period C sums C gradients at weights that stand still, and uses no data of the next period", () => {
    scope(() => {
      let [w, sum] = [start, zero];
      run([descent(3)], { weights: exact(start) }).forEach((state, t) => {
        sum = oracle.addMatrix(sum, plainGradient(w, samples[t]!));
        if ((t + 1) % 3 === 0) [w, sum] = [added(w, -0.1, sum), zero];
        expectExact(weightsOf(state), w);
        expectExact(state.pending.weights!, oracle.scaleMatrix(0.1, sum));
        expect(state.seen).toBe(t + 1);
      });
    });
  });

  it("NL Eq. 19: nestedStep projects onto the feasible parameters where an update ends", () => {
    scope(() => {
      const project = (w: Tensor) => np.maximum(w, 0);
      let w = start;
      run([descent(1, { project })], { weights: exact(start) }).forEach((state, t) => {
        w = added(w, -0.1, plainGradient(w, samples[t]!)).map((row) => row.map((entry) => Math.max(0, entry)));
        expectExact(weightsOf(state), w);
      });
    });
  });

  it("NL Eq. 19: nestedStep never moves a frozen problem, and lets each problem have a gradient flow of its own", () => {
    scope(() => {
      const frozen = descent(Infinity, { name: "frozen" });
      const reader: NestedProblem<Tensor, Tensor, Sample> = {
        name: "weights",
        period: 1,
        stepSize: 0.1,
        // A sample made of another problem's state counts as a constant.
        context: ({ before, data }) => np.matmul(before.frozen as Tensor, data.x),
        objective: (w, seen) => np.sum(np.multiply(np.matmul(w, exact([1, 1, 1])), seen)),
      };
      const states = run([reader, frozen], { weights: exact(start), frozen: exact(start) });
      let w = start;
      states.forEach((state, t) => {
        w = added(w, -0.1, oracle.outer(oracle.matVec(start, samples[t]!.x), [1, 1, 1]));
        expectExact(state.states.frozen!, start);
        expectExact(weightsOf(state), w);
      });
    });
  });

  it("NL Eq. 19: nestedStep solves what has no parameters anew for every data point, before all others", () => {
    scope(() => {
      const system = nestedSystem([
        {
          name: "weights",
          period: 1,
          stepSize: 0.5,
          context: ({ now }: { now: Readonly<Record<string, Tree>> }) => now.mean as Tensor,
          objective: (w: Tree, seen: unknown) => np.sum(np.multiply(w as Tensor, seen as Tensor)),
        },
        { name: "mean", period: 0, solve: ({ data }: { data: Tensor }) => np.mean(data, 0) },
      ]);
      let state = startNested(system, { weights: exact([0, 0]) });
      state = nestedStep(
        system,
        state,
        exact([
          [1, 2],
          [3, 4],
        ]),
      );
      expectExact(state.states, { mean: [2, 3], weights: [-1, -1.5] });
      state = nestedStep(system, state, exact([[1, 1]]));
      expectExact(state.states, { mean: [1, 1], weights: [-1.5, -2] });
    });
  });

  it("NL Eq. 19: nestedStep of two levels is momentum: its problem first, the weights with what it has become", () => {
    scope(() => {
      const momentum: NestedProblem<Tensor, Tensor, Sample> = {
        name: "momentum",
        period: 1,
        stepSize: 0.1,
        context: ({ data, before }) => grad((w: Tensor) => error(w, data))(before.weights as Tensor),
        objective: (m, gradient) => np.negative(np.sum(np.multiply(m, gradient))),
      };
      const weights: NestedProblem<Tensor, Tensor, Sample> = {
        name: "weights",
        period: 1,
        needs: ["momentum"],
        stepSize: 1,
        context: ({ now }) => now.momentum as Tensor,
        objective: (w, m) => np.sum(np.multiply(w, m)),
      };
      let [w, m] = [start, zero];
      // Whatever the order in which they are named.
      run([weights, momentum], { weights: exact(start), momentum: exact(zero) }).forEach((state, t) => {
        m = added(m, 0.1, plainGradient(w, samples[t]!));
        w = added(w, -1, m);
        expectExact(weightsOf(state), w);
        expectExact(state.states.momentum!, m);
      });
    });
  });

  it("NL Eq. 19: nestedStep of two moments and the weights is Adam", () => {
    scope(() => {
      const [beta1, beta2, epsilon, rate] = [0.9, 0.99, 1e-8, 0.05];
      const moment = (
        name: string,
        beta: number,
        of: (g: Tensor) => Tensor,
      ): NestedProblem<Tensor, Tensor, Sample> => ({
        name,
        period: 1,
        stepSize: 1 - beta,
        context: ({ data, before }) => of(grad((w: Tensor) => error(w, data))(before.weights as Tensor)),
        objective: (m, seen) => np.multiply(0.5, np.sum(np.square(np.subtract(m, seen)))),
      });
      let step = 0;
      const weights: NestedProblem<Tensor, Tensor, Sample> = {
        name: "weights",
        period: 1,
        needs: ["first", "second"],
        stepSize: rate,
        context: ({ now }) => {
          step++;
          const mean = np.divide(now.first as Tensor, 1 - beta1 ** step);
          const size = np.sqrt(np.divide(now.second as Tensor, 1 - beta2 ** step));
          return np.divide(mean, np.add(size, epsilon));
        },
        objective: (w, direction) => np.sum(np.multiply(w, direction)),
      };
      const problems = [weights, moment("first", beta1, (g) => g), moment("second", beta2, (g) => np.square(g))];
      expect(nestedSystem(problems).levels.map(({ components }) => components.map(({ name }) => name))).toEqual([
        ["first", "second"],
        ["weights"],
      ]);
      const states = run(problems, { weights: exact(start), first: exact(zero), second: exact(zero) });
      const expected = adam(start, samples.length, (w, t) => plainGradient(w, samples[t]!), {
        beta1,
        beta2,
        epsilon,
        rate,
      });
      states.forEach((state, t) => {
        expectExact(weightsOf(state), expected[t]!);
      });
    });
  });
});

describe("nested systems of associative memories", () => {
  const pairs = samples.map(({ x, y }) => ({ key: x, value: y }));
  const tensors = ({ key, value }: (typeof pairs)[0]) => ({ key: exact(key), value: exact(value) });

  it("NL Eq. 20: memoryWrite is the minimum of surpriseObjective with the output's gradient; with the printed minus the loss grows", () => {
    scope(() => {
      const [{ key, value }, eta] = [pairs[0]!, 0.2];
      const surprise = oracle.subtract(oracle.matVec(start, key), value);
      const objective = (sign: number) => (w: oracle.Matrix) =>
        sign * oracle.dot(oracle.matVec(w, key), surprise) + squaredDistance(w, start) / (2 * eta);
      const written = memoryWrite(exact(start), tensors(pairs[0]!), regressionLoss, eta);
      expectExact(written, oracle.quadraticMinimum(objective(1), start), 1e-10);
      const at = random.normalMatrix(2, 3);
      expectExact(surpriseObjective(exact(at), exact(start), exact(key), exact(surprise), eta), objective(1)(at));
      const missed = (w: oracle.Matrix) => oracle.norm(oracle.subtract(oracle.matVec(w, key), value));
      expect(missed(matrixOf(written))).toBeLessThan(missed(start));
      expect(missed(oracle.quadraticMinimum(objective(-1), start))).toBeGreaterThan(missed(start));
    });
  });

  it.each([
    [
      "agreement: linear attention's write, times eta",
      agreementLoss,
      (m: oracle.Matrix, k: oracle.Vector, v: oracle.Vector) => added(m, 0.3, oracle.outer(v, k)),
    ],
    [
      "regression: the delta rule",
      regressionLoss,
      (m: oracle.Matrix, k: oracle.Vector, v: oracle.Vector) =>
        added(m, -0.3, oracle.outer(oracle.subtract(oracle.matVec(m, k), v), k)),
    ],
  ] as const)("NL Eq. 20: memoryProblem and memoryWrite learn by %s", (_, loss, write) => {
    scope(() => {
      const problem = memoryProblem<Sample>({
        name: "memory",
        period: 1,
        stepSize: 0.3,
        loss,
        pair: ({ data }) => ({ key: data.x, value: data.y }),
      });
      let m = start;
      run([problem], { memory: exact(start) }).forEach((state, t) => {
        const { key, value } = pairs[t]!;
        expectExact(memoryWrite(exact(m), tensors(pairs[t]!), loss, 0.3), write(m, key, value));
        m = write(m, key, value);
        expectExact(state.states.memory!, m);
      });
      expect(numberOf(np.sum(exact(m)))).not.toBe(0);
    });
  });

  it("NL Eq. 20: memoryProblem of period C writes a chunk at once, as a sum of gradients at the memory before it", () => {
    scope(() => {
      const problem = memoryProblem<Sample>({
        name: "memory",
        period: 4,
        stepSize: 0.1,
        loss: regressionLoss,
        pair: ({ data }) => ({ key: data.x, value: data.y }),
      });
      const states = run([problem], { memory: exact(start) });
      const chunk = (m: oracle.Matrix, from: number) =>
        samples.slice(from, from + 4).reduce((sum, sample) => added(sum, -0.1, plainGradient(m, sample)), m);
      expectExact(states[2]!.states.memory!, start);
      expectExact(states[3]!.states.memory!, chunk(start, 0));
      expectExact(states[7]!.states.memory!, chunk(chunk(start, 0), 4));
    });
  });
});
