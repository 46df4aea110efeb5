/** What a view shows: how rules that simplify recognise what they simplify. */
import type { ElementType, MapNode, View } from "./graph.ts";
import type { MapOperation } from "./map-operations.ts";
import { broadcastTo, commonShape, seenThrough, viewOf } from "./views.ts";

/** What the rules make nodes with. */
export interface MapBuilder {
  map(operation: MapOperation, views: readonly View[], type: ElementType): View;
  scalar(value: number, type: ElementType): View;
  /** The result of an operation that is in the graph already. */
  existing(operation: MapOperation, views: readonly View[], type: ElementType): View | undefined;
}

/** The number that a view repeats everywhere. */
export function uniformValue(view: View): number | undefined {
  return view.node.kind === "constant" && view.node.shape.length === 0 ? view.node.numbers[0] : undefined;
}

/** What the view is the negative of, if it is one explicitly. */
export function negated(view: View): View | undefined {
  return argumentOf(view, "Neg");
}

/** The operands of an operation that the view shows the result of, as views of the same shape. */
export function argumentsOf(view: View, operation: MapOperation): View[] | undefined {
  const { node } = view;
  if (node.kind !== "map" || node.operation !== operation) return undefined;
  return node.operands.map((operand) => throughView(operand, node, view));
}

/** The first of them. */
export function argumentOf(view: View | undefined, operation: MapOperation): View | undefined {
  return view && argumentsOf(view, operation)?.[0];
}

/** An operand of a node seen as the view sees the node. */
function throughView(operand: MapNode["operands"][number], node: MapNode, view: View): View {
  const inNode = seenThrough(operand, node.shape, viewOf(operand.node));
  return {
    node: operand.node,
    shape: view.shape,
    axes: view.axes.map((axis) => (axis === null ? null : inNode.axes[axis]!)),
  };
}

/** Whether two views show the same numbers at the same places. */
export function sameView(x: View, y: View): boolean {
  if (x.node !== y.node) return false;
  const shape = commonShape([x.shape, y.shape]);
  const [a, b] = [broadcastTo(x, shape), broadcastTo(y, shape)];
  return a.axes.every((axis, p) => axis === b.axes[p]);
}

/** Whether numbers of a type have fractions. */
export function isFloat(type: ElementType): boolean {
  return type === "float32" || type === "float64";
}
