import { describe, expect, it } from "vitest";
import {
  detached,
  jit,
  liveTensors,
  np,
  read,
  readSync,
  release,
  retain,
  scope,
  slice,
  type Tensor,
  tensor,
} from "../../src/array/index.ts";
import { UseAfterFreeError } from "../../src/utils/index.ts";

/** The numbers of live tensors that a function adds. */
function added(f: () => void): number {
  const before = liveTensors();
  f();
  return liveTensors() - before;
}

describe("scope", () => {
  it("frees everything but what it returns, which then belongs to the caller", () => {
    let kept: { sum: Tensor; rows: readonly Tensor[] } | undefined;
    const alive = added(() => {
      kept = scope(() => {
        const x = tensor([1, 2, 3, 4], [2, 2]);
        return { sum: np.sum(np.square(x)), rows: [slice(x, 0), slice(x, 1)] };
      });
    });
    expect(alive).toBe(3);
    expect([...readSync(kept!.sum), ...readSync(kept!.rows[1]!)]).toEqual([30, 3, 4]);
    expect(added(() => release(kept))).toBe(-3);
  });

  it("hands what an inner scope returns to the outer one", () => {
    const alive = added(() => {
      const total = scope(() => {
        const inner = scope(() => np.add(tensor([1]), np.multiply(tensor([2]), 3)));
        return readSync(np.add(inner, inner))[0];
      });
      expect(total).toBe(14);
    });
    expect(alive).toBe(0);
  });

  it("gives a tensor returned twice two owners", () => {
    const [first, second] = scope(() => {
      const x = np.add(tensor([1, 2]), 1);
      return [x, x] as const;
    });
    release(first);
    expect([...readSync(second)]).toEqual([2, 3]);
    expect(added(() => release(second))).toBe(-1);
    expect(() => release(second)).toThrow(UseAfterFreeError);
  });

  it("gives a tensor from outside that it returns a second owner", () => {
    const mine = tensor([5]);
    const returned = scope(() => mine);
    release(mine);
    expect(readSync(returned)[0]).toBe(5);
    release(returned);
  });

  it("frees everything when the function throws, and lets the error through", () => {
    const alive = added(() => {
      expect(() =>
        scope(() => {
          scope(() => np.square(tensor([1, 2])));
          throw new Error("something else");
        }),
      ).toThrow("something else");
    });
    expect(alive).toBe(0);
  });

  it("frees everything when an operation refuses its arguments", () => {
    const alive = added(() => {
      expect(() => scope(() => np.add(tensor([1, 2]), np.square(tensor([1, 2, 3]))))).toThrow("2 vs 3");
    });
    expect(alive).toBe(0);
  });

  it("passes on values that are no tensors", () => {
    expect(scope(() => ({ loss: 1, name: "x", nothing: undefined }))).toEqual({
      loss: 1,
      name: "x",
      nothing: undefined,
    });
  });

  it("refuses an asynchronous function, whose arrays it would free too early", () => {
    expect(() => scope(async () => tensor([1]))).toThrow(UseAfterFreeError);
    expect(() => scope(async () => 1)).toThrow("asynchronous");
  });
});

describe("use after free", () => {
  const freed = () => {
    const x = tensor([1, 2]);
    release(x);
    return x;
  };

  it("throws for operations, indexing, reading and compiled functions, and says what to do", async () => {
    const double = jit((x: Tensor) => np.add(x, x));
    expect(() => np.add(freed(), 1)).toThrow(UseAfterFreeError);
    expect(() => slice(freed(), 0)).toThrow(UseAfterFreeError);
    expect(() => readSync(freed())).toThrow(UseAfterFreeError);
    await expect(read(freed())).rejects.toThrow(UseAfterFreeError);
    expect(() => double(freed())).toThrow(UseAfterFreeError);
    expect(() => retain(freed())).toThrow(UseAfterFreeError);
    expect(() => np.add(freed(), 1)).toThrow("a tensor of shape [2] and type float32 was used after it had been freed");
  });

  it("throws for a tensor that escaped from its scope without being returned", () => {
    let escaped: Tensor | undefined;
    scope(() => {
      escaped = np.add(tensor([1]), 1);
    });
    expect(() => np.add(escaped!, 1)).toThrow(UseAfterFreeError);
  });

  it("leaves the other arguments as they were", () => {
    const good = tensor([1, 2]);
    expect(() => np.add(good, freed())).toThrow(UseAfterFreeError);
    release(good);
    expect(() => readSync(good)).toThrow(UseAfterFreeError);
  });
});

describe("release", () => {
  it("refuses a tensor that has been released before, and frees it only once", () => {
    const x = tensor([1]);
    release(x);
    expect(added(() => expect(() => release(x)).toThrow("it has been released before"))).toBe(0);
  });

  it("refuses a tensor that belongs to a scope", () => {
    const alive = added(() => {
      scope(() => {
        const x = np.add(tensor([1]), 1);
        expect(() => release(x)).toThrow("it belongs to a scope, which frees it");
        expect(readSync(x)[0]).toBe(2);
      });
    });
    expect(alive).toBe(0);
  });

  it("refuses the argument of a traced function, which belongs to the caller of the program", () => {
    const f = jit((x: Tensor) => {
      release(x);
      return np.add(x, 1);
    });
    const x = tensor([1]);
    expect(() => f(x)).toThrow(UseAfterFreeError);
    expect(readSync(x)[0]).toBe(1);
    release(x);
  });

  it("takes trees and several arguments, and ignores what is no tensor", () => {
    expect(added(() => release({ a: tensor([1]), b: [tensor([2])] }, tensor([3]), 4, undefined))).toBe(0);
  });
});

describe("detached", () => {
  it("takes arrays out of the scope around it", () => {
    let kept: Tensor | undefined;
    scope(() => {
      kept = detached(() => np.add(tensor([1]), 1));
    });
    expect(readSync(kept!)[0]).toBe(2);
    release(kept);
  });

  it("returns to the scope around it also when the function throws", () => {
    const alive = added(() => {
      scope(() => {
        expect(() =>
          detached(() => {
            throw new Error("x");
          }),
        ).toThrow("x");
        np.add(tensor([1]), 1);
      });
    });
    expect(alive).toBe(0);
  });
});

describe("retain", () => {
  it("gives a tree a second owner, each releasing its own", () => {
    const state = { weights: tensor([1]), momentum: [tensor([2])] };
    const copy = retain(state);
    release(state);
    expect([readSync(copy.weights)[0], readSync(copy.momentum[0]!)[0]]).toEqual([1, 2]);
    expect(added(() => release(copy))).toBe(-2);
    expect(() => readSync(state.weights)).toThrow(UseAfterFreeError);
  });

  it("keeps a tensor of a scope beyond its end", () => {
    let kept: Tensor | undefined;
    scope(() => {
      kept = retain(np.add(tensor([1]), 1));
    });
    expect(readSync(kept!)[0]).toBe(2);
    release(kept);
  });
});
