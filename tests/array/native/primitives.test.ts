import { expect, it } from "vitest";
import { grad, lax, nn, np, slice, startEngine, type Tensor, type Tree, tensor } from "../../../src/array/index.ts";
import { describeNative, largestDifference, nativeEngine, randomTensor, results } from "./support.ts";

const notes: string[] = [];
const native = await nativeEngine({ onNote: (sentence) => notes.push(sentence) });
const wasm = await startEngine("wasm");

const x = randomTensor([2, 3, 4], 1);
const y = randomTensor([2, 3, 4], 2);
const v = randomTensor([4], 3);
const m = randomTensor([4, 5], 4);
const i = tensor(Int32Array.of(2, 0, 1, 1));
const k = tensor(Int32Array.of(7, -7, 3, 2));
const u = tensor(Uint32Array.of(7, 4_000_000_000, 3, 1));

/** The library's types know einsum with numbered axes alone. */
const einsum = np.einsum as unknown as (equation: string, ...operands: Tensor[]) => Tensor;

type Case = (a: { x: Tensor; y: Tensor; v: Tensor; m: Tensor; i: Tensor; k: Tensor; u: Tensor }) => Tree;

const cases: Record<string, Case> = {
  "add, equal shapes": ({ x, y }) => np.add(x, y),
  "add, broadcast": ({ x, v }) => np.add(x, v),
  "add, number": ({ x }) => np.add(x, 2),
  "add, integers": ({ i, k }) => np.add(i, k),
  "add, mixed types": ({ i, v }) => np.add(i, v),
  subtract: ({ x, v }) => [np.subtract(x, v), np.subtract(v, x), np.subtract(np.negative(x), v)],
  multiply: ({ x, v }) => [np.multiply(x, v), np.multiply(np.negative(x), np.negative(v)), np.multiply(x, -1)],
  divide: ({ x, y, v }) => [np.divide(x, y), np.divide(x, v), np.divide(2, v)],
  "floor, ceil, sqrt, abs, sign": ({ x }) => [
    np.floor(np.multiply(x, 3)),
    np.ceil(np.multiply(x, 3)),
    np.sqrt(np.abs(x)),
    np.abs(x),
    np.sign(x),
  ],
  "exp, log, log1p, expm1": ({ x }) => [np.exp(x), np.log(np.add(x, 2)), np.log1p(np.abs(x)), np.expm1(x)],
  "sin, cos, tan, arcsin, arctan": ({ x }) => [np.sin(x), np.cos(x), np.tan(x), np.arcsin(x), np.arctan(x)],
  "tanh, erf, erfc": ({ x }) => [np.tanh(x), lax.erf(x), lax.erfc(x)],
  activations: ({ x }) => [nn.sigmoid(x), nn.silu(x), nn.softplus(x), nn.gelu(x), nn.relu(x), nn.logSigmoid(x)],
  softmax: ({ x }) => [nn.softmax(x, -1), nn.logSoftmax(x, 1), nn.logsumexp(x, 0)],
  "minimum, maximum, clip": ({ x, v }) => [np.minimum(x, v), np.maximum(x, v), np.clip(x, -0.5, 0.5)],
  comparisons: ({ x, y }) => [np.less(x, y), np.equal(x, x), np.notEqual(x, y), np.lessEqual(x, y), np.greater(x, y)],
  where: ({ x, y }) => [np.where(np.less(x, y), x, 1), np.where(np.less(x, 0), np.negative(x), x)],
  "logical operations": ({ x, y }) => {
    const [a, b] = [np.less(x, y), np.less(x, 0)];
    return [np.logicalAnd(a, b), np.logicalOr(a, b), np.logicalNot(a), np.any(a), np.all(a), np.any(a, 1)];
  },
  "integer arithmetic": ({ i, k }) => [
    np.multiply(i, k),
    np.floorDivide(k, 2),
    np.remainder(k, 4),
    np.bitwiseAnd(i, k),
    np.leftShift(k, i),
    np.negative(k),
    np.less(i, k),
    np.maximum(i, k),
  ],
  "unsigned integers": ({ u, i }) => [
    np.add(u, u),
    np.less(u, 5),
    np.rightShift(u, np.astype(i, np.uint32)),
    np.maximum(u, 10),
    np.multiply(u, 3),
  ],
  "floating quotients": ({ x, y }) => [np.fmod(np.multiply(x, 5), y), np.floorDivide(np.multiply(x, 5), y)],
  casts: ({ x, i }) => [
    i.dtype === "int32" ? np.multiply(np.astype(i, np.float32), 0.5) : i,
    np.astype(np.multiply(x, 5), np.int32),
    np.astype(x, np.bool),
    np.astype(np.less(x, 0), np.float32),
  ],
  sums: ({ x }) => [np.sum(x), np.sum(x, 1), np.sum(x, [0, 2]), np.mean(x, -1, { keepdims: true }), np.var_(x, 1)],
  "sums of repeated elements": ({ v }) => [np.sum(np.broadcastTo(v, [3, 4]), 0), np.sum(np.broadcastTo(v, [3, 4]))],
  "products, minima, maxima": ({ x }) => [
    np.prod(x, 1),
    np.min(x, 0),
    np.max(x, [1, 2]),
    np.argmax(x, 1),
    np.argmin(x),
  ],
  norms: ({ x, y }) => [np.sum(np.square(x), -1), np.sum(np.multiply(x, y), -1), np.sum(np.multiply(x, y))],
  "running sums": ({ x, i }) => [np.cumsum(x, 1), np.cumsum(x, -1), np.cumsum(np.flip(x, 1), 0), np.cumsum(i)],
  "running products": ({ x }) => np.cumprod(x, 2),
  "matrix products": ({ x, y, v, m }) => [
    np.matmul(x, m),
    np.matmul(x, np.transpose(y, [0, 2, 1])),
    np.matmul(np.transpose(x, [0, 2, 1]), y),
    np.matmul(x, v),
    np.dot(v, v),
    np.matmul(np.transpose(m), np.transpose(x, [0, 2, 1])),
    np.outer(v, v),
  ],
  "tensor contractions": ({ x, y, m }) => [
    einsum("abc,abd->cd", x, y),
    einsum("abc,dbc->ad", x, y),
    einsum("abc,ade->cdbe", x, y),
    einsum("abc,abc->ac", x, y),
    einsum("abc,cd->dab", x, m),
    einsum("abc,abc->", x, y),
    einsum("abc->b", x),
    einsum("abc,ade->bd", x, y),
  ],
  movement: ({ x, v }) => [
    np.transpose(x, [2, 0, 1]),
    np.reshape(x, [6, 4]),
    np.reshape(np.transpose(x, [1, 0, 2]), [6, 4]),
    np.reshape(np.transpose(x, [2, 1, 0]), [2, 12]),
    np.reshape(np.broadcastTo(v, [3, 4]), [12]),
    np.reshape(np.reshape(x, [24]), [4, 3, 2]),
    np.expandDims(x, 1),
    np.broadcastTo(v, [2, 3, 4]),
    np.flip(x, 1),
    np.flip(x),
    np.roll(x, 1, 1),
  ],
  slices: ({ x }) => [
    slice(x, [], [1, 3], 2),
    slice(x, 1),
    slice(x, [], [2], [1, 2]),
    slice(np.transpose(x), [1, 3], 0),
  ],
  pads: ({ x, v }) => [
    np.pad(x, [
      [1, 0],
      [0, 2],
      [0, 0],
    ]),
    np.pad(np.broadcastTo(v, [3, 4]), 1),
  ],
  "concatenations and splits": ({ x, y, v }) => [
    np.concatenate([x, y], 1),
    np.concatenate([x, np.transpose(y, [0, 1, 2])], -1),
    np.concatenate([x, np.broadcastTo(v, [2, 1, 4])], 1),
    np.stack([x, y], 2),
    ...np.split(x, [1, 3], 2),
    np.tile(v, 3),
  ],
  "triangles and masks": ({ x, y }) => {
    const scores = np.matmul(x, np.transpose(y, [0, 2, 1]));
    return [np.tril(scores), np.triu(scores, 1), np.where(np.tri(3, 3, 0, { dtype: np.bool }), scores, -100)];
  },
  gathers: ({ x, m, i }) => [
    np.take(x, i, 2),
    np.take(m, i, 0),
    np.take(np.transpose(m), i, 1),
    slice(m, i),
    slice(x, [], i, [1, 3]),
    slice(x, 1, i, i),
    np.takeAlongAxis(x, np.argmax(x, 2, { keepdims: true }), 2),
    nn.oneHot(i, 4),
  ],
  "constants alone": () => [np.arange(5), np.ones([2, 3]), np.add(np.eye(3), 1)],
  "argument returned": ({ x, i }) => [x, i, x],
};

