/** Nodes that move, combine and sum elements: each function gives the view of what it computes, at the least cost known here. */

import { maskedRunningSum } from "./cumulative.ts";
import {
  type ConcatenateNode,
  type ElementType,
  type Node,
  type PadNode,
  type ReduceNode,
  type Reduction,
  range,
  type SliceNode,
  type SliceRange,
  sizeOf,
  type View,
} from "./graph.ts";
import { fresh, type GraphBuilder } from "./graph-builder.ts";
import { isFloat, negated } from "./patterns.ts";
import { minus, scaledBy } from "./simplify.ts";
import { broadcastTo, commonShape, over } from "./views.ts";

/**
 * A reduction over some axes of a view.
 *
 * Repeated axes cost nothing: their sum is a multiple, their product a power.
 */
export function reduce(graph: GraphBuilder, reduction: Reduction, view: View, axes: readonly number[]): View {
  const minusView = reduction === "Add" && isFloat(view.node.type) ? negated(view) : undefined;
  if (minusView !== undefined) return minus(graph, reduce(graph, "Add", minusView, axes));
  const scaled = reduction === "Add" ? scaledBy(view) : undefined;
  if (scaled !== undefined) {
    const sum = reduce(graph, "Add", scaled.base, axes);
    return graph.map("Mul", [sum, graph.scalar(scaled.factor, view.node.type)], view.node.type);
  }
  const running = reduction === "Add" && axes.length === 1 ? maskedRunningSum(graph, view, axes[0]!) : undefined;
  if (running !== undefined) return running;
  const kept = range(view.shape.length).filter((p) => !axes.includes(p));
  const repeats = sizeOf(axes.filter((p) => view.axes[p] === null).map((p) => view.shape[p]!));
  const reduced = axes.flatMap((p) => view.axes[p] ?? []).sort((a, b) => a - b);
  const summed = reducedNode(graph, reduction, view.node, reduced);
  const result = { node: summed.node, ...seen(view, kept, summed) };
  return repeats === 1 ? result : repeatedReduction(graph, reduction, result, repeats);
}

function reducedNode(graph: GraphBuilder, reduction: Reduction, input: Node, reduced: readonly number[]): View {
  const kept = range(input.shape.length).filter((axis) => !reduced.includes(axis));
  const shape = kept.map((axis) => input.shape[axis]!);
  if (reduced.length === 0) return { node: input, shape, axes: kept };
  const { node } = fresh<ReduceNode>(graph, { kind: "reduce", reduction, input, reduced, shape, type: input.type });
  return {
    node,
    shape,
    axes: range(input.shape.length).map((axis) => (kept.includes(axis) ? kept.indexOf(axis) : null)),
  };
}

/** The kept positions of a view after its node's axes became others: `place.axes[axis]` says which. */
function seen(view: View, kept: readonly number[], place: { readonly axes: readonly (number | null)[] }) {
  return {
    shape: kept.map((p) => view.shape[p]!),
    axes: kept.map((p) => (view.axes[p] === null ? null : place.axes[view.axes[p]!]!)),
  };
}

function repeatedReduction(graph: GraphBuilder, reduction: Reduction, view: View, repeats: number): View {
  const { type } = view.node;
  switch (reduction) {
    case "Min":
    case "Max":
      return view;
    case "Add":
      return graph.map("Mul", [view, graph.scalar(repeats, type)], type);
    case "Mul":
      return range(repeats - 1).reduce((product) => graph.map("Mul", [product, view], type), view);
    default:
      return reduction satisfies never;
  }
}

/** Part of each axis of a view. */
export function slice(graph: GraphBuilder, view: View, ranges: readonly SliceRange[]): View {
  const minusView = negated(view);
  if (minusView !== undefined) return minus(graph, slice(graph, minusView, ranges));
  const shape = ranges.map(({ start, end, step }) => (end - start) * step);
  const byAxis = view.node.shape.map((n) => ({ start: 0, end: n, step: 1 }) as SliceRange);
  for (const [p, axis] of view.axes.entries()) if (axis !== null) byAxis[axis] = ranges[p]!;
  const lengths = byAxis.map(({ start, end, step }) => (end - start) * step);
  const kept = range(byAxis.length).filter((axis) => lengths[axis] !== 1);
  const whole = byAxis.every(({ step }, axis) => step === 1 && lengths[axis] === view.node.shape[axis]);
  const node = whole
    ? view.node
    : graph.intern<SliceNode>({
        kind: "slice",
        input: view.node,
        ranges: byAxis,
        kept,
        shape: kept.map((axis) => lengths[axis]!),
        type: view.node.type,
      });
  const axes = view.axes.map((axis) => {
    if (axis === null || whole) return axis;
    return kept.includes(axis) ? kept.indexOf(axis) : null;
  });
  return { node, shape, axes };
}

/** A view with zeros around it. */
export function pad(graph: GraphBuilder, view: View, widths: readonly (readonly [number, number])[]): View {
  const minusView = negated(view);
  if (minusView !== undefined) return minus(graph, pad(graph, minusView, widths));
  const isPadded = (p: number) => widths[p]![0] !== 0 || widths[p]![1] !== 0;
  const real = range(view.shape.length).filter((p) => view.axes[p] !== null || isPadded(p));
  const shape = view.shape.map((n, p) => n + widths[p]![0] + widths[p]![1]);
  const node = graph.intern<PadNode>({
    kind: "pad",
    operand: over(view, real),
    sizes: real.map((p) => view.shape[p]!),
    widths: real.map((p) => widths[p]!),
    shape: real.map((p) => shape[p]!),
    type: view.node.type,
  });
  return { node, shape, axes: shape.map((_, p) => (real.includes(p) ? real.indexOf(p) : null)) };
}

/** Views one after another along an axis. */
export function concatenate(graph: GraphBuilder, views: readonly View[], axis: number, type: ElementType): View {
  const parts = views.filter((view) => view.shape[axis] !== 0);
  if (parts.length === 1) return parts[0]!;
  if (parts.length === 0) return views[0]!;
  const lengths = parts.map((view) => view.shape[axis]!);
  const shape = parts[0]!.shape.with(
    axis,
    lengths.reduce((sum, n) => sum + n, 0),
  );
  const real = range(shape.length).filter((p) => p === axis || parts.some((view) => view.axes[p] !== null));
  const node = graph.intern<ConcatenateNode>({
    kind: "concatenate",
    operands: parts.map((view) => over(view, real)),
    lengths,
    axis: real.indexOf(axis),
    shape: real.map((p) => shape[p]!),
    type,
  });
  return { node, shape, axes: shape.map((_, p) => (real.includes(p) ? real.indexOf(p) : null)) };
}

/** Views with the same shape: that to which all broadcast. */
export function broadcastTogether(views: readonly View[]): View[] {
  const shape = commonShape(views.map((view) => view.shape));
  return views.map((view) => broadcastTo(view, shape));
}
