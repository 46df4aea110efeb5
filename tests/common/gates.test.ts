import { describe, expect, it } from "vitest";
import { grad, jit, np, readSync, scope, slice } from "../../src/array/index.ts";
import { gateLogits, initGate } from "../../src/common/index.ts";
import { add, project, transpose } from "../oracles/index.ts";
import { expectClose, randomMatrix, randomSequences, toTensor } from "./tensors.ts";

describe("gate heads", () => {
  it("start at their bias for every token, and learn from the first step", () => {
    scope(() => {
      const params = initGate(5, 3, -2.5);
      const x = toTensor(randomSequences(1, 2, 7, 5));
      const logits = gateLogits(params, x);
      expect(logits.shape).toEqual([2, 3, 7]);
      expect([...readSync(logits)].every((value) => value === -2.5)).toBe(true);
      const g = jit(grad((p: typeof params) => np.sum(np.square(gateLogits(p, x)))))(params);
      expect(readSync(np.min(np.absolute(g.weight)))[0]).toBeGreaterThan(0);
      expect([...readSync(g.bias)]).toEqual([-70, -70, -70]);
    });
  });

  it("are linear maps of the token's features, one a head", () => {
    scope(() => {
      const weight = randomMatrix(2, 5, 3);
      const bias = [0.5, -1, 2];
      const x = randomSequences(3, 2, 7, 5);
      const logits = gateLogits({ weight: toTensor(weight), bias: toTensor(bias) }, toTensor(x));
      expectClose(
        logits,
        x.map((sequence) => transpose(project(sequence, weight).map((row) => add(row, bias)))),
      );
      expect(slice(logits, 1, 2).shape).toEqual([7]);
    });
  });
});
