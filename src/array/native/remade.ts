/** A node made again after its operands have become other views. */
import { contract } from "./contraction.ts";
import { cumulativeSum } from "./cumulative.ts";
import { type GatherNode, type Node, range, type View } from "./graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { gather, scatter } from "./indexing.ts";
import { reshape } from "./reshape.ts";
import { concatenate, pad, reduce, slice } from "./structure.ts";
import { seenThrough, transposed, viewOf } from "./views.ts";

/**
 * The view that a node has become.
 *
 * @param current what each of its operands has become, as a view of the operand's shape
 * @returns a view of the node's shape
 */
export function remade(graph: GraphBuilder, node: Node, current: (operand: Node) => View): View {
  switch (node.kind) {
    case "input":
    case "constant": {
      const { id, ...content } = node;
      return viewOf(graph.intern(content as typeof node));
    }
    case "map": {
      const views = node.operands.map((operand) => seenThrough(operand, node.shape, current(operand.node)));
      return graph.map(node.operation, views, node.type);
    }
    case "contract": {
      const [x, y] = node.operands.map((operand) => seenThrough(operand, node.sizes, current(operand.node)));
      return contract(graph, x!, y!, node.contracted, node.type);
    }
    case "reduce":
      return reduce(graph, node.reduction, current(node.input), node.reduced);
    case "cumulative-sum":
      return cumulativeSum(graph, current(node.input), node.axis, { exclusive: node.exclusive, reverse: node.reverse });
    case "reshape":
      return reshape(graph, seenThrough(node.operand, node.sizes, current(node.operand.node)), node.shape);
    case "slice": {
      const { shape, axes, ...sliced } = slice(graph, current(node.input), node.ranges);
      return { ...sliced, shape: node.kept.map((p) => shape[p]!), axes: node.kept.map((p) => axes[p]!) };
    }
    case "pad":
      return pad(graph, seenThrough(node.operand, node.sizes, current(node.operand.node)), node.widths);
    case "concatenate": {
      const parts = node.operands.map((operand, i) =>
        seenThrough(operand, node.shape.with(node.axis, node.lengths[i]!), current(operand.node)),
      );
      return concatenate(graph, parts, node.axis, node.type);
    }
    case "gather":
      return regathered(graph, node, current);
    case "scatter": {
      const updates = seenThrough(node.updates, node.sizes, current(node.updates.node));
      const indexSizes = node.sizes.slice(0, node.indexRank);
      const indices = node.indices.map((index) => seenThrough(index, indexSizes, current(index.node)));
      return scatter(graph, updates, indices, node.shape, node.axes, 0, node.add, node.type);
    }
    default:
      return node satisfies never;
  }
}

function regathered(graph: GraphBuilder, node: GatherNode, current: (operand: Node) => View): View {
  const others = node.from.flatMap((source) => ("data" in source ? source.data : []));
  const data = transposed(current(node.data), [...others, ...node.axes]);
  const indices = node.indices.map((index) => seenThrough(index, node.indexSizes, current(index.node)));
  const place = Math.max(
    0,
    node.from.findIndex((source) => "index" in source),
  );
  const axes = range(node.axes.length).map((i) => others.length + i);
  return gather(graph, data, indices, axes, place);
}
