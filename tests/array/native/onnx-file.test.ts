/** What programs become: standard files that any onnxruntime runs, and few nodes. */
import { expect, it } from "vitest";
import {
  nn,
  np,
  readSync,
  release,
  scope,
  slice,
  type Tensor,
  type Tree,
  tensor,
  vjp,
} from "../../../src/array/index.ts";
import { standIns } from "../../../src/array/native/arguments.ts";
import { emit } from "../../../src/array/native/emitter.ts";
import { onnxFile } from "../../../src/array/native/index.ts";
import { lower } from "../../../src/array/native/lower.ts";
import { loadRuntime } from "../../../src/array/native/runtime.ts";
import { trace } from "../../../src/array/native/traced-program.ts";
import { ShapeError } from "../../../src/utils/index.ts";
import { describeNative, largestDifference, randomTensor } from "./support.ts";

/** How often each operator occurs in a function's graph. */
function operators(f: (...args: never[]) => Tree, args: readonly Tensor[], dialect: "standard" | "onnxruntime") {
  const model = emit(lower(trace(f, standIns(args, "float32"))), dialect);
  const counts: Record<string, number> = {};
  for (const { operation } of model.nodes) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
}

const x = randomTensor([2, 6, 8], 1);
const y = randomTensor([2, 6, 8], 2);
const w = randomTensor([8, 4], 3);

it.each<[string, (x: Tensor, y: Tensor, w: Tensor) => Tree, Record<string, number>]>([
  ["a projection is one product", (x, _, w) => np.matmul(x, w), { MatMul: 1 }],
  [
    "a weight gradient is one product",
    (x, y) => np.sum(np.multiply(np.expandDims(x, 3), np.expandDims(y, 2)), [0, 1]),
    {
      FusedMatMul: 1,
      Reshape: 2,
    },
  ],
  ["scores are one product", (x, y) => np.matmul(x, np.transpose(y, [0, 2, 1])), { FusedMatMul: 1 }],
  [
    "transposed scores through an activation are one product",
    (x, y) => np.matmul(np.transpose(np.exp(np.matmul(x, np.transpose(y, [0, 2, 1]))), [0, 2, 1]), x),
    { FusedMatMul: 2, Exp: 1 },
  ],
  ["a sum of squares is a product and a sum", (x) => np.sum(np.square(x), -1), { Mul: 1, ReduceSum: 1 }],
  ["the logistic function has one case", (x) => nn.sigmoid(x), { Neg: 1, Exp: 1, Add: 1, Reciprocal: 1 }],
  [
    "the logistic function's derivative is made from its value",
    (x, y) =>
      vjp(
        (z: Tensor) => nn.sigmoid(z),
        [x],
        (_, pull) => pull(y)[0],
      ),
    { Neg: 1, Exp: 1, Add: 1, Reciprocal: 1, Sub: 1, Div: 1, Mul: 1 },
  ],
  [
    "masked rows are summed without being moved",
    (x) => np.sum(np.multiply(x, np.tri(6, 8)), -1),
    { Mul: 1, ReduceSum: 1 },
  ],
  ["a running sum is one operator", (x) => np.cumsum(x, 1), { CumSum: 1 }],
  ["a difference is one operator", (x, y) => np.subtract(y, x), { Sub: 1 }],
  ["a quotient is one operator", (x, y) => np.divide(x, y), { Div: 1 }],
  [
    "what is computed twice is computed once",
    (x, y) => [np.multiply(x, y), np.multiply(y, x)],
    { Mul: 1, Identity: 1 },
  ],
  [
    "what is not returned is not computed",
    (x, y) => slice([np.exp(x), np.negative(y)][1]!, 0),
    { Slice: 1, Reshape: 1, Neg: 1 },
  ],
])("%s", (_, f, expected) => {
  expect(operators(f as (...args: never[]) => Tree, [x, y, w], "onnxruntime")).toEqual(expected);
});

it("standard graphs hold no operator of onnxruntime's own", () => {
  const scores = (x: Tensor, y: Tensor) => np.matmul(x, np.transpose(y, [0, 2, 1]));
  expect(operators(scores as (...args: never[]) => Tree, [x, y], "standard")).toEqual({ MatMul: 1, Transpose: 1 });
});

it("a file whose names would be ambiguous is refused", () => {
  const inputs = { "a.b": x, a: { b: y } };
  expect(() => onnxFile((t) => t["a.b"], inputs)).toThrow(ShapeError);
});

describeNative("a file", () => {
  it("runs in plain onnxruntime, with named inputs and outputs, its weights and what it says of itself inside", async () => {
    const step = ({ state, tokens }: { state: { sum: Tensor }; tokens: Tensor }) => {
      const rows = np.take(w, tokens, 0);
      const sum = np.add(state.sum, np.sum(rows, 0));
      return { logits: np.matmul(sum, np.transpose(w)), state: { sum } };
    };
    const state = { sum: tensor([0.5, -1, 2, 0.25]) };
    const tokens = tensor(Int32Array.of(1, 7, 1));
    const file = onnxFile(step, { state, tokens }, { architecture: "a sum" });
    expect(file.inputs).toEqual([
      { name: "state.sum", shape: [4], type: "float32" },
      { name: "tokens", shape: [3], type: "int32" },
    ]);
    expect(file.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ["logits", [8]],
      ["next.state.sum", [4]],
    ]);
    expect(new TextDecoder("latin1").decode(file.bytes)).toContain("architecture");
    const runtime = await loadRuntime();
    const session = await runtime.InferenceSession.create(file.bytes, {});
    const results = await session.run(
      {
        "state.sum": new runtime.Tensor("float32", readSync(state.sum), [4]),
        tokens: new runtime.Tensor("int32", readSync(tokens), [3]),
      },
      ["logits", "next.state.sum"],
    );
    await session.release();
    const expected = scope(() => step({ state, tokens }));
    const [logits, sum] = [expected.logits, expected.state.sum].map((t) => [...readSync(t)]) as [number[], number[]];
    expect(largestDifference([...(results.logits!.data as Float32Array)], logits)).toBeLessThan(1e-6);
    expect(largestDifference([...(results["next.state.sum"]!.data as Float32Array)], sum)).toBeLessThan(1e-6);
    release(expected, state, tokens);
  });
});
