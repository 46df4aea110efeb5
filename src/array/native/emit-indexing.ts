/** Gather and scatter as ONNX nodes. */
import { cast } from "./emit-map.ts";
import { type GatherNode, type Operand, range, type ScatterNode } from "./graph.ts";
import { converted } from "./graph-builder.ts";
import type { Placement } from "./placement.ts";

export function emitGather(placement: Placement, node: GatherNode): string {
  const { onnx } = placement;
  const { data, indices, indexSizes, axes } = node;
  const whole = { node: data, axes: range(data.shape.length) };
  if (axes.length === 1) {
    const [index] = indices as [Operand];
    const positions = placement.inOrder(index, range(indexSizes.length));
    return onnx.node("Gather", [placement.inOrder(whole, range(data.shape.length)), positions], { axis: axes[0]! });
  }
  const rest = range(data.shape.length).filter((axis) => !axes.includes(axis));
  const points = emitPoints(placement, indices, indexSizes);
  return onnx.node("GatherND", [placement.inOrder(whole, [...axes, ...rest]), points]);
}

export function emitScatter(placement: Placement, node: ScatterNode): string {
  const { onnx } = placement;
  const { updates, indices, sizes, indexRank, add, shape, type } = node;
  const stored = placement.order(node).map((axis) => shape[axis]!);
  const zero = onnx.constant(converted(Float64Array.of(0), type), [], type);
  const zeros = onnx.expanded(zero, [], stored);
  const points = emitPoints(placement, indices, sizes.slice(0, indexRank));
  const values = placement.spread(updates, range(sizes.length), sizes);
  return onnx.node("ScatterND", [zeros, points, values], { reduction: add ? "add" : "none" });
}

/** Positions along several axes as one tensor, whose last axis lists them. */
function emitPoints(placement: Placement, indices: readonly Operand[], sizes: readonly number[]): string {
  const { onnx } = placement;
  const columns = indices.map((index) => {
    const iteration = range(sizes.length);
    const spread = placement.spread({ node: index.node, axes: index.axes.slice(0, sizes.length) }, iteration, sizes);
    return onnx.reshaped(cast(onnx, spread, "int64"), sizes, [...sizes, 1]);
  });
  return columns.length === 1 ? columns[0]! : onnx.node("Concat", columns, { axis: sizes.length });
}
