import { describe, expect, it } from "vitest";
import { grad, np, scope, type Tensor, type Tree } from "../../src/array/index.ts";
import {
  ContinuumMemory,
  chunkLengths,
  continuumChain,
  continuumUpdate,
  independentContinuum,
  type LevelRule,
  type LevelState,
  nestedContinuumReset,
  startLevel,
  updatedParameters,
  updatedParametersPerToken,
} from "../../src/nl/index.ts";
import { optimizerNamed, optimizerNames, sgd } from "../../src/optim/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { toNumbers } from "../common/tensors.ts";
import { exact, expectExact, inFloat64 } from "../nl/exact.ts";
import * as oracle from "../oracles/index.ts";

const random = oracle.randomSource(70);
const [dim, hidden, tokens] = [3, 5, 4];

interface PlainBlock {
  norm: oracle.Vector;
  up: oracle.Matrix;
  down: oracle.Matrix;
}
const plainBlocks: PlainBlock[] = [0, 1].map(() => ({
  norm: random.normalVector(dim),
  up: random.normalMatrix(dim, hidden),
  down: random.normalMatrix(hidden, dim),
}));

/** x + gelu(norm(x) up) down, row by row. */
function plainBlock({ norm, up, down }: PlainBlock, x: oracle.Vector): oracle.Vector {
  const size = Math.sqrt(oracle.dot(x, x) / dim + 1e-6);
  const normed = x.map((value, i) => (value / size) * norm[i]!);
  const activated = up[0]!.map((_, h) =>
    oracle.activate(
      "gelu-tanh",
      normed.reduce((sum, value, i) => sum + value * up[i]![h]!, 0),
    ),
  );
  return x.map((value, i) => value + activated.reduce((sum, a, h) => sum + a * down[h]![i]!, 0));
}

const blockOf = ({ norm, up, down }: PlainBlock) => ({
  norm: exact(norm),
  weights: { up: exact(up), down: exact(down) },
});
const inputs = random.normalMatrix(tokens, dim);

describe("reading a continuum memory", () => {
  const read = (blocks: PlainBlock[]) =>
    inFloat64(
      (own: ReturnType<typeof blockOf>[], x: Tensor) => continuumChain(own, x),
      blocks.map(blockOf),
      exact([inputs]),
    );

  it("NL Eq. 70: continuumChain passes each token through all blocks, whose order matters", async () => {
    const [first, second] = plainBlocks as [PlainBlock, PlainBlock];
    const forward = inputs.map((x) => plainBlock(second, plainBlock(first, x)));
    expect(oracle.maxDifference(await read([first, second]), [forward])).toBeLessThan(1e-9);
    expect(oracle.maxDifference(await read([second, first]), [forward])).toBeGreaterThan(1e-2);
  });

  it("NL Eq. 70: continuumChain is the identity where nothing is put out", async () => {
    const silent = plainBlocks.map((block) => ({ ...block, down: oracle.scaleMatrix(0, block.down) }));
    expect(oracle.maxDifference(await read(silent), [inputs])).toBe(0);
  });

  it("NL Eq. 70: chunkLengths turns frequencies into tokens: the slowest chunk over each", () => {
    expect(chunkLengths([1, 16, 1_000_000], 16_000_000)).toEqual([16_000_000, 1_000_000, 16]);
    expect(() => chunkLengths([3], 16)).toThrow(ConfigError);
  });

  it("NL Eq. 74: independentContinuum sums blocks that read the same tokens, is linear in its weights, and picks one with one-hot weights", async () => {
    const all = (mix: oracle.Vector) =>
      inFloat64(
        (own: ReturnType<typeof blockOf>[], w: Tensor, x: Tensor) => independentContinuum(own, w, x),
        plainBlocks.map(blockOf),
        exact(mix),
        exact([inputs]),
      );
    const expected = (mix: oracle.Vector) =>
      inputs.map((x) => plainBlocks.map((block, l) => plainBlock(block, x).map((y) => y * mix[l]!)).reduce(oracle.add));
    for (const mix of [
      [0.3, -1.2],
      [1, 0],
      [0, 1],
    ]) {
      expect(oracle.maxDifference(await all(mix), [expected(mix)])).toBeLessThan(1e-9);
    }
  });
});

