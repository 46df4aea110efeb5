/**
 * In which order each node's axes are stored, chosen so that as few elements as possible are moved between nodes.
 *
 * A matrix product takes either of its matrices transposed for nothing and gives its result either way round; an elementwise operation
 * only wants its operands alike. Starting from each node's operands, orders are improved node by node until none gets better.
 */
import { liveNodes, type Node, operandsOf, range, sizeOf, type View } from "./graph.ts";
import { isNatural, isQuickMove, movesBefore, type Order, type OrderOf, possibleOrder, sameOrder } from "./storage.ts";
import { suggestedByOperands, suggestedByReader } from "./suggestions.ts";

/** What moving a tensor costs besides its elements, in elements. */
const moveOverhead = 2000;

/** How much slower moves are in which single elements change places. */
const slowness = 6;

/** Passes over the graph after which little is gained. */
const passes = 4;

/** The stored order of every node that the outputs need. */
export function planLayout(outputs: readonly View[]): ReadonlyMap<Node, Order> {
  const nodes = liveNodes(outputs);
  const readers = readersOf(nodes);
  const orders = new Map<Node, Order>();
  const orderOf: OrderOf = (node) => orders.get(node)!;
  const given = new Set(outputs.map((view) => view.node));

  const costOfReading = (node: Node) => {
    let cost = 0;
    for (const { node: operand, to } of movesBefore(node, orderOf)) cost += costOfMove(operand, orderOf(operand), to);
    return cost;
  };
  const costWith = (node: Node, order: Order) => {
    orders.set(node, order);
    // Results are given in the order of the program's axes, mostly that of the node's.
    const asResult = given.has(node) && !isNatural(order) ? costOfMove(node, order, range(order.length)) : 0;
    return (readers.get(node) ?? []).reduce(
      (sum, reader) => sum + costOfReading(reader),
      costOfReading(node) + asResult,
    );
  };
  const bestOf = (node: Node, wanted: readonly Order[]) => {
    const candidates: Order[] = [];
    for (const order of wanted) {
      const possible = possibleOrder(node, order);
      if (!candidates.some((other) => sameOrder(other, possible))) candidates.push(possible);
    }
    if (candidates.length === 1) return candidates[0]!;
    const costs = candidates.map((order) => ({ order, cost: costWith(node, order) }));
    return costs.reduce((best, one) => (one.cost < best.cost ? one : best)).order;
  };

  for (const node of nodes) {
    orders.set(node, possibleOrder(node, range(node.shape.length)));
  }
  const ordered = nodes.filter((node) => node.shape.length > 1);
  // Where nothing has changed that a choice depends on, it would be the same again.
  const open = new Set(ordered);
  for (let pass = 0; pass < passes && open.size > 0; pass++) {
    for (const node of pass % 2 === 0 ? ordered : ordered.toReversed()) {
      if (!open.delete(node)) continue;
      const own = orderOf(node);
      const fromReaders = (readers.get(node) ?? []).flatMap((reader) => suggestedByReader(reader, node, orderOf));
      const best = bestOf(node, [own, ...suggestedByOperands(node, orderOf), ...fromReaders]);
      orders.set(node, best);
      if (sameOrder(own, best)) continue;
      for (const neighbour of neighbours(node, readers)) if (neighbour.shape.length > 1) open.add(neighbour);
    }
  }
  return orders;
}

function costOfMove({ shape }: Node, from: Order, to: Order): number {
  return sizeOf(shape) * (isQuickMove(from, to) ? 1 : slowness) + moveOverhead;
}

/** The nodes whose best order depends on a node's: its operands, its readers, and what those read besides. */
function neighbours(node: Node, readers: ReadonlyMap<Node, readonly Node[]>): Node[] {
  const own = readers.get(node) ?? [];
  return [...operandsOf(node), ...own, ...own.flatMap(operandsOf)];
}

function readersOf(nodes: readonly Node[]): ReadonlyMap<Node, readonly Node[]> {
  const readers = new Map<Node, Node[]>();
  for (const reader of nodes) {
    for (const node of new Set(operandsOf(reader))) {
      const known = readers.get(node);
      if (known === undefined) readers.set(node, [reader]);
      else known.push(reader);
    }
  }
  return readers;
}
