import { describe, expect, it } from "vitest";
import {
  grad,
  jit,
  jvp,
  lax,
  liveTensors,
  np,
  readSync,
  release,
  scope,
  shapesOf,
  slice,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
  vmap,
} from "../../src/array/index.ts";

/** Sum of cubes: gradient 3 x^2, Hessian diagonal 6 x. */
const cubes = (x: Tensor) => np.sum(np.multiply(np.square(x), x));

/** What a computation gives in numbers; it must leave no tensor alive. */
function numbers(f: () => Tensor): number[] {
  const before = liveTensors();
  const result = scope(() => [...readSync(f())]);
  expect(liveTensors()).toBe(before);
  return result;
}

describe("transforms alone and nested", () => {
  const x = () => tensor([1, 2, 3, 4], [2, 2]);
  const cases: [name: string, f: () => Tensor, expected: number[]][] = [
    ["grad", () => grad(cubes)(x()), [3, 12, 27, 48]],
    ["jit", () => jit(cubes)(x()), [100]],
    ["vmap", () => vmap(cubes)(x()), [9, 91]],
    ["jit(grad)", () => jit(grad(cubes))(x()), [3, 12, 27, 48]],
    ["vmap(grad)", () => vmap(grad(cubes))(x()), [3, 12, 27, 48]],
    ["jit(vmap(grad))", () => jit(vmap(grad(cubes)))(x()), [3, 12, 27, 48]],
    ["jit(vmap(grad(jit)))", () => jit(vmap(grad(jit(cubes))))(x()), [3, 12, 27, 48]],
    ["grad of a function with grad inside", () => grad((y: Tensor) => np.sum(grad(cubes)(y)))(x()), [6, 12, 18, 24]],
    ["jit(vmap(grad of grad))", () => jit(vmap(grad((y: Tensor) => np.sum(grad(cubes)(y)))))(x()), [6, 12, 18, 24]],
    ["valueAndGrad", () => np.add(...valueAndGrad(cubes)(x())), [103, 112, 127, 148]],
    ["jvp", () => jvp(cubes, [x()], [np.ones([2, 2])])[1], [90]],
    [
      "vmap over one argument",
      () => vmap((a: Tensor, b: Tensor) => np.dot(a, b), [0, null])(x(), tensor([1, 10])),
      [21, 43],
    ],
    ["stopGradient", () => grad((y: Tensor) => np.sum(np.multiply(y, lax.stopGradient(y))))(x()), [1, 2, 3, 4]],
  ];

  it.each(cases)("%s", (_, f, expected) => {
    expect(numbers(f)).toEqual(expected);
  });

  it("keep the structure of trees", () => {
    scope(() => {
      const loss = (p: { w: Tensor; b: readonly Tensor[] }, input: Tensor) =>
        np.sum(np.square(np.add(np.multiply(p.w, input), p.b[0]!)));
      const params = { w: tensor([2]), b: [tensor([1])] };
      const [value, gradient] = jit(valueAndGrad(loss))(params, tensor([3]));
      expect(readSync(value)[0]).toBe(49);
      expect([readSync(gradient.w)[0], readSync(gradient.b[0]!)[0]]).toEqual([42, 14]);
    });
  });

  it("differentiate matrix products whose operands have different ranks", () => {
    const w = np.reshape(np.arange(60), [2, 5, 3, 2]);
    const loss = (a: Tensor, b: Tensor) => np.sum(np.multiply(np.matmul(a, b), w));
    const gradients = scope(() => {
      const a = np.astype(np.reshape(np.arange(12), [3, 4]), "float32");
      const b = np.astype(np.reshape(np.arange(40), [5, 4, 2]), "float32");
      const spread = (x: Tensor, shape: number[]) => np.broadcastTo(x, shape);
      const full = (p: Tensor, q: Tensor) => loss(spread(p, [2, 5, 3, 4]), spread(q, [2, 5, 4, 2]));
      const shared = (p: Tensor, q: Tensor) => loss(spread(p, [2, 1, 3, 4]), q);
      return [full, shared].map((f) => [...readSync(grad(f)(a, b)), ...readSync(grad((q: Tensor) => f(a, q))(b))]);
    });
    expect(gradients[1]).toEqual(gradients[0]);
    release(w);
  });

  it("a compiled function is traced once a set of shapes", () => {
    let traces = 0;
    const f = jit((x: Tensor) => {
      traces++;
      return np.multiply(x, 2);
    });
    scope(() => {
      for (const shape of [[2], [2], [1, 2], [2]]) f(np.ones(shape));
    });
    expect(traces).toBe(2);
  });

  it("a compiled function gives an output that is returned twice, or is an argument, an owner each", () => {
    const f = jit((x: Tensor) => {
      const y = np.add(x, 1);
      return [y, y, x] as const;
    });
    const before = liveTensors();
    const x = tensor([1]);
    const [first, second, same] = f(x);
    release(first, x);
    expect([readSync(second)[0], readSync(same)[0]]).toEqual([2, 1]);
    release(second, same);
    expect(liveTensors()).toBe(before);
  });

  it.each([
    ["jit", jit],
    ["grad", grad],
    ["vmap", vmap],
    ["valueAndGrad", valueAndGrad],
  ] as const)("%s of a function that throws frees what was made and lets the error through", (_, transform) => {
    const before = liveTensors();
    const broken = (transform as typeof jit)((x: Tensor): Tensor => {
      np.square(x);
      throw new Error("broken");
    });
    expect(() => scope(() => broken(tensor([1, 2])))).toThrow("broken");
    expect(liveTensors()).toBe(before);
    expect(numbers(() => jit(cubes)(tensor([1, 2])))).toEqual([9]); // and the next trace is not disturbed
  });
});

