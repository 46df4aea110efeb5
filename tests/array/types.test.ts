/** What the types forbid: the compiler checks the `@ts-expect-error` lines whenever the project is type-checked. */
import { expectTypeOf, it } from "vitest";
import { np, type Tensor, type TensorLike } from "../../src/array/index.ts";

it("a tensor has a shape and a type of element, but no way to free, share or change it", () => {
  expectTypeOf<keyof Tensor & string>().toEqualTypeOf<"shape" | "dtype" | "ndim" | "size">();
  const misuse = (x: Tensor) => {
    // @ts-expect-error: references are counted by the array room alone
    x.ref;
    // @ts-expect-error: memory is freed by `release` and `scope` alone
    x.dispose();
    // @ts-expect-error: operations are functions of `np`, which borrow
    x.add(1);
    // @ts-expect-error: shapes do not change
    x.shape = [2];
    // @ts-expect-error: an object that looks like a tensor is none
    x = { shape: [1], dtype: "float32", ndim: 1, size: 1 };
  };
  expectTypeOf(misuse).parameter(0).toEqualTypeOf<Tensor>();
});

it("operations take and give tensors, and numbers where they take tensors", () => {
  expectTypeOf(np.add).returns.toEqualTypeOf<Tensor>();
  expectTypeOf(np.add).parameter(0).toEqualTypeOf<TensorLike>();
  expectTypeOf(np.split).returns.toEqualTypeOf<Tensor[]>();
  // @ts-expect-error: text is no tensor
  const refused = () => np.add("1", 2);
  expectTypeOf(refused).returns.toEqualTypeOf<Tensor>();
});
