import { describe, expect, it } from "vitest";
import { key, random, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { deepMomentum } from "../../src/optim/index.ts";
import { describeNative, nativeEngine } from "../array/native/support.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";

type Params = { readonly w: Tensor };

function params(numbers: oracle.Matrix): Params {
  return { w: tensor(Float64Array.from(numbers.flat()), [numbers.length, numbers[0]!.length]) };
}

describeNative("deepMomentum in float64", () => {
  it("NL Eq. 50: deepMomentum takes one step on the memory's loss, by finite differences, and moves by the new answer", async () => {
    const engine = await nativeEngine({ precision: "float64" });
    const [hiddenDim, retain, eta, rate] = [3, 0.9, 0.5, 0.2];
    const optimizer = deepMomentum({ hiddenDim, retain, innerStepSize: eta });
    const update = engine.compile("update", (p: Params, g: Params, s: ReturnType<typeof optimizer.init>, r: Tensor) =>
      optimizer.update(p, g, s, r),
    );
    const source = oracle.randomSource(3);
    let w = source.normalMatrix(5, 4);
    let memory: oracle.DeepMemory = {
      inner: source.normalMatrix(hiddenDim, 4, 0.5),
      outer: source.normalMatrix(4, hiddenDim, 0.5),
    };
    let state = {
      step: tensor(Float64Array.of(0), []),
      inner: params(memory.inner),
      outer: params(memory.outer),
    } as ReturnType<typeof optimizer.init>;
    for (const size of [1, 1e-6, 1e6]) {
      const gradient = source.normalMatrix(5, 4, size);
      const [next, nextState] = await update(params(w), params(gradient), state, tensor(Float64Array.of(rate), []));

      const rows = oracle.scaleMatrix(Math.sqrt(20) / oracle.treeNorm(gradient), gradient);
      const slope = oracle.centralGradientTree((m) => oracle.deepMemoryLoss(m, rows), memory, { richardson: true });
      const shortening = Math.min(1, 1 / oracle.treeNorm(slope));
      memory = oracle.combine(retain, memory, -eta * shortening, slope);
      w = oracle.addMatrix(
        w,
        oracle.scaleMatrix(
          rate,
          rows.map((row) => oracle.deepMemoryAnswer(memory, row)),
        ),
      );
      // Richardson differences with steps of 1e-3 are good to 1e-10 here.
      expect(oracle.maxDifference(toNumbers(next.w), w)).toBeLessThan(1e-9);
      expect(oracle.maxDifference(toNumbers((nextState.inner as Params).w), memory.inner)).toBeLessThan(1e-9);
      expect(oracle.maxDifference(toNumbers((nextState.outer as Params).w), memory.outer)).toBeLessThan(1e-9);
      state = nextState;
    }
    await engine.dispose();
  });
});

describe("deepMomentum", () => {
  it("answers a gradient that recurs with a descent direction, and one that it has never seen more weakly", () => {
    scope(() => {
      const optimizer = deepMomentum();
      const at = { w: random.normal(key(1), [6, 8]) };
      const rate = tensor([1], []);
      const change = (gradient: Tensor, state: ReturnType<typeof optimizer.init>) => {
        const [next, after] = optimizer.update(at, { w: gradient }, state, rate);
        const [a, b, g] = [[...readSync(next.w)], [...readSync(at.w)], [...readSync(gradient)]] as const;
        const along = g.reduce((sum, value, i) => sum + value * (a[i]! - b[i]!), 0) / oracle.dot([...g], [...g]);
        return { along, after };
      };
      const known = random.normal(key(2), [6, 8]);
      let { along, after } = change(known, optimizer.init(at));
      const first = along;
      for (let step = 0; step < 60; step++) ({ along, after } = change(known, after));
      expect(first).toBeLessThan(0);
      expect(along).toBeLessThan(10 * first);
      expect(along).toBeLessThan(-0.5);
      const unknown = change(random.normal(key(3), [6, 8]), after);
      expect(Math.abs(unknown.along)).toBeLessThan(0.7 * Math.abs(along));
    });
  });

  it("keeps a state whose size does not depend on how many rows a matrix has, and repeats itself", () => {
    scope(() => {
      const shapesOf = (rows: number) => {
        const optimizer = deepMomentum({ hiddenDim: 5 });
        const { inner, outer } = optimizer.init({ w: random.normal(key(1), [rows, 8]) });
        return [(inner as Params).w, (outer as Params).w];
      };
      expect(shapesOf(3).map(({ shape }) => shape)).toEqual([
        [5, 8],
        [8, 5],
      ]);
      expect(shapesOf(300).map((x) => [...readSync(x)])).toEqual(shapesOf(3).map((x) => [...readSync(x)]));
    });
  });
});
