/** Products that are only summed become contractions, which never store the product. */
import { contract } from "./contraction.ts";
import { liveNodes, type Node, operandsOf, type ReduceNode, type View } from "./graph.ts";
import { GraphBuilder, rebuilt } from "./graph-builder.ts";
import { isFloat } from "./patterns.ts";
import { remade } from "./remade.ts";
import { seenThrough } from "./views.ts";

/**
 * The same graph with sums of products as contractions wherever the product is used for nothing but sums.
 *
 * The product is then never stored. It is left alone where something else reads it too.
 */
export function withContractions(outputs: readonly View[]): readonly View[] {
  const graph = new GraphBuilder();
  const onlySummed = nodesOnlySummed(outputs);
  return rebuilt(outputs, (node, current) => {
    if (node.kind === "reduce" && node.reduction === "Add" && onlySummed.has(node.input)) {
      const merged = mergedSum(graph, node, current);
      if (merged !== undefined) return merged;
    }
    return remade(graph, node, current);
  });
}

function nodesOnlySummed(outputs: readonly View[]): ReadonlySet<Node> {
  const live = liveNodes(outputs);
  const found = new Set(live);
  for (const { node } of outputs) found.delete(node);
  for (const node of live) {
    if (node.kind === "reduce" && node.reduction === "Add") continue;
    for (const read of operandsOf(node)) found.delete(read);
  }
  return found;
}

/** A sum of a product, or of a sum of products, as one contraction. */
function mergedSum(graph: GraphBuilder, sum: ReduceNode, current: (node: Node) => View): View | undefined {
  const { input, reduced } = sum;
  if (!isFloat(sum.type)) return undefined;
  if (input.kind === "map" && input.operation === "Mul") {
    const [x, y] = input.operands.map((operand) => seenThrough(operand, input.shape, current(operand.node)));
    return contract(graph, x!, y!, reduced, sum.type);
  }
  if (input.kind === "contract") {
    const [x, y] = input.operands.map((operand) => seenThrough(operand, input.sizes, current(operand.node)));
    const contracted = [...input.contracted, ...reduced.map((axis) => input.kept[axis]!)];
    return contract(graph, x!, y!, contracted, sum.type);
  }
  return undefined;
}
