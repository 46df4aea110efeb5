import { describe, expect, it } from "vitest";
import { jit, np, scope, type Tensor } from "../../src/array/index.ts";
import { type MemoryState, type MemoryTokens, recurrentMemory, writeThenRead } from "../../src/titans/index.ts";
import {
  architectureOf,
  randomCells,
  sliceTokens,
  stateTensors,
  type TokenTensors,
  tokenTensors,
} from "../titans/memory-cases.ts";
import { expectNear, expectRecurrence, recurrence } from "../titans/memory-runs.ts";

const tokens = 7;

/** The oracle's gates for the naive form, which takes values. */
function valuesOf({ keys, values, queries, forget, momentum, stepSize }: Record<keyof MemoryTokens, Tensor>) {
  return { keys, values, queries, forget, momentum, stepSize };
}

describe("writing, then reading", () => {
  it("Titans Eq. 6-7: writeThenRead reads the state that already contains the token", () => {
    const write = (memory: readonly string[], x: string) => [...memory, x];
    const read = (memory: readonly string[], x: string) => `${x} of ${memory.join("")}`;
    expect(writeThenRead(write, read, ["a"], "b")).toEqual({ memory: ["a", "b"], y: "b of ab" });
  });

  it("Titans Eq. 6-7: writeThenRead leaves the state it was given as it was", () => {
    const memory = [1, 2];
    const { memory: written } = writeThenRead(
      (state: readonly number[], x: number) => [...state, x],
      (state) => state.length,
      memory,
      3,
    );
    expect(memory).toEqual([1, 2]);
    expect(written).toEqual([1, 2, 3]);
  });
});

describe("the naive token-by-token form", () => {
  for (const { depth, wrapped, period } of [
    { depth: 1, wrapped: false, period: 1 },
    { depth: 2, wrapped: true, period: 1 },
    { depth: 2, wrapped: false, period: 3 },
    { depth: 3, wrapped: false, period: tokens },
    { depth: 4, wrapped: true, period: 2 },
  ]) {
    it(`recurrentMemory equals the oracle at depth ${depth}, ${period} tokens a gradient point${wrapped ? ", with residual and norm" : ""}`, () => {
      scope(() => {
        const architecture = architectureOf({ depth, residual: wrapped, norm: wrapped });
        const cells = randomCells(41, architecture, tokens);
        const naive = jit((state: MemoryState, inputs: TokenTensors) =>
          recurrentMemory(architecture, state, valuesOf(inputs), period),
        );
        const actual = naive(stateTensors(cells), tokenTensors(cells));
        // Seven float32 updates: worst seen 2e-6, with an output norm.
        expectRecurrence(actual, recurrence(architecture, cells, period), 2e-5);
      });
    });
  }

  it("Titans Eq. 6-7: writeThenRead token by token over calls gives what one call gives", () => {
    scope(() => {
      const architecture = architectureOf();
      const cells = randomCells(42, architecture, tokens);
      const all = tokenTensors(cells);
      const naive = jit((state: MemoryState, inputs: TokenTensors) =>
        recurrentMemory(architecture, state, valuesOf(inputs)),
      );
      const whole = naive(stateTensors(cells), all);
      let state: MemoryState = stateTensors(cells);
      const outputs: Tensor[] = [];
      for (let t = 0; t < tokens; t++) {
        const one = naive(state, sliceTokens(all, t, t + 1));
        outputs.push(one.outputs);
        state = one.state;
      }
      expectNear(np.concatenate(outputs, -2), whole.outputs, 1e-6);
    });
  });
});
