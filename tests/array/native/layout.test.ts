/** Stored orders: what has to be moved is moved the fast way. */
import { expect, test } from "vitest";
import { grad, np, type Tensor, type Tree } from "../../../src/array/index.ts";
import { standIns } from "../../../src/array/native/arguments.ts";
import { emit } from "../../../src/array/native/emitter.ts";
import { lower } from "../../../src/array/native/lower.ts";
import { isQuickMove } from "../../../src/array/native/storage.ts";
import { trace } from "../../../src/array/native/traced-program.ts";
import { randomTensor } from "./support.ts";

/** The permutations of all transpositions in a program's ONNX graph. */
function permutations(f: (...args: never[]) => Tree, args: readonly Tree[]): (readonly number[])[] {
  const traced = trace(f, standIns(args, "float32"));
  const { nodes } = emit(lower(traced), "onnxruntime");
  traced.dispose();
  return nodes.flatMap(({ operation, attributes }) =>
    operation === "Transpose" ? [attributes.perm as readonly number[]] : [],
  );
}

test("moves of rows and of single axes are quick, others are not", () => {
  expect(isQuickMove([0, 1, 2, 3], [0, 2, 1, 3])).toBe(true);
  expect(isQuickMove([0, 1, 2, 3], [2, 1, 0, 3])).toBe(true);
  expect(isQuickMove([0, 1, 2, 3], [0, 1, 3, 2])).toBe(true);
  expect(isQuickMove([0, 1, 2, 3], [3, 0, 1, 2])).toBe(true);
  expect(isQuickMove([0, 1, 2, 3], [1, 3, 0, 2])).toBe(false);
});

test("heads and features are turned into each other by rows, also in the gradient", () => {
  const [batch, heads, tokens, size] = [2, 4, 6, 8];
  const split = (x: Tensor) => np.transpose(np.reshape(x, [batch, tokens, heads, size]), [0, 2, 1, 3]);
  const merged = (x: Tensor) => np.reshape(np.transpose(x, [0, 2, 1, 3]), [batch, tokens, heads * size]);
  const attention = ([x, q, k, v, o]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor]) => {
    const [queries, keys, values] = [q, k, v].map((weights) => split(np.matmul(x, weights))) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const seen = np.exp(np.matmul(queries, np.transpose(keys, [0, 1, 3, 2])));
    return np.sum(np.square(np.matmul(merged(np.matmul(seen, values)), o)));
  };
  const matrix = (seed: number) => randomTensor([heads * size, heads * size], seed);
  const input = randomTensor([batch, tokens, heads * size], 1);
  const moves = permutations(grad(attention) as never, [[input, matrix(2), matrix(3), matrix(4), matrix(5)]]);
  expect(moves.length).toBeGreaterThan(0);
  for (const permutation of moves) {
    const stored = permutation.map((_, i) => i);
    expect(isQuickMove(stored, permutation), `${permutation}`).toBe(true);
  }
});