describe("vjp", () => {
  it("hands each cotangent to its own result, also beside results that do not depend on the primals", () => {
    const before = liveTensors();
    scope(() => {
      const f = (x: Tensor) => ({
        constant: np.ones([3]),
        cubes: np.multiply(x, np.square(x)),
        stopped: lax.stopGradient(x),
        twice: np.multiply(x, 2),
      });
      const cotangent = {
        constant: tensor([7, 7, 7]),
        cubes: tensor([1, 0]),
        stopped: tensor([9, 9]),
        twice: tensor([0, 1]),
      };
      for (const run of [(g: (x: Tensor) => Tensor) => g, jit] as const) {
        const gradient = run((x: Tensor) => vjp(f, [x], (_, pullback) => pullback(cotangent)[0]));
        expect([...readSync(gradient(tensor([2, 5])))]).toEqual([12, 2]);
      }
    });
    expect(liveTensors()).toBe(before);
  });

  it("pulls back results of which one is computed from another", () => {
    scope(() => {
      const f = (x: Tensor) => {
        const square = np.square(x);
        return [np.sum(np.multiply(square, x)), square, np.exp(np.multiply(square, 0))] as const;
      };
      const pulled = (x: Tensor) =>
        vjp(f, [x], (_, pullback) => pullback([tensor([2], []), tensor([1, 0]), tensor([1, 1])])[0]);
      for (const gradient of [pulled, jit(pulled)]) {
        // 2 times 3 x^2, and 2 x of the first.
        expect([...readSync(gradient(tensor([2, 5])))]).toEqual([28, 150]);
      }
    });
  });

  it("gives the value, and pulls back as many cotangents as it is asked to", () => {
    const before = liveTensors();
    const f = (x: Tensor, y: Tensor) => np.multiply(np.square(x), y);
    const result = scope(() =>
      vjp(f, [tensor([1, 2]), tensor([3, 5])], (value, pullback) => {
        const [dx, dy] = pullback(tensor([1, 1]));
        const [tenfold] = pullback(tensor([10, 10]));
        return [value, dx, dy, tenfold].map((t) => [...readSync(t)]);
      }),
    );
    expect(result).toEqual([
      [3, 20],
      [6, 20],
      [1, 4],
      [60, 200],
    ]);
    expect(liveTensors()).toBe(before);
  });

  it("differentiates a function whose results are computed from one another (the library refused: invalid atom type)", () => {
    const f = (x: Tensor) => {
      const square = np.square(x);
      return [square, np.multiply(square, x), np.multiply(square, 2)];
    };
    const pulled = () =>
      vjp(f, [tensor([2, 3])], (values, pullback) => pullback(values.map((value) => np.onesLike(value)))[0]);
    // 2 x + 3 x^2 + 4 x
    expect(numbers(pulled)).toEqual([24, 45]);
    expect(numbers(() => jit(pulled)())).toEqual([24, 45]);
  });

  it("gives each result its own cotangent, also beside results that do not depend on the arguments (they got their neighbours')", () => {
    const f = (x: Tensor) => ({
      after: np.multiply(x, 10),
      before: np.zeros([2]),
      cut: lax.stopGradient(np.square(x)),
      last: np.square(x),
    });
    const pulled = () =>
      vjp(f, [tensor([2, 3])], (value, pullback) => {
        expect([...readSync(value.before)]).toEqual([0, 0]);
        const [after, before, cut, last] = [
          [1, 2],
          [100, 100],
          [1000, 1000],
          [3, 4],
        ].map((ct) => tensor(ct)) as [Tensor, Tensor, Tensor, Tensor];
        return pullback({ after, before, cut, last })[0];
      });
    // 10 ct + 2 x ct
    expect(numbers(pulled)).toEqual([22, 44]);
    const compiled = jit((x: Tensor) =>
      vjp(f, [x], (value, pullback) => pullback({ ...value, after: np.onesLike(x), last: np.onesLike(x) })[0]),
    );
    expect(numbers(() => compiled(tensor([2, 3])))).toEqual([14, 16]);
  });

  it("lets what the callback returns outlive the linearisation", () => {
    const gradient = scope(() => vjp(cubes, [tensor([1, 2])], (_, pullback) => pullback(tensor([1], []))[0]));
    expect([...readSync(gradient)]).toEqual([3, 12]);
    release(gradient);
  });

  it("works inside a compiled function", () => {
    const gradient = jit((x: Tensor) => vjp(cubes, [x], (value, pullback) => pullback(np.onesLike(value))[0]));
    expect(numbers(() => gradient(tensor([1, 2])))).toEqual([3, 12]);
  });

  it("refuses to pull back after the callback has returned: the linearisation is freed", () => {
    scope(() => {
      let escaped: ((cotangent: Tensor) => readonly [Tensor]) | undefined;
      vjp(
        (x: Tensor) => np.multiply(np.square(x), x),
        [tensor([1, 2])],
        (_, pullback) => {
          escaped = pullback;
        },
      );
      expect(() => readSync(escaped!(tensor([1, 1]))[0])).toThrow();
    });
  });

  it("frees everything when the callback throws", () => {
    const before = liveTensors();
    expect(() =>
      scope(() =>
        vjp(cubes, [tensor([1])], () => {
          throw new Error("callback");
        }),
      ),
    ).toThrow("callback");
    expect(liveTensors()).toBe(before);
  });
});

