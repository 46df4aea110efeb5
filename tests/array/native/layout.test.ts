/** Stored orders: what has to be moved is moved the fast way. */
import { expect, test } from "vitest";
import { np, type Tensor } from "../../../src/array/index.ts";
import { gatherArguments, standIns } from "../../../src/array/native/arguments.ts";
import { emit } from "../../../src/array/native/emitter.ts";
import { lower } from "../../../src/array/native/lower.ts";
import { isQuickMove } from "../../../src/array/native/storage.ts";
import { trace } from "../../../src/array/native/traced-program.ts";
import { randomTensor } from "./support.ts";

/** The permutations of all transpositions in a program's ONNX graph. */
function permutations(f: (...args: never[]) => Tensor, args: readonly Tensor[]): (readonly number[])[] {
  const traced = trace(f, standIns(gatherArguments(args), "float32"));
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

test("heads that become features are moved as rows, also for the gradient of the matrix that reads them", () => {
  const [batch, heads, tokens, size, out] = [2, 4, 6, 8, 5];
  // [batch, heads, tokens, size] as [batch, tokens, heads * size], then the matrix's gradient: the features are its rows.
  const gradient = (x: Tensor, g: Tensor) => {
    const features = np.reshape(np.transpose(np.multiply(x, x), [0, 2, 1, 3]), [batch * tokens, heads * size]);
    return np.matmul(np.transpose(features), np.reshape(g, [batch * tokens, out]));
  };
  const args = [randomTensor([batch, heads, tokens, size], 1), randomTensor([batch, tokens, out], 2)];
  const moves = permutations(gradient, args);
  expect(moves).toHaveLength(1);
  for (const permutation of moves) {
    const stored = permutation.map((_, i) => i);
    expect(isQuickMove(stored, permutation), `${permutation}`).toBe(true);
  }
});
