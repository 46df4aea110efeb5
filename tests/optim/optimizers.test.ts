import { expect, it } from "vitest";
import { grad, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  adaGrad,
  adam,
  adamW,
  deltaGradientDescent,
  deltaMomentum,
  hiddenMatrices,
  momentum,
  muon,
  nesterov,
  preconditionedMomentum,
  sgd,
} from "../../src/optim/index.ts";
import { describeNative } from "../array/native/support.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { expectedTrajectory, expectSameTrajectory, shapes, trajectory } from "./trajectories.ts";

const weightDecay = 0.3;
const isMatrix = (path: string) => hiddenMatrices(path, { ndim: shapes[path]!.length } as Tensor);
const orthogonalise = (matrix: oracle.Matrix) => oracle.orthogonalise(matrix);

describeNative("optimizers in float64, 50 steps of awkward learning rates and zero gradients", () => {
  it.each([0, weightDecay])("NL Eq. 32: sgd equals plain gradient descent, decay %f", async (decay) => {
    const expected = expectedTrajectory(decay, (_, facts) => oracle.sgdStepper(facts));
    expectSameTrajectory(await trajectory(sgd({ weightDecay: decay })), expected);
  });

  it.each([0, 0.9, 0.37])("momentum equals the heavy ball, momentum %f", async (mu) => {
    const expected = expectedTrajectory(weightDecay, (_, facts) => oracle.momentumStepper(facts, mu));
    expectSameTrajectory(await trajectory(momentum({ momentum: mu, weightDecay })), expected);
  });

  it("nesterov equals the form that looks ahead, and is not the heavy ball", async () => {
    const actual = await trajectory(nesterov({ momentum: 0.8, weightDecay }));
    expectSameTrajectory(
      actual,
      expectedTrajectory(weightDecay, (_, facts) => oracle.momentumStepper(facts, 0.8, true)),
    );
    const plain = expectedTrajectory(weightDecay, (_, facts) => oracle.momentumStepper(facts, 0.8));
    expect(() => expectSameTrajectory(actual, plain)).toThrow();
  });

  it.each([
    { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    { beta1: 0, beta2: 0.5, epsilon: 1e-3 },
    { beta1: 0.9, beta2: 0.95, epsilon: 1e-6, biasCorrection: false },
  ])("adam equals the plain loop: %j", async (options) => {
    const expected = expectedTrajectory(weightDecay, (_, facts) => oracle.adamStepper(facts, options));
    expectSameTrajectory(await trajectory(adam({ ...options, weightDecay })), expected);
  });

  it("adamW equals the plain loop", async () => {
    const options = { beta1: 0.8, beta2: 0.99, epsilon: 1e-8 };
    const expected = expectedTrajectory(weightDecay, (_, facts) => oracle.adamStepper(facts, options));
    expectSameTrajectory(await trajectory(adamW({ ...options, weightDecay })), expected);
  });

  it.each([1e-10, 0.1])("adaGrad equals the plain loop, epsilon %f", async (epsilon) => {
    const expected = expectedTrajectory(weightDecay, (_, facts) => oracle.adaGradStepper(facts, epsilon));
    expectSameTrajectory(await trajectory(adaGrad({ epsilon, weightDecay })), expected);
  });

  it.each([
    { nesterov: true, scaling: "rms" },
    { nesterov: false, scaling: "literal" },
  ] as const)(
    "NL Eq. 42: muon equals momentum, five quintic steps, and AdamW for what is no hidden matrix: %j",
    async (options) => {
      const expected = expectedTrajectory(weightDecay, (path, facts) =>
        isMatrix(path)
          ? oracle.muonStepper(facts, {
              mu: 0.9,
              nesterov: options.nesterov,
              rms: options.scaling === "rms" ? 0.2 : 0,
              orthogonalise,
            })
          : oracle.adamStepper(facts, { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 }),
      );
      const actual = await trajectory(muon({ ...options, momentum: 0.9, weightDecay }));
      expectSameTrajectory(actual, expected);
    },
  );

  it("NL Eq. 47: preconditionedMomentum equals momentum of gradients with rows of size one", async () => {
    const options = { mu: 0.7, beta2: 0.9, epsilon: 1e-6 };
    const expected = expectedTrajectory(weightDecay, (_, facts) => oracle.rowMomentumStepper(facts, options));
    const actual = await trajectory(
      preconditionedMomentum({ momentum: options.mu, beta2: 0.9, epsilon: 1e-6, weightDecay }),
    );
    expectSameTrajectory(actual, expected);
  });

  it.each([
    { retain: 0.9, innerStepSize: 0.7, maxNorm: 1, inputs: "rows" },
    { retain: 0.5, innerStepSize: 0.3, eraseStepSize: 1, maxNorm: 1.2, inputs: "columns" },
  ] as const)("NL Eq. 48-49: deltaMomentum equals the product with the whole erase matrix: %j", async (options) => {
    const expected = expectedTrajectory(weightDecay, (_, facts) =>
      oracle.deltaMomentumStepper(facts, {
        alpha: options.retain,
        eta: options.innerStepSize,
        erase: "eraseStepSize" in options ? options.eraseStepSize : options.innerStepSize,
        maxNorm: options.maxNorm,
        inputRows: options.inputs === "rows",
      }),
    );
    expectSameTrajectory(await trajectory(deltaMomentum({ ...options, weightDecay })), expected);
  });
});

describeNative("deltaGradientDescent", () => {
  it.each(["columns", "rows"] as const)(
    "NL Eq. 57: deltaGradientDescent on one sample equals the rule that sees the input, inputs in %s",
    (inputs) => {
      scope(() => {
        const random = oracle.randomSource(7);
        let w = random.normalMatrix(3, 4);
        const turn = (x: oracle.Matrix) => (inputs === "rows" ? oracle.transpose(x) : x);
        let params = { layer: toTensor64(turn(w)), bias: toTensor64([0.5, 1]) };
        for (const eta of [0.3, 5, 0.01]) {
          const x = oracle.scale(2.3, random.unitVector(4));
          const target = random.normalVector(3);
          const delta = oracle.subtract(oracle.matVec(w, x), target);
          const optimizer = deltaGradientDescent({ inputNorm: 2.3, inputs });
          const gradient = { layer: toTensor64(turn(oracle.outer(delta, x))), bias: toTensor64([1, -2]) };
          const [next] = optimizer.update(params, gradient, optimizer.init(params), toTensor64(eta));
          w = oracle.deltaDescentStep(w, x, delta, eta);
          expect(oracle.maxDifference(toNumbers(next.layer), turn(w))).toBeLessThan(1e-12);
          expect([...readSync(next.bias)]).toEqual([
            ...readSync(np.subtract(params.bias, np.multiply(eta, gradient.bias))),
          ]);
          params = next;
        }
      });
    },
  );

  it("leaves weights where they are at a gradient of zero, and is bounded for any learning rate where errors are smaller than answers", () => {
    scope(() => {
      const params = {
        w: toTensor([
          [1, -2],
          [3, 4],
        ]),
      };
      const optimizer = deltaGradientDescent();
      const still = optimizer.update(params, { w: np.zerosLike(params.w) }, optimizer.init(params), tensor([0.5], []));
      expect([...readSync(still[0].w)]).toEqual([1, -2, 3, 4]);
      let now = params;
      for (let step = 0; step < 50; step++) {
        const loss = (p: typeof params) => np.multiply(0.45, np.sum(np.square(np.matmul(toTensor([[0.6, 0.8]]), p.w))));
        now = optimizer.update(now, grad(loss)(now), optimizer.init(now), tensor([1e6], []))[0];
      }
      expect([...readSync(now.w)].every((value) => Math.abs(value) < 100)).toBe(true);
    });
  });
});

function toTensor64(numbers: Parameters<typeof toTensor>[0]): Tensor {
  const { shape } = toTensor(numbers);
  return tensor(Float64Array.from(oracle.flatten(numbers)), shape);
}
