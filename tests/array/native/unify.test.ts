/** One ONNX file for every batch: what two graphs must have in common, and that the one they make computes every batch. */
import { expect, it } from "vitest";
import { nn, np, readSync, release, scope, slice, type Tensor, type Tree } from "../../../src/array/index.ts";
import { onnxFileOfAnyLength } from "../../../src/array/native/index.ts";
import { loadRuntime } from "../../../src/array/native/runtime.ts";
import { EngineError } from "../../../src/utils/index.ts";
import { describeNative, largestDifference, randomTensor } from "./support.ts";

type Inputs = { x: Tensor; y: Tensor };

const w = randomTensor([4, 6], 3);

function inputsOf(batch: number): Inputs {
  return { x: randomTensor([batch, 3, 4], batch), y: randomTensor([batch, 6], batch + 100) };
}

function fileOf(f: (inputs: Inputs) => Tree) {
  const inputs: [Inputs, Inputs] = [inputsOf(5), inputsOf(7)];
  const file = onnxFileOfAnyLength(f, inputs, "batch", { made: "here" });
  release(inputs);
  return file;
}

/** The batch alone, merged with other axes, spread, doubled and split off again. */
function mixed({ x, y }: Inputs): Record<string, Tensor> {
  const [batch = 0] = x.shape;
  const rows = np.reshape(np.matmul(x, w), [batch * 3, 6]);
  const scores = np.matmul(np.reshape(rows, [batch, 3, 6]), np.expandDims(y, -1)); // [batch, 3, 1]
  const gates = nn.softmax(np.cumsum(np.reshape(scores, [batch, 3]), 1), -1);
  const widths: [number, number][] = [
    [0, 0],
    [2, 0],
  ];
  return {
    folded: np.reshape(np.concatenate([rows, rows], 0), [batch, 2, 3, 6]),
    padded: np.pad(slice(gates, [], [1, 3]), widths),
    spread: np.broadcastTo(np.expandDims(np.sum(y, 1), [1, 2]), [batch, 2, 3]),
  };
}

it("a file's first axis has a name in place of a length", () => {
  const file = fileOf(mixed);
  expect(file.inputs).toEqual([
    { name: "x", shape: ["batch", 3, 4], type: "float32" },
    { name: "y", shape: ["batch", 6], type: "float32" },
  ]);
  expect(file.outputs.map(({ name, shape }) => [name, shape])).toEqual([
    ["folded", ["batch", 2, 3, 6]],
    ["padded", ["batch", 4]],
    ["spread", ["batch", 2, 3]],
  ]);
  expect(new TextDecoder("latin1").decode(file.bytes)).toContain("made");
});

it.each<[string, (inputs: Inputs) => Tree, RegExp]>([
  [
    "a mean over the batch",
    ({ x }) => ({ y: np.subtract(x, np.mean(x, 0, { keepdims: true })) }),
    /^the graphs of batch 5 and batch 7 differ by more than that number: node \d+, Mul, has a constant .*; choose a fixed batch instead$/,
  ],
  [
    "an output that is no batch",
    ({ x }) => ({ sum: np.sum(x, 0) }),
    /differ by more than that number: "sum" has shapes \[3,4\] and \[3,4\]/,
  ],
  [
    "a length that is no multiple of the batch",
    ({ x, y }) => ({ y: np.multiply(y, np.sum(np.broadcastTo(np.sum(x), [x.shape[0]! + 1, 6]), 0)) }),
    /differ by more than that number: node \d+, \w+, /,
  ],
  [
    "another program for large batches",
    ({ x }) => ({ y: x.shape[0]! > 5 ? np.exp(x) : np.sin(x) }),
    /node 0, Sin, is Exp in the other; choose a fixed batch instead/,
  ],
  [
    "a longer program for large batches",
    ({ x }) => ({ y: x.shape[0]! > 5 ? np.exp(np.sin(x)) : np.sin(x) }),
    /differ by more than that number: 2 nodes/,
  ],
  [
    "other operands for large batches",
    ({ x, y }) => ({
      y:
        x.shape[0]! > 5
          ? np.subtract(slice(x, [], 0), slice(y, [], [0, 4]))
          : np.subtract(slice(x, [], 1), slice(y, [], [0, 4])),
    }),
    /node \d+, Slice, has a constant/,
  ],
])("%s is refused, and the message names what differs", (_, f, sentence) => {
  expect(() => fileOf(f)).toThrow(EngineError);
  expect(() => fileOf(f)).toThrow(sentence);
});

describeNative("a file of any batch", () => {
  it.each([1, 2, 5, 9])("computes batch %d as the library does", async (batch) => {
    const { bytes, inputs: taken, outputs } = fileOf(mixed);
    const runtime = await loadRuntime();
    const session = await runtime.InferenceSession.create(bytes);
    const inputs = inputsOf(batch);
    const feeds = Object.fromEntries(
      taken.map(({ name }) => {
        const given = inputs[name as keyof Inputs];
        return [name, new runtime.Tensor("float32", readSync(given) as Float32Array, given.shape)];
      }),
    );
    const results = await session.run(feeds);
    const expected = scope(() => mixed(inputs));
    for (const { name } of outputs) {
      expect(results[name]!.dims).toEqual([...expected[name]!.shape]);
      expect(
        largestDifference([...(results[name]!.data as Float32Array)], [...readSync(expected[name]!)]),
      ).toBeLessThan(1e-6);
    }
    await session.release();
    release(inputs, expected);
  });
});
