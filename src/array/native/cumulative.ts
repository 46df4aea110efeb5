/** Running sums, which the array library writes as a sum under a triangular mask. */
import { type ConstantNode, type CumulativeSumNode, range, type View } from "./graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { argumentsOf, negated, uniformValue } from "./patterns.ts";
import { minus } from "./simplify.ts";

/** Which elements a running sum has added up at each position. */
export interface Direction {
  /** Not the position's own element. */
  readonly exclusive: boolean;
  /** From the end. */
  readonly reverse: boolean;
}

/** The running sum along one axis of a view. */
export function cumulativeSum(graph: GraphBuilder, view: View, position: number, direction: Direction): View {
  const minusView = negated(view);
  if (minusView !== undefined) return minus(graph, cumulativeSum(graph, minusView, position, direction));
  const axis = view.axes[position]!;
  if (axis === null) return repeatedRunningSum(graph, view, position, direction);
  const { shape, type } = view.node;
  const node = graph.intern<CumulativeSumNode>({
    kind: "cumulative-sum",
    input: view.node,
    axis,
    ...direction,
    shape,
    type,
  });
  return { ...view, node };
}

function repeatedRunningSum(
  graph: GraphBuilder,
  view: View,
  position: number,
  { exclusive, reverse }: Direction,
): View {
  const n = view.shape[position]!;
  const counts = Float64Array.from({ length: n }, (_, i) => (reverse ? n - 1 - i : i) + (exclusive ? 0 : 1));
  const shape = view.shape.map((_, p) => (p === position ? n : 1));
  return graph.map("Mul", [view, graph.constant(counts, shape, view.node.type)], view.node.type);
}

/** `sum(where(mask, x, 0))` over one axis as a running sum, where the mask is triangular. */
export function maskedRunningSum(graph: GraphBuilder, view: View, summed: number): View | undefined {
  const [mask, x, zero] = argumentsOf(view, "Where") ?? [];
  if (mask === undefined || mask.node.kind !== "constant" || uniformValue(zero!) !== 0) return undefined;
  const real = range(view.shape.length).filter((p) => mask.axes[p] !== null);
  const kept = real.find((p) => p !== summed);
  if (real.length !== 2 || kept === undefined || x!.axes[kept] !== null || x!.axes[summed] === null) return undefined;
  const direction = directionOf(mask.node, mask.axes[kept]!);
  if (direction === undefined) return undefined;
  const sums = cumulativeSum(graph, x!, summed, direction);
  const axes = sums.axes.with(kept, sums.axes[summed]!);
  return { node: sums.node, shape: view.shape.toSpliced(summed, 1), axes: axes.toSpliced(summed, 1) };
}

/** The running sum that a square mask stands for: its `keptAxis` counts the positions of the result. */
function directionOf({ numbers, shape }: ConstantNode, keptAxis: number): Direction | undefined {
  const [rows, columns] = shape as [number, number];
  if (rows !== columns) return undefined;
  const matches = (included: (kept: number, summed: number) => boolean) =>
    numbers.every((x, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      return (x !== 0) === (keptAxis === 0 ? included(row, column) : included(column, row));
    });
  if (matches((kept, summed) => summed <= kept)) return { exclusive: false, reverse: false };
  if (matches((kept, summed) => summed < kept)) return { exclusive: true, reverse: false };
  if (matches((kept, summed) => summed >= kept)) return { exclusive: false, reverse: true };
  if (matches((kept, summed) => summed > kept)) return { exclusive: true, reverse: true };
  return undefined;
}