describe("slice", () => {
  const x = () => np.reshape(np.arange(24), [2, 3, 4]);
  const cases: [name: string, f: () => Tensor, shape: number[], expected: number[]][] = [
    ["an index", () => slice(x(), 1, 2), [4], [20, 21, 22, 23]],
    ["an index from the end", () => slice(x(), -1, -1, -1), [], [23]],
    ["a range", () => slice(x(), 0, [1, 3], [0, 2]), [2, 2], [4, 5, 8, 9]],
    ["from", () => slice(x(), 0, [2]), [1, 4], [8, 9, 10, 11]],
    ["all", () => slice(x(), [], 0, 0), [2], [0, 12]],
    ["a new axis", () => slice(x(), 0, 0, null, [0, 2]), [1, 2], [0, 1]],
    ["positions", () => slice(x(), 0, tensor(Int32Array.of(2, 0)), 1), [2], [9, 1]],
  ];
  it.each(cases)("%s", (_, f, shape, expected) => {
    scope(() => expect(f().shape).toEqual(shape));
    expect(numbers(f)).toEqual(expected);
  });
});

describe("shapesOf", () => {
  it("gives the shapes by path of what a function would make, and makes nothing", () => {
    const x = tensor([1, 2, 3, 4], [2, 2]);
    const before = liveTensors();
    const shapes = shapesOf(() => ({ product: np.matmul(x, np.ones([2, 5])), list: [np.zeros([]), np.arange(3)] }));
    expect([...shapes]).toEqual([
      ["list.0", { shape: [], dtype: "float32" }],
      ["list.1", { shape: [3], dtype: "int32" }],
      ["product", { shape: [2, 5], dtype: "float32" }],
    ]);
    expect(liveTensors()).toBe(before);
    release(x);
    expect(() => readSync(x)).toThrow();
  });
});