describeNative("the native engine agrees with wasm", () => {
  it.each(Object.entries(cases))("%s", async (_, f) => {
    const args = [{ x, y, v, m, i, k, u }];
    const [actual, expected] = [await results(native, f, args), await results(wasm, f, args)];
    expect(actual.map(({ shape, type }) => [shape, type])).toEqual(expected.map(({ shape, type }) => [shape, type]));
    // float32 on both sides: wasm's exp, log and sin are good to 1e-6, log near 1 to 1e-5.
    for (const [leaf, { numbers }] of actual.entries())
      expect(largestDifference(numbers, expected[leaf]!.numbers), `result ${leaf}`).toBeLessThan(2e-5);
    expect(notes).toEqual([]);
  });
});

const scalars: Record<string, (x: Tensor, y: Tensor) => Tensor> = {
  "elementwise chain": (x, y) => np.sum(np.multiply(np.tanh(np.add(x, y)), nn.silu(np.subtract(x, y)))),
  "matrix products": (x, y) => np.sum(np.square(np.matmul(x, np.transpose(y, [0, 2, 1])))),
  softmax: (x, y) => np.sum(np.multiply(nn.softmax(x, -1), y)),
  "running sum": (x, y) => np.sum(np.square(np.cumsum(np.multiply(x, y), 1))),
  "slices and pads": (x, y) => np.sum(np.multiply(slice(x, [], [0, 2]), slice(y, [], [1, 3]))),
  norms: (x, y) => np.sum(np.sqrt(np.sum(np.square(np.add(x, y)), -1))),
  "maximum and where": (x, y) => np.sum(np.where(np.less(x, 0), np.maximum(x, y), np.square(y))),
  reshape: (x, y) => np.sum(np.matmul(np.reshape(x, [6, 4]), np.reshape(np.transpose(y, [2, 0, 1]), [4, 6]))),
};

describeNative("gradients on the native engine agree with wasm", () => {
  it.each(Object.entries(scalars))("%s", async (_, f) => {
    const both = grad(([x, y]: [Tensor, Tensor]) => f(x, y));
    const program = (x: Tensor, y: Tensor) => both([x, y]);
    const [actual, expected] = [await results(native, program, [x, y]), await results(wasm, program, [x, y])];
    for (const [leaf, { numbers }] of actual.entries())
      expect(largestDifference(numbers, expected[leaf]!.numbers)).toBeLessThan(2e-5);
    expect(notes).toEqual([]);
  });

  it("of a gather", async () => {
    const f = grad((p: { m: Tensor; w: Tensor }, i: Tensor) => np.sum(np.multiply(np.take(p.m, i, 0), p.w)));
    const args = [{ m, w: randomTensor([4, 5], 9) }, i];
    const [actual, expected] = [await results(native, f, args), await results(wasm, f, args)];
    for (const [leaf, { numbers }] of actual.entries())
      expect(largestDifference(numbers, expected[leaf]!.numbers)).toBeLessThan(1e-6);
    expect(notes).toEqual([]);
  });
});
