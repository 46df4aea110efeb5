/** Reductions, running sums, reshapes, slices, pads and concatenations as ONNX nodes. */
import {
  type ConcatenateNode,
  type CumulativeSumNode,
  type Node,
  type PadNode,
  type ReduceNode,
  type ReshapeNode,
  range,
  type SliceNode,
} from "./graph.ts";
import type { Placement } from "./placement.ts";
import { completed, isSubsequence, iterationOf, keptInput, type Order } from "./storage.ts";

const reductionOperators = { Add: "ReduceSum", Mul: "ReduceProd", Min: "ReduceMin", Max: "ReduceMax" } as const;

export function emitReduce(placement: Placement, node: ReduceNode): string {
  const { onnx } = placement;
  const order = inputOrder(placement, node);
  const places = node.reduced.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
  const operator = reductionOperators[node.reduction];
  return onnx.node(operator, [inputValue(placement, node.input, order), onnx.integers(places)], { keepdims: 0 });
}

export function emitCumulativeSum(placement: Placement, node: CumulativeSumNode): string {
  const { onnx } = placement;
  const order = inputOrder(placement, node);
  const axis = onnx.integers([order.indexOf(node.axis)], []);
  const attributes = { exclusive: Number(node.exclusive), reverse: Number(node.reverse) };
  return onnx.node("CumSum", [inputValue(placement, node.input, order), axis], attributes);
}

/** The order in which a node that keeps most of its input's axes reads it: as it is stored if that gives the planned result. */
function inputOrder(placement: Placement, node: ReduceNode | CumulativeSumNode | SliceNode): Order {
  const stored = placement.order(node.input);
  const kept = keptInput(node, placement.order(node));
  return isSubsequence(kept, stored) ? stored : completed(kept, stored);
}

function inputValue(placement: Placement, input: Node, order: Order): string {
  return placement.inOrder({ node: input, axes: range(input.shape.length) }, order);
}

export function emitReshape(placement: Placement, node: ReshapeNode): string {
  const { operand, sizes, shape } = node;
  const order = placement.order(node);
  const iteration = iterationOf(node, order);
  return placement.onnx.reshaped(
    placement.spread(operand, iteration, sizes),
    iteration.map((i) => sizes[i]!),
    order.map((axis) => shape[axis]!),
  );
}

export function emitSlice(placement: Placement, node: SliceNode): string {
  const { onnx } = placement;
  const { input, ranges, shape } = node;
  const order = inputOrder(placement, node);
  const cut = range(order.length).filter((place) => {
    const { start, end, step } = ranges[order[place]!]!;
    return start !== 0 || step !== 1 || end !== input.shape[order[place]!];
  });
  const bounds = cut.map((place) => ranges[order[place]!]!);
  const sliced = onnx.node("Slice", [
    inputValue(placement, input, order),
    onnx.integers(bounds.map(({ start }) => start)),
    // An end of -1 would mean the last element.
    onnx.integers(bounds.map(({ end }) => (end < 0 ? -(2 ** 31) : end))),
    onnx.integers(cut),
    onnx.integers(bounds.map(({ step }) => step)),
  ]);
  return onnx.reshaped(
    sliced,
    order.map((axis) => (ranges[axis]!.end - ranges[axis]!.start) * ranges[axis]!.step),
    placement.order(node).map((axis) => shape[axis]!),
  );
}

export function emitPad(placement: Placement, node: PadNode): string {
  const { onnx } = placement;
  const { operand, sizes, widths } = node;
  const order = placement.order(node);
  const pads = [...order.map((i) => widths[i]![0]), ...order.map((i) => widths[i]![1])];
  return onnx.node("Pad", [placement.spread(operand, order, sizes), onnx.integers(pads)]);
}

export function emitConcatenate(placement: Placement, node: ConcatenateNode): string {
  const { operands, lengths, axis, shape } = node;
  const order = placement.order(node);
  const parts = operands.map((operand, i) => placement.spread(operand, order, shape.with(axis, lengths[i]!)));
  return placement.onnx.node("Concat", parts, { axis: order.indexOf(axis) });
}
