import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mutate } from "../../scripts/mutation-plugin.mjs";
import { np, read, type Tensor, tensor } from "../../src/array/index.ts";
import { perturb, perturbMethods } from "../setup/perturb.ts";
import { fixture, root, runNode } from "./fixture.ts";

const rules = `
/** A table made before the functions it holds are declared. */
export const table = { double };

/**
 * Doubles.
 * @see Titans (arXiv:2501.00663) Eq. 3
 */
export function double(x: number): number;
export function double(x: string): string;
export function double<T extends number | string>(x: T): unknown {
  return typeof x === "number" ? 2 * x : x + x;
}

/**
 * Halves.
 * @see Titans (arXiv:2501.00663) Eq. 4
 */
export async function half(x: number): Promise<{ value: number }> {
  return { value: x / 2 };
}

/**
 * Keeps a sum.
 * @see Titans (arXiv:2501.00663) Eq. 5
 */
export class Sum {
  #total = 0;
  add(x: number): number {
    this.#total += x;
    return this.#total;
  }
}

/**
 * Triples.
 * @see Titans (arXiv:2501.00663) Eq. 6
 */
export function triple(x: number): number {
  return 3 * x;
}

/**
 * Has no test.
 * @see Titans (arXiv:2501.00663) Eq. 7
 */
export function lonely(): void {}
`;

const tests = `
import { expect, test } from "vitest";
import { half, Sum, table, triple } from "../src/rules.ts";
test("Titans Eq. 3: double through the table", () => expect(table.double(1)).toBe(2));
test("Titans Eq. 4: half", async () => expect(await half(1)).toEqual({ value: 0.5 }));
test("Titans Eq. 5: Sum", () => expect(new Sum().add(1)).toBe(1));
test("Titans Eq. 6: triple asserts nothing", () => { triple(1); });
test("another test of triple, without a tag", () => expect(triple(1)).toBe(3));
`;

const files = {
  "src/rules.ts": rules,
  "tests/rules.test.ts": tests,
  "vitest.config.mjs": `import { mutation } from ${JSON.stringify(join(root, "scripts/mutation-plugin.mjs"))};
    export default { plugins: process.env.MUTATE ? [mutation(process.env.MUTATE)] : [] };`,
};

test("mutate.mjs reports which wrong functions no tagged test notices", () => {
  const { code, stdout } = runNode(fixture(files), [join(root, "scripts/mutate.mjs")]);
  expect(stdout.trim().split("\n")).toEqual([
    "killed    double  1 of 1 tests failed  (src/rules.ts)",
    "killed    half    1 of 1 tests failed  (src/rules.ts)",
    "killed    Sum     1 of 1 tests failed  (src/rules.ts)",
    "SURVIVED  triple  1 tests passed  (src/rules.ts)",
    "SURVIVED  lonely  no tests  (src/rules.ts)",
    "",
    "3 killed, 2 survived",
  ]);
  expect(code).toBe(1);
});

test("mutate.mjs --only runs one function, and refuses one that implements nothing", () => {
  const folder = fixture(files);
  const script = join(root, "scripts/mutate.mjs");
  const { code, stdout } = runNode(folder, [script, "--only", "half"]);
  expect(stdout).toContain("1 killed, 0 survived");
  expect(code).toBe(0);
  expect(runNode(folder, [script, "--only", "nothing"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'no symbol "nothing" implements an equation\n',
  });
});

test("mutate refuses a symbol that the module does not export", () => {
  expect(() => mutate("function hidden() {}", "hidden")).toThrow('no exported function or class "hidden"');
});

describe("perturb", () => {
  test("makes numbers, booleans, lists, objects, promises and functions wrong", async () => {
    expect(perturb({ a: [1, -1], b: true, c: "text", d: undefined, e: 2n })).toEqual({
      a: [1.1 + 0.05, -1.1 + 0.05],
      b: false,
      c: "text",
      d: undefined,
      e: 3n,
    });
    expect(perturb(new Float32Array([0]))).toEqual(new Float32Array([0.05]));
    expect(await perturb(Promise.resolve(0))).toBe(0.05);
    expect((perturb((x: number) => x) as (x: number) => number)(0)).toBe(0.05);
  });

  test("makes tensors wrong, whatever their type", async () => {
    const wrong = (x: Tensor) => read(perturb(x) as Tensor);
    expect(await wrong(tensor([0, 1]))).toEqual(Float32Array.of(0.05, 1.1 + 0.05));
    expect(await wrong(tensor(Int32Array.of(-1, 5)))).toEqual(Int32Array.of(0, 6));
    expect(await wrong(np.greater(tensor([1, 3]), 2))).toEqual(Int32Array.of(1, 0));
  });

  test("makes methods and accessors of a class wrong, in place", () => {
    class Counter {
      #n = 1;
      static start(): number {
        return 0;
      }
      get count(): number {
        return this.#n;
      }
      twice(): number {
        return 2 * this.#n;
      }
    }
    perturbMethods(Counter);
    expect([Counter.start(), new Counter().count, new Counter().twice()]).toEqual([0.05, 1.1 + 0.05, 2.2 + 0.05]);
  });
});
