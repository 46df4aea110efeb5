/** Sums of products as one node that knows which axes are summed. */
import { type ContractNode, type ElementType, range, sizeOf, type View } from "./graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { isFloat, negated } from "./patterns.ts";
import { minus, scaledBy } from "./simplify.ts";
import { broadcastTogether, reduce } from "./structure.ts";
import { over } from "./views.ts";

/**
 * The sum over some axes of a product.
 *
 * $$\sum_{contracted} x\,y$$
 *
 * An axis that one factor alone has is summed before the product, one that neither has is a multiple.
 *
 * @param contracted positions in the shape to which x and y broadcast
 */
export function contract(
  graph: GraphBuilder,
  x: View,
  y: View,
  contracted: readonly number[],
  type: ElementType,
): View {
  if (isFloat(type)) {
    const [minusX, minusY] = [negated(x), negated(y)];
    if (minusX !== undefined) return minus(graph, contract(graph, minusX, y, contracted, type));
    if (minusY !== undefined) return minus(graph, contract(graph, x, minusY, contracted, type));
    const [scaledX, scaledY] = [scaledBy(x), scaledBy(y)];
    if (scaledX !== undefined || scaledY !== undefined) {
      const product = contract(graph, scaledX?.base ?? x, scaledY?.base ?? y, contracted, type);
      const factor = (scaledX?.factor ?? 1) * (scaledY?.factor ?? 1);
      return graph.map("Mul", [product, graph.scalar(factor, type)], type);
    }
  }
  const [wideX, wideY] = broadcastTogether([x, y]) as [View, View];
  const shared = contracted.filter((p) => wideX.axes[p] !== null && wideY.axes[p] !== null);
  const repeated = contracted.filter((p) => wideX.axes[p] === null && wideY.axes[p] === null);
  const positions = range(wideX.shape.length).filter((p) => !contracted.includes(p) || shared.includes(p));
  const factors = [wideX, wideY].map((view) => summedOut(graph, view, contracted, shared));
  const summed = positions.flatMap((p, i) => (shared.includes(p) ? i : []));
  const product = productSum(graph, factors as [View, View], summed, type);
  const repeats = sizeOf(repeated.map((p) => wideX.shape[p]!));
  return repeats === 1 ? product : graph.map("Mul", [product, graph.scalar(repeats, type)], type);
}

/** A factor without the contracted axes that are not shared. */
function summedOut(graph: GraphBuilder, view: View, contracted: readonly number[], shared: readonly number[]): View {
  const present = range(view.shape.length).filter(
    (p) => !contracted.includes(p) || shared.includes(p) || view.axes[p] !== null,
  );
  const narrow = {
    node: view.node,
    shape: present.map((p) => view.shape[p]!),
    axes: present.map((p) => view.axes[p]!),
  };
  const own = present.flatMap((p, i) => (contracted.includes(p) && !shared.includes(p) ? i : []));
  return own.length === 0 ? narrow : reduce(graph, "Add", narrow, own);
}

type Has = (axis: number) => boolean;

/** $$\sum x\,y$$ over axes that both have. */
function productSum(
  graph: GraphBuilder,
  factors: readonly [View, View],
  summed: readonly number[],
  type: ElementType,
): View {
  if (summed.length === 0) return graph.map("Mul", factors, type);
  const [x, y] = [...factors].sort((a, b) => a.node.id - b.node.id) as [View, View];
  const real = range(x.shape.length).filter((p) => x.axes[p] !== null || y.axes[p] !== null);
  const kept = real.flatMap((p, i) => (summed.includes(p) ? [] : i));
  const operands = [over(x, real), over(y, real)] as const;
  const [inX, inY] = operands.map(
    ({ axes }) =>
      (i: number) =>
        axes[i] !== null,
  ) as [Has, Has];
  const node = graph.intern<ContractNode>({
    kind: "contract",
    operands,
    batch: kept.filter((i) => inX(i) && inY(i)),
    rows: kept.filter((i) => !inY(i)),
    columns: kept.filter((i) => !inX(i)),
    sizes: real.map((p) => x.shape[p]!),
    kept,
    contracted: real.flatMap((p, i) => (summed.includes(p) ? i : [])),
    shape: kept.map((i) => x.shape[real[i]!]!),
    type,
  });
  const axisOf = (p: number) => (real.includes(p) ? kept.indexOf(real.indexOf(p)) : null);
  const left = range(x.shape.length).filter((p) => !summed.includes(p));
  return { node, shape: left.map((p) => x.shape[p]!), axes: left.map(axisOf) };
}