describe("learning of one level", () => {
  const weights = { up: random.normalMatrix(2, 3) };
  const gradients = Array.from({ length: 16 }, () => [random.normalMatrix(2, 3), random.normalMatrix(2, 3)]);
  const gradientAt = (t: number): Tree => ({ up: exact(gradients[t]!) });
  const rule = (period: number, stepSize = 0.1): LevelRule => ({ period, stepSize, optimizer: sgd() });
  const start = (): LevelState => startLevel({ up: exact(weights.up) }, 2, sgd());

  /** Weights after every token, for one sequence: theta minus the sum of the last C steps where t is a multiple of C. */
  function plainRun(period: number, stepSize: number, row: number): oracle.Matrix[] {
    let theta = weights.up;
    return gradients.map((_, t) => {
      if ((t + 1) % period === 0) {
        for (let i = t - period + 1; i <= t; i++)
          theta = oracle.addMatrix(theta, oracle.scaleMatrix(-stepSize, gradients[i]![row]!));
      }
      return theta;
    });
  }

  it.each([1, 4, 8, 16])(
    "NL Eq. 71: continuumUpdate with C = %i moves by C steps at multiples of C, and at no other token",
    (period) => {
      scope(() => {
        let state = start();
        gradients.forEach((_, t) => {
          state = continuumUpdate(state, gradientAt(t), 1, rule(period)).state;
          for (const row of [0, 1]) {
            const own = (toNumbers((state.weights as { up: Tensor }).up) as oracle.Matrix[])[row]!;
            expectExact(exact(own), plainRun(period, 0.1, row)[t]!);
          }
        });
        expectExact(state.updates, [16 / period, 16 / period], 0);
        expectExact(updatedParameters(state), [(6 * 16) / period, (6 * 16) / period], 0);
        expect(updatedParametersPerToken([{ parameters: 6, period }])).toBe(6 / period);
      });
    },
  );

  it("NL Eq. 71: continuumUpdate has C terms; the C + 1 of the print would count the last token of a chunk twice", () => {
    scope(() => {
      let state = start();
      gradients.forEach((_, t) => {
        state = continuumUpdate(state, gradientAt(t), 1, rule(4)).state;
      });
      const [meant] = toNumbers((state.weights as { up: Tensor }).up) as oracle.Matrix[];
      const printed = [...gradients.keys()].reduce((theta, t) => {
        if (t === 0 || t % 4 !== 0) return theta;
        for (let i = t - 4; i <= t; i++) theta = oracle.addMatrix(theta, oracle.scaleMatrix(-0.1, gradients[i]![0]!));
        return theta;
      }, weights.up);
      expectExact(exact(meant!), plainRun(4, 0.1, 0).at(-1)!);
      expect(oracle.maxDifference(printed, meant!)).toBeGreaterThan(1e-2);
    });
  });

  it("NL Eq. 71: continuumUpdate sums tokens that arrive in pieces as those that arrive one by one", () => {
    scope(() => {
      let state = start();
      for (const from of [0, 3, 4, 6]) {
        const to = { 0: 3, 3: 4, 4: 6, 6: 8 }[from]!;
        const summed = gradients.slice(from, to).reduce((a, b) => a.map((m, row) => oracle.addMatrix(m, b[row]!)));
        state = continuumUpdate(state, { up: exact(summed) }, to - from, rule(4)).state;
      }
      expectExact((state.weights as { up: Tensor }).up, [plainRun(4, 0.1, 0)[7]!, plainRun(4, 0.1, 1)[7]!]);
    });
  });

  it("keeps weights bit-identical at step size 0, with every update made", () => {
    scope(() => {
      const before = start();
      let state = before;
      for (let t = 0; t < 8; t++) state = continuumUpdate(state, gradientAt(t), 1, rule(4, 0)).state;
      expect(toNumbers(state.weights)).toEqual(toNumbers(before.weights));
      expectExact(state.updates, [2, 2], 0);
    });
  });

  it.each(optimizerNames)(
    "may follow the error term of %s: a chunk is one step of it, on each sequence by itself",
    (name) => {
      scope(() => {
        const optimizer = optimizerNamed(name);
        const initial = { up: np.astype(exact(weights.up), "float32") };
        const summed = (row: number) =>
          np.astype(exact(oracle.addMatrix(gradients[0]![row]!, gradients[1]![row]!)), "float32");
        let state = startLevel(initial, 2, optimizer);
        for (const t of [0, 1]) {
          const gradient = { up: np.astype(exact(gradients[t]!), "float32") };
          state = continuumUpdate(state, gradient, 1, { period: 2, stepSize: 0.1, optimizer }).state;
        }
        for (const row of [0, 1]) {
          const [expected] = optimizer.update(initial, { up: summed(row) }, optimizer.init(initial), np.array(0.1));
          const own = (toNumbers((state.weights as { up: Tensor }).up) as oracle.Matrix[])[row]!;
          expect(oracle.maxDifference(own, toNumbers(expected.up) as oracle.Matrix)).toBeLessThan(2e-6);
        }
      });
    },
  );

  it("NL Eq. 73: startLevel gives every sequence the learned start, which has the gradients of all of them", () => {
    scope(() => {
      const factors = [random.normalMatrix(2, 3), random.normalMatrix(2, 3)];
      const gradient = grad((theta: { up: Tensor }) =>
        np.sum(np.multiply((startLevel(theta, 2, sgd()).weights as { up: Tensor }).up, exact(factors))),
      )({ up: exact(weights.up) });
      expectExact(gradient.up, oracle.addMatrix(factors[0]!, factors[1]!));
    });
  });
});

