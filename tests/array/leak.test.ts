/** Long loops must not grow, neither in tensors nor in the memory behind them; the memory is watched from before the library is loaded. */
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/array/index.ts";

const memories: WebAssembly.Memory[] = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(this);
  }
};
const { grad, jit, liveTensors, nn, np, readSync, release, scope, startEngine, tensor, valueAndGrad } = await import(
  "../../src/array/index.ts"
);

function bytes(): number {
  return memories.reduce((total, memory) => total + memory.buffer.byteLength, 0);
}

interface Growth {
  readonly tensors: number;
  readonly bytes: number;
}

/** What a loop adds after its first rounds, in which programs are compiled and memory is first taken. */
async function growth(rounds: number, round: (i: number) => unknown): Promise<Growth> {
  for (let i = 0; i < 5; i++) await round(i);
  const before = { tensors: liveTensors(), bytes: bytes() };
  for (let i = 0; i < rounds; i++) await round(i);
  return { tensors: liveTensors() - before.tensors, bytes: bytes() - before.bytes };
}

const none: Growth = { tensors: 0, bytes: 0 };

/** An array larger than a WebAssembly page (64 KiB), so that a single lost one is seen. */
const large = () => np.add(tensor(new Float32Array(150 * 150), [150, 150]), 1);

describe("memory", () => {
  it("is seen by this test", () => {
    const before = bytes();
    const x = large();
    readSync(x);
    expect(bytes()).toBeGreaterThan(before);
    release(x);
  });

  it("does not grow over 10,000 compiled training steps", async () => {
    type Params = { readonly weights: readonly Tensor[]; readonly bias: Tensor };
    const loss = (p: Params, x: Tensor) => {
      const hidden = nn.silu(np.matmul(x, p.weights[0]!));
      return np.mean(np.square(np.subtract(np.add(np.matmul(hidden, p.weights[1]!), p.bias), x)));
    };
    const step = jit((p: Params, x: Tensor) => {
      const [value, gradient] = valueAndGrad(loss)(p, x);
      const descend = (q: Tensor, g: Tensor) => np.subtract(q, np.multiply(g, 0.1));
      const weights = p.weights.map((w, i) => descend(w, gradient.weights[i]!));
      return [value, { weights, bias: descend(p.bias, gradient.bias) }] as const;
    });
    const filled = (shape: number[], value: number) => tensor(Array(shape[0]! * (shape[1] ?? 1)).fill(value), shape);
    let params: Params = { weights: [filled([3, 5], 0.1), filled([5, 3], 0.2)], bias: filled([3], 0) };
    const x = filled([4, 3], 1);
    let last = Number.POSITIVE_INFINITY;
    const grown = await growth(10_000, () => {
      const [value, next] = step(params, x);
      last = readSync(value)[0]!;
      release(params, value);
      params = next;
    });
    expect(grown).toEqual(none);
    expect(last).toBeLessThan(1e-6); // it did train
    release(params, x);
  });

  it("does not grow over programs of an engine whose results nobody reads", async () => {
    const engine = await startEngine();
    const advance = engine.compile("advance", (w: Tensor, x: Tensor) => np.add(np.multiply(np.matmul(x, w), 0.5), x));
    let w = large();
    const x = large();
    expect(
      await growth(100, async () => {
        const next = await advance(w, x);
        release(w);
        w = next;
      }),
    ).toEqual(none);
    release(w, x);
  });

  it("does not grow over eager scopes and their derivatives", async () => {
    const x = large();
    const energy = (y: Tensor) => np.sum(np.square(np.add(y, 1)));
    expect(await growth(50, () => scope(() => readSync(grad(energy)(np.multiply(x, 2)))))).toEqual(none);
    const unread = () => {
      np.square(x);
    };
    expect(await growth(50, () => scope(unread))).toEqual(none);
    release(x);
  });

  it("does not grow over functions that only look at an array: regression, each look lost a reference", async () => {
    const looks: ((x: Tensor) => unknown)[] = [
      (x) => np.shape(x),
      (x) => np.ndim(x),
      (x) => np.size(x),
      (x) => np.isscalar(x),
      (x) => np.resultType(x),
      (x) => np.matmul(x, np.ones([2, 150, 1])),
    ];
    for (const look of looks) {
      const round = () => {
        look(large());
      };
      expect(await growth(20, () => scope(round))).toEqual(none);
    }
  });

  it("does not grow when operations refuse their shapes: regression, each refusal lost the arrays it was lent", async () => {
    const refused = () => scope(() => np.add(large(), np.ones([3, 5])));
    expect(await growth(50, () => expect(refused).toThrow("150,150 vs 3,5"))).toEqual(none);
    const refusedInside = () => scope(() => jit((x: Tensor) => np.add(x, np.ones([3, 5])))(large()));
    expect(await growth(50, () => expect(refusedInside).toThrow("150,150 vs 3,5"))).toEqual(none);
  });

  it("does not grow when functions throw", async () => {
    const thrown = () =>
      scope(() => {
        readSync(np.square(large()));
        throw new Error("user");
      });
    expect(await growth(50, () => expect(thrown).toThrow("user"))).toEqual(none);
  });
});
