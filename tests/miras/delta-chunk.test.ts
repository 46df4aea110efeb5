/** Chunks that erase along the keys under which they write, against the general rule. */
import { expect, it } from "vitest";
import { np, type Tensor } from "../../src/array/index.ts";
import { deltaChunk, eraseChunk, eraseShares, matrixChunk, matrixDecay } from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import * as oracle from "../oracles/index.ts";
import { inFloat64, wide } from "./float64.ts";

const [length, dim] = [5, 3];
const random = oracle.randomSource(411);
const keys = Array.from({ length }, () => random.unitVector(dim));
const [writes, queries, start] = [length, length, dim].map((rows) => random.normalMatrix(rows, dim)) as [
  oracle.Matrix,
  oracle.Matrix,
  oracle.Matrix,
];
const [retain, eraseSize] = [random.uniformVector(length, 0.6, 1), random.uniformVector(length, 0.1, 0.9)];
const column = (u: oracle.Vector) => u.map((value) => [value]);

describeNative("a chunk that erases along its own keys", () => {
  it("is the chunk of the erase rule and the loop over tokens, before and after each token's step", async () => {
    const run = (w: Tensor, k: Tensor, v: Tensor, r: Tensor, alpha: Tensor, x: Tensor) => {
      const decay = matrixDecay({ rows: { logRetain: np.log(alpha) } });
      const chunk = deltaChunk(decay, eraseShares(decay, x), w, { keys: k, writes: v });
      const erasure = { probes: k, erase: k, eraseSize: x };
      const general = eraseChunk(decay, w, { ...erasure, keys: k, writes: v, queries: r });
      const open = matrixChunk(decay, w, { keys: k, writes: v }, erasure);
      return {
        delta: { after: chunk.afterTokens(r), before: chunk.beforeTokens(r), end: chunk.atEnd().matrix },
        general: { after: general.outputs, before: open.beforeTokens(r), end: general.weights },
      };
    };
    const args = [start, keys, writes, queries, column(retain), column(eraseSize)].map(wide);
    const found = (await inFloat64(run, ...(args as Parameters<typeof run>))) as unknown as Record<
      "delta" | "general",
      Record<"after" | "before" | "end", oracle.Matrix>
    >;
    let weights = start;
    const [before, after]: [oracle.Matrix, oracle.Matrix] = [[], []];
    keys.forEach((k, t) => {
      before.push(oracle.matVec(weights, queries[t]!));
      const change = oracle.subtract(writes[t]!, oracle.scale(eraseSize[t]!, oracle.matVec(weights, k)));
      weights = oracle.addMatrix(oracle.scaleMatrix(retain[t]!, weights), oracle.outer(change, k));
      after.push(oracle.matVec(weights, queries[t]!));
    });
    for (const form of [found.delta, found.general]) {
      expect(oracle.maxDifference(form.before, before)).toBeLessThan(1e-12);
      expect(oracle.maxDifference(form.after, after)).toBeLessThan(1e-12);
      expect(oracle.maxDifference(form.end, weights)).toBeLessThan(1e-12);
    }
  });
});