describe("a nested level", () => {
  const initial = { up: random.normalMatrix(2, 3) };
  const gradients = Array.from({ length: 8 }, () => random.normalMatrix(2, 3));

  it.each([0, 0.2])(
    "NL Eq. 72: nestedContinuumReset moves the start by the slow step size and the sum of a slow chunk, and resets to it (fast step size %d)",
    (fast) => {
      scope(() => {
        let state = startLevel({ up: exact(initial.up) }, 1, sgd(), { isNested: true });
        let [theta, begin] = [initial.up, initial.up];
        gradients.forEach((g, t) => {
          const { state: updated } = continuumUpdate(state, { up: exact([g]) }, 1, {
            period: 2,
            stepSize: fast,
            optimizer: sgd(),
          });
          state = nestedContinuumReset(updated, np.array([(t + 1) % 4 === 0]), 0.5);
          if ((t + 1) % 2 === 0)
            for (const i of [t - 1, t]) theta = oracle.addMatrix(theta, oracle.scaleMatrix(-fast, gradients[i]!));
          if ((t + 1) % 4 === 0) {
            for (const i of [t - 3, t - 2, t - 1, t])
              begin = oracle.addMatrix(begin, oracle.scaleMatrix(-0.5, gradients[i]!));
            theta = begin;
          }
          expectExact((state.weights as { up: Tensor }).up, [theta]);
          expectExact((state.start!.weights as { up: Tensor }).up, [begin]);
        });
      });
    },
  );
});

describe("a continuum memory", () => {
  const config = {
    dim: 4,
    hiddenDim: 6,
    periods: [8, 2, null, 4],
    stepSize: 0.1,
    form: "sequential",
    order: "fastFirst",
    optimizer: { name: "sgd" },
  } as const;

  it("orders its levels as it is told, whichever way they are written", () => {
    const periods = (order: "fastFirst" | "slowFirst") =>
      new ContinuumMemory({ ...config, order }).levels.map(({ period }) => period);
    expect(periods("fastFirst")).toEqual([2, 4, 8, Infinity]);
    expect(periods("slowFirst")).toEqual([Infinity, 8, 4, 2]);
  });

  it("refuses levels that cannot work, in a sentence", () => {
    const refused = (changes: object) => () => new ContinuumMemory({ ...config, ...changes });
    expect(refused({ periods: [] })).toThrow("there are no levels");
    expect(refused({ periods: [4, 6] })).toThrow("6 tokens is no multiple of the faster one of 4");
    expect(refused({ periods: [4, 8, 12], form: "nested" })).toThrow("12 tokens is no multiple of the faster one of 8");
    expect(refused({ stepSize: [1, 2] })).toThrow("2 step sizes for 4 periods");
    expect(refused({ stepSize: -1 })).toThrow("a step size is -1");
    expect(refused({ optimizer: { name: "sgd", momentum: 1 } })).toThrow(ConfigError);
  });
});
