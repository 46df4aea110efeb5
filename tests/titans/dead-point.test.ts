/** A deep memory that has been cleared: it cannot be written again by the paper's rule, and can if forgetting leads back to where it started. */
import { describe, expect, it } from "vitest";
import { jit, key, leaves, np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import {
  NeuralMemory,
  type NeuralMemoryConfig,
  type NeuralMemoryParams,
  type NeuralMemoryState,
} from "../../src/titans/index.ts";
import * as oracle from "../oracles/index.ts";

const dim = 8;

/** Steps as large and momentum as long as the guard allows, so that four layers learn within a thousand tokens. */
const gateBiases = { forget: -7, momentum: 2, stepSize: 2 };

/** Reads four tokens over and over, 20 at a time, while forgetting everything and then almost nothing; losses are relative to those of M_0. */
function history(config: Partial<NeuralMemoryConfig>, clearing = 50) {
  const layer = new NeuralMemory({ dim, heads: 2, headDim: 4, depth: 4, chunkSize: 10, gateBiases, ...config });
  return scope(() => {
    const params = layer.init(key(11));
    const forgetting = (bias: number): NeuralMemoryParams => {
      const { weight } = params.gates.forget;
      return { ...params, gates: { ...params.gates, forget: { weight, bias: np.full([2], bias) } } };
    };
    const run = jit((p: NeuralMemoryParams, state: NeuralMemoryState, x: Tensor) => {
      const [, next, { surprises, lossBefore, lossAtInitial, memoryNorm }] = layer.diagnose(p, state, x);
      const ratio = np.divide(np.mean(lossBefore), np.mean(lossAtInitial));
      return { next, seen: np.stack([np.max(surprises), ratio, np.max(memoryNorm)]) };
    });
    const four = oracle.randomSource(12).normalVector(4 * dim);
    const x = tensor([...four, ...four, ...four, ...four, ...four], [1, 20, dim]);
    let state = layer.initialState(params, 1);
    const read = (p: NeuralMemoryParams, tokens: number) => {
      const seen: { surprise: number; loss: number; norm: number }[] = [];
      for (let done = 0; done < tokens; done += 20) {
        const result = run(p, state, x);
        state = result.next;
        const [surprise, loss, norm] = readSync(result.seen) as unknown as [number, number, number];
        expect([surprise, loss, norm].every(Number.isFinite)).toBe(true);
        for (const leaf of leaves(state)) expect([...readSync(leaf)].every(Number.isFinite)).toBe(true);
        seen.push({ surprise, loss, norm });
      }
      return seen;
    };
    const cleared = read(forgetting(clearing), 100);
    const after = read(forgetting(gateBiases.forget), 1000);
    return { cleared, after };
  });
}

describe("a memory of four layers after 100 tokens of saturated forgetting", () => {
  it("is dead by the literal rule: finite, without surprise, never written again", () => {
    const { cleared, after } = history({});
    expect(cleared.at(-1)!.norm).toBeLessThan(1e-3);
    expect(Math.max(...after.map(({ surprise }) => surprise))).toBeLessThan(1e-6);
    expect(after.at(-1)!.norm).toBeLessThan(1e-3);
  });

  it("writes again where forgetting leads towards the initial weights: its loss falls below that of a memory never written", () => {
    const { cleared, after } = history({ forgetTowards: "initial" });
    expect(cleared.at(-1)!.norm).toBeGreaterThan(1);
    expect(after[0]!.loss).toBeGreaterThan(0.99);
    expect(after.at(-1)!.loss).toBeLessThan(0.85);
    // As well as one that was never cleared.
    const never = history({ forgetTowards: "initial" }, gateBiases.forget).after;
    expect(after.at(-1)!.loss / never.at(-1)!.loss).toBeCloseTo(1, 1);
  });
});
