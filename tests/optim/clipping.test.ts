import { describe, expect, it } from "vitest";
import { jit, leaves, liveTensors, readSync, release, scope, tensor } from "../../src/array/index.ts";
import { clipByGlobalNorm, globalNorm } from "../../src/optim/index.ts";
import { randomSource } from "../oracles/random.ts";
import { clipGlobalNorm } from "../oracles/training.ts";

const random = randomSource(5);
const parts = [
  { values: [...Float32Array.from(random.normalVector(15))], shape: [3, 5] },
  { values: [...Float32Array.from(random.normalVector(7))], shape: [7] },
  { values: [...Float32Array.from(random.normalVector(1))], shape: [] },
];
const flat = parts.flatMap(({ values }) => values);
const gradients = () => parts.map(({ values, shape }) => tensor(values, shape));

describe("clipByGlobalNorm", () => {
  // A sum of 23 squares, a root, a quotient and a product: at most some 1e-6 relative in float32.
  it.each([0.01, 1, 3])(
    "scales the whole tree to norm %f as the oracle does, and returns the norm before",
    (maxNorm) => {
      const expected = clipGlobalNorm(flat, maxNorm);
      for (const clip of [
        clipByGlobalNorm,
        jit((tree: ReturnType<typeof gradients>) => clipByGlobalNorm(tree, maxNorm)),
      ]) {
        scope(() => {
          const [clipped, norm] = clip(gradients(), maxNorm);
          const numbers = leaves(clipped).flatMap((leaf) => [...readSync(leaf)]);
          numbers.forEach((value, i) => {
            expect(Math.abs(value - expected.gradient[i]!)).toBeLessThan(1e-6 * Math.abs(expected.gradient[i]!));
          });
          expect(Math.abs(readSync(norm)[0]! - expected.norm)).toBeLessThan(1e-6 * expected.norm);
        });
      }
    },
  );

  it("changes no bit where the norm is small enough", () => {
    scope(() => {
      const [clipped] = clipByGlobalNorm(gradients(), 100);
      expect(leaves(clipped).flatMap((leaf) => [...readSync(leaf)])).toEqual(flat);
    });
  });

  it("leaves zero gradients zero", () => {
    scope(() => {
      const [clipped, norm] = clipByGlobalNorm([tensor([0, 0])], 1);
      expect([...readSync(clipped[0]!), ...readSync(norm)]).toEqual([0, 0, 0]);
    });
  });

  it("shows a gradient that is not finite in the norm", () => {
    scope(() => {
      const [, norm] = clipByGlobalNorm([tensor([1, Number.NaN])], 1);
      expect(readSync(norm)[0]).toBeNaN();
    });
  });

  it("leaves nothing alive but what it returns", () => {
    const tree = gradients();
    const alive = liveTensors();
    release(clipByGlobalNorm(tree, 1));
    expect(liveTensors()).toBe(alive);
  });
});

describe("globalNorm", () => {
  it("keeps its digits over a million numbers", () => {
    const size = 1024;
    const values = Float32Array.from({ length: size * size }, () => random.normal());
    const expected = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    const norm = scope(() => readSync(jit(globalNorm)(tensor(values, [size, size])))[0]!);
    // Rows of 1,024, then 1,024 rows: 6e-6 at worst; one sum of a million was seen to be wrong by 2e-4.
    expect(Math.abs(norm - expected) / expected).toBeLessThan(6e-6);
  });
});
