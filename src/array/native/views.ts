/** Movement as arithmetic on views: nothing is computed, only where each axis is found. */
import { type Node, type Operand, range, type View } from "./graph.ts";

/** A node's own axes as a view. */
export function viewOf(node: Node): View {
  return { node, shape: node.shape, axes: range(node.shape.length) };
}

/** A node of which axes of length 1 were left out, seen with them. */
export function withUnitAxes(node: Node, shape: readonly number[]): View {
  let next = 0;
  return { node, shape, axes: shape.map((n) => (n === 1 ? null : next++)) };
}

export function transposed(view: View, permutation: readonly number[]): View {
  return {
    node: view.node,
    shape: permutation.map((i) => view.shape[i]!),
    axes: permutation.map((i) => view.axes[i]!),
  };
}

/** A view with new axes at the positions `added` of `shape`; axes of length 1 are repeated to the length in `shape`. */
export function broadcast(view: View, shape: readonly number[], added: readonly number[]): View {
  let next = 0;
  const axes = shape.map((_, i) => (added.includes(i) ? null : view.axes[next++]!));
  return { node: view.node, shape, axes };
}

/** A view with the same trailing axes, repeated to a larger shape as NumPy does. */
export function broadcastTo(view: View, shape: readonly number[]): View {
  return broadcast(view, shape, range(shape.length - view.shape.length));
}

/** The shape to which shapes broadcast together. */
export function commonShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return range(rank).map((i) => {
    const lengths = shapes.map((shape) => shape[i - rank + shape.length] ?? 1);
    return lengths.find((n) => n !== 1) ?? 1;
  });
}

/** The operand that a view is over some of its axes. */
export function over(view: View, positions: readonly number[]): Operand {
  return { node: view.node, axes: positions.map((p) => view.axes[p]!) };
}

/** An operand as a view of the iteration that it stands in, its node replaced by another view of the same shape. */
export function seenThrough(operand: Operand, sizes: readonly number[], replacement: View): View {
  return {
    node: replacement.node,
    shape: sizes,
    axes: operand.axes.map((axis) => (axis === null ? null : replacement.axes[axis]!)),
  };
}

/** Whether a view repeats one element everywhere. */
export function isUniform(view: View): boolean {
  return view.axes.every((axis) => axis === null);
}
