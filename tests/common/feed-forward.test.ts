import { describe, it } from "vitest";
import { grad, jit, key, np, scope, type Tensor } from "../../src/array/index.ts";
import { geluFeedForward, initGelu, initSwiglu, swigluFeedForward } from "../../src/common/index.ts";
import { activate, centralGradientTree, hadamard, type Matrix, vecMat } from "../oracles/index.ts";
import { expectClose, randomMatrix, toNumbers, toTensor } from "./tensors.ts";

type FeedForwardNumbers = {
  gate: Matrix;
  up: Matrix;
  down: Matrix;
};

function geluOracle({ up, down }: Pick<FeedForwardNumbers, "up" | "down">, row: number[]): number[] {
  return vecMat(
    vecMat(row, up).map((z) => activate("gelu-tanh", z)),
    down,
  );
}

function swigluOracle({ gate, up, down }: FeedForwardNumbers, row: number[]): number[] {
  return vecMat(
    hadamard(
      vecMat(row, gate).map((z) => activate("silu", z)),
      vecMat(row, up),
    ),
    down,
  );
}

const x = randomMatrix(1, 7, 5);
const weights = randomMatrix(2, 7, 5);

function total(rows: Matrix): number {
  return rows.flat().reduce((sum, value, i) => sum + value * weights.flat()[i]!, 0);
}

function loss(y: Tensor): Tensor {
  return np.sum(np.multiply(y, toTensor(weights)));
}

describe("feed-forward", () => {
  it("geluFeedForward equals the scalar loop, values and gradients", () => {
    scope(() => {
      const params = initGelu(key(1), 5, 11);
      const numbers = toNumbers(params) as unknown as FeedForwardNumbers;
      expectClose(
        geluFeedForward(params, toTensor(x)),
        x.map((row) => geluOracle(numbers, row)),
      );
      const numeric = centralGradientTree((p) => total(x.map((row) => geluOracle(p, row))), numbers);
      const gradient = jit(grad((p: typeof params) => loss(geluFeedForward(p, toTensor(x)))))(params);
      expectClose(toNumbers(gradient), numeric);
    });
  });

  it("swigluFeedForward equals the scalar loop, values and gradients", () => {
    scope(() => {
      const params = initSwiglu(key(1), 5, 11);
      const numbers = toNumbers(params) as unknown as FeedForwardNumbers;
      expectClose(
        swigluFeedForward(params, toTensor(x)),
        x.map((row) => swigluOracle(numbers, row)),
      );
      const numeric = centralGradientTree((p) => total(x.map((row) => swigluOracle(p, row))), numbers);
      const gradient = jit(grad((p: typeof params) => loss(swigluFeedForward(p, toTensor(x)))))(params);
      expectClose(toNumbers(gradient), numeric);
    });
  });
});
