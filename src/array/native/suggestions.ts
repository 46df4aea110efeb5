/** Stored orders that would suit a node's operands and readers: where the search for a layout looks. */
import { type ContractNode, type Node, type Operand, type ReshapeNode, range } from "./graph.ts";
import {
  completed,
  dotProductsOrder,
  inResultOrder,
  isDotProducts,
  iterationOf,
  keptInput,
  type Order,
  type OrderOf,
  operandOrder,
  storedOrder,
} from "./storage.ts";

/** Orders of a node in which it could read one of its operands as that is stored. */
export function suggestedByOperands(node: Node, orderOf: OrderOf): Order[] {
  const own = orderOf(node);
  switch (node.kind) {
    case "map":
    case "concatenate":
      return node.operands.map((operand) => completed(storedOrder(operand, orderOf), own));
    case "pad":
      return [completed(storedOrder(node.operand, orderOf), own)];
    case "contract":
      return isDotProducts(node) ? storedLikeOperands(node, orderOf) : productOrders(node, orderOf);
    case "cumulative-sum":
    case "reduce":
    case "slice": {
      const kept = keptInput(node, own);
      return [orderOf(node.input).flatMap((axis) => (kept.includes(axis) ? own[kept.indexOf(axis)]! : []))];
    }
    case "reshape":
      return [groupsAsStored(node, orderOf)];
    case "input":
    case "constant":
    case "gather":
    case "scatter":
      return [];
    default:
      return node satisfies never;
  }
}

/** Orders of a node in which one of its readers could read it as planned. */
export function suggestedByReader(reader: Node, node: Node, orderOf: OrderOf): Order[] {
  const order = orderOf(reader);
  switch (reader.kind) {
    case "map":
    case "concatenate":
      return operandsOn(reader.operands, node).map((operand) => operandOrder(operand, order));
    case "pad":
      return [operandOrder(reader.operand, order)];
    case "contract": {
      const operands = operandsOn(reader.operands, node);
      if (isDotProducts(reader)) {
        const iteration = dotProductsOrder(reader, orderOf);
        return operands.map((operand) => operandOrder(operand, iteration));
      }
      return operands.flatMap((operand) => factorOrders(reader, operand, orderOf));
    }
    case "cumulative-sum":
    case "reduce":
    case "slice":
      return [completed(keptInput(reader, order), orderOf(node))];
    case "reshape":
      return [operandOrder(reader.operand, iterationOf(reader, order))];
    case "gather":
    case "scatter":
      return [range(node.shape.length)];
    case "input":
    case "constant":
      return [];
    default:
      return reader satisfies never;
  }
}

function operandsOn(operands: readonly Operand[], node: Node): Operand[] {
  return operands.filter((operand) => operand.node === node);
}

function storedLikeOperands(node: ContractNode, orderOf: OrderOf): Order[] {
  const { operands, kept } = node;
  return operands.map((operand) => {
    const stored = storedOrder(operand, orderOf).flatMap((i) => (kept.includes(i) ? kept.indexOf(i) : []));
    return completed(stored, orderOf(node));
  });
}

/** Both ways round, with each group of axes as one of the factors has it. */
function productOrders(node: ContractNode, orderOf: OrderOf): Order[] {
  const { batch, rows, columns } = node;
  const [x, y] = node.operands.map((operand) => storedOrder(operand, orderOf)) as [Order, Order];
  const within = (stored: Order, group: Order) => stored.filter((i) => group.includes(i));
  return [x, y].flatMap((stored) => {
    const [b, m, n] = [within(stored, batch), within(x, rows), within(y, columns)];
    return [
      [...b, ...m, ...n],
      [...b, ...n, ...m],
    ].map((order) => order.map((i) => node.kept.indexOf(i)));
  });
}

/** A factor's batch and own axes as the product has them, its summed axes as the other factor has them. */
function factorOrders(reader: ContractNode, factor: Operand, orderOf: OrderOf): Order[] {
  const order = orderOf(reader);
  const [x, y] = reader.operands;
  const batch = inResultOrder(reader.batch, reader, order);
  const own = inResultOrder(factor === x ? reader.rows : reader.columns, reader, order);
  const summed = storedOrder(factor === x ? y : x, orderOf).filter((i) => reader.contracted.includes(i));
  return [operandOrder(factor, [...batch, ...own, ...summed]), operandOrder(factor, [...batch, ...summed, ...own])];
}

function groupsAsStored(node: ReshapeNode, orderOf: OrderOf): Order {
  const stored = storedOrder(node.operand, orderOf);
  const place = (from: Order) => Math.min(...from.map((i) => stored.indexOf(i)).filter((p) => p >= 0));
  return [...node.groups].sort((a, b) => place(a.from) - place(b.from)).flatMap(({ to }) => to);
}
