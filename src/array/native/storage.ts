/** Stored orders of axes: which ones a node can have, which it can read without moving anything, and which would suit its neighbours. */
import {
  type ContractNode,
  type CumulativeSumNode,
  type GatherNode,
  type Node,
  type Operand,
  type ReduceNode,
  type ReshapeNode,
  range,
  type SliceNode,
  sizeOf,
} from "./graph.ts";

/** A node's axes (or an iteration's), outermost first. */
export type Order = readonly number[];

/** The order in which each node is stored. */
export type OrderOf = (node: Node) => Order;

/** Some of a contraction's iteration axes in an order of the result's axes. */
export function inResultOrder(group: Order, { kept }: ContractNode, order: Order): Order {
  if (group.length < 2) return group;
  return order.map((axis) => kept[axis]!).filter((i) => group.includes(i));
}

/**
 * Whether a contraction is many products of two vectors each, which are multiplied and summed, not a product of matrices.
 *
 * So is one of matrices with a vector each if the batch axes come last in the matrices, as where rows of a matrix are masked: as a product of
 * matrices it would have to be transposed first, which costs more.
 */
export function isDotProducts({ batch, rows, columns, operands }: ContractNode): boolean {
  if (batch.length === 0 || (rows.length > 0 && columns.length > 0)) return false;
  const [matrices, own] = rows.length > 0 ? [operands[0], rows] : [operands[1], columns];
  const places = (group: Order) => group.map((i) => matrices.axes[i]!);
  return Math.max(...places(own)) < Math.min(...places(batch));
}

/** The iteration axes that an operand has, in the order in which they are stored. */
export function storedOrder(operand: Operand, orderOf: OrderOf): Order {
  return orderOf(operand.node).map((axis) => operand.axes.indexOf(axis));
}

/** The order in which an operand's axes come in an iteration order. */
export function operandOrder({ axes }: Operand, iteration: Order): Order {
  // A loop, since this is called a million times for a training step's program.
  const found: number[] = [];
  for (const i of iteration) {
    const axis = axes[i];
    if (axis !== null && axis !== undefined) found.push(axis);
  }
  return found;
}

/** An order of some axes with the missing ones put where another order has them: before the first axis that comes after them there. */
export function completed(partial: Order, full: Order): Order {
  if (partial.length === full.length) return partial;
  const result = [...partial];
  for (const [place, axis] of full.entries()) {
    if (partial.includes(axis)) continue;
    const next = result.findIndex((other) => full.indexOf(other) > place);
    result.splice(next < 0 ? result.length : next, 0, axis);
  }
  return result;
}

/** Whether axes come in this order in another. */
export function isSubsequence(axes: Order, order: Order): boolean {
  let last = -1;
  for (const axis of axes) {
    const place = order.indexOf(axis);
    if (place < last) return false;
    last = place;
  }
  return true;
}

export function sameOrder(a: Order, b: Order): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/** The order closest to a wanted one that a node can be stored in. */
export function possibleOrder(node: Node, wanted: Order): Order {
  switch (node.kind) {
    case "input":
    case "constant":
      return range(node.shape.length);
    case "map":
    case "concatenate":
    case "pad":
    case "cumulative-sum":
    case "reduce":
    case "slice":
      return wanted;
    case "contract": {
      if (isDotProducts(node)) return wanted;
      const [batch, rows, columns] = [node.batch, node.rows, node.columns].map((group) =>
        inResultOrder(group, node, wanted),
      ) as [Order, Order, Order];
      const last = node.kept[wanted.at(-1)!];
      const matrix = last !== undefined && rows.includes(last) ? [...columns, ...rows] : [...rows, ...columns];
      return [...batch, ...matrix].map((i) => node.kept.indexOf(i));
    }
    case "reshape":
      return groupsInOrder(node, wanted).flatMap(({ to }) => to);
    case "gather":
      return gatheredOrder(node);
    case "scatter":
      return [...node.axes, ...range(node.shape.length).filter((axis) => !node.axes.includes(axis))];
    default:
      return node satisfies never;
  }
}

/** The groups of a reshape by the place of their first axis in an order of the result's axes. */
export function groupsInOrder({ groups }: ReshapeNode, order: Order): ReshapeNode["groups"] {
  const place = (to: Order) => Math.min(...to.map((axis) => order.indexOf(axis)));
  return [...groups].sort((a, b) => place(a.to) - place(b.to));
}

/** The axes of a gather's result in the order in which it is made: those of the indices where (or before) the data's chosen axes were. */
export function gatheredOrder({ data, axes, from, indexSizes }: GatherNode): Order {
  const rest = range(data.shape.length).filter((axis) => !axes.includes(axis));
  const chosen = range(indexSizes.length).map((i) =>
    from.findIndex((source) => "index" in source && source.index === i),
  );
  const others = rest.map((axis) => from.findIndex((source) => "data" in source && source.data === axis));
  return axes.length === 1 ? others.toSpliced(axes[0]!, 0, ...chosen) : [...chosen, ...others];
}

/** How a matrix product reads its factors. */
export interface ProductForm {
  readonly batch: Order;
  readonly rows: Order;
  readonly columns: Order;
  readonly contracted: Order;
  /** The factor with the rows and the one with the columns. */
  readonly factors: readonly [Operand, Operand];
  /** Whether each has to be moved first. */
  readonly moved: readonly [boolean, boolean];
}

/** The matrix product that gives a contraction in the order planned for it. */
export function productForm(node: ContractNode, orderOf: OrderOf): ProductForm {
  const order = orderOf(node);
  const last = node.kept[order.at(-1)!];
  // The product of the transposed factors in reverse order is the transposed product.
  const isReversed = node.columns.length > 0 && last !== undefined && node.rows.includes(last);
  const [x, y] = node.operands;
  const factors = isReversed ? ([y, x] as const) : ([x, y] as const);
  const [ownRows, ownColumns] = isReversed ? [node.columns, node.rows] : [node.rows, node.columns];
  const [batch, rows, columns] = [node.batch, ownRows, ownColumns].map((group) =>
    inResultOrder(group, node, order),
  ) as [Order, Order, Order];
  const fits = (factor: Operand, own: Order, contracted: Order) => {
    const stored = storedOrder(factor, orderOf);
    return sameOrder(stored, [...batch, ...own, ...contracted]) || sameOrder(stored, [...batch, ...contracted, ...own]);
  };
  const forms = factors.map((factor) => {
    const contracted = storedOrder(factor, orderOf).filter((i) => node.contracted.includes(i));
    const moved = [!fits(factors[0], rows, contracted), !fits(factors[1], columns, contracted)] as const;
    const cost = factors.reduce((sum, { node: { shape } }, i) => sum + (moved[i] ? sizeOf(shape) : 0), 0);
    return { batch, rows, columns, contracted, factors, moved, cost };
  });
  return forms[0]!.cost <= forms[1]!.cost ? forms[0]! : forms[1]!;
}

/** A factor's axes as a matrix product has them: batch, then those of the first axis of the matrix, then those of the second. */
export function straightOrder({ batch, rows, columns, contracted }: ProductForm, place: 0 | 1): Order {
  return place === 0 ? [...batch, ...rows, ...contracted] : [...batch, ...contracted, ...columns];
}

/** The order in which a product reads a factor: as it is stored, or, if it has to be moved, the matrix whichever way round it is moved to faster. */
export function readOrder(form: ProductForm, place: 0 | 1, orderOf: OrderOf): Order {
  const stored = storedOrder(form.factors[place], orderOf);
  if (!form.moved[place]) return stored;
  const { batch, rows, columns, contracted } = form;
  const straight = straightOrder(form, place);
  const exchanged = place === 0 ? [...batch, ...contracted, ...rows] : [...batch, ...columns, ...contracted];
  return isQuickMove(stored, exchanged) && !isQuickMove(stored, straight) ? exchanged : straight;
}

/** Whether onnxruntime moves whole rows, or one axis alone: several times faster than other moves. */
export function isQuickMove(from: Order, to: Order): boolean {
  return from.at(-1) === to.at(-1) || from.some((axis) => sameOrder(without(from, axis), without(to, axis)));
}

function without(order: Order, axis: number): Order {
  return order.filter((other) => other !== axis);
}

/** The iteration order in which many products of two vectors are multiplied before they are summed. */
export function dotProductsOrder(node: ContractNode, orderOf: OrderOf): Order {
  const kept = orderOf(node).map((axis) => node.kept[axis]!);
  const [x, y] = node.operands.map((operand) => storedOrder(operand, orderOf)) as [Order, Order];
  const innermost = [...kept, ...node.contracted];
  const candidates = [x, y].filter((order) => order.length === innermost.length && isSubsequence(kept, order));
  return candidates[0] ?? innermost;
}

/** An operand that has to be moved before a node can read it, and the order it is moved to. */
export interface Move {
  readonly node: Node;
  readonly to: Order;
}

/** What has to be moved before a node can read its operands in the order planned for it. */
export function movesBefore(node: Node, orderOf: OrderOf): Move[] {
  const outOf = (operands: readonly Operand[], order: Order) =>
    operands
      .filter((operand) => !isSubsequence(storedOrder(operand, orderOf), order))
      .map((operand) => ({ node: operand.node, to: operandOrder(operand, order) }));
  const order = orderOf(node);
  switch (node.kind) {
    case "input":
    case "constant":
      return [];
    case "map":
    case "concatenate":
      return outOf(node.operands, order);
    case "pad":
      return outOf([node.operand], order);
    case "contract": {
      if (isDotProducts(node)) return outOf(node.operands, dotProductsOrder(node, orderOf));
      const form = productForm(node, orderOf);
      return ([0, 1] as const).flatMap((place) => {
        const factor = form.factors[place];
        return form.moved[place]
          ? { node: factor.node, to: operandOrder(factor, readOrder(form, place, orderOf)) }
          : [];
      });
    }
    case "cumulative-sum":
    case "reduce":
    case "slice": {
      const [kept, stored] = [keptInput(node, order), orderOf(node.input)];
      return isSubsequence(kept, stored) ? [] : [{ node: node.input, to: completed(kept, stored) }];
    }
    case "reshape":
      return outOf([node.operand], iterationOf(node, order));
    case "gather":
      return [node.data, ...node.indices.map((index) => index.node)]
        .filter((read) => !isNatural(orderOf(read)))
        .map((read) => ({ node: read, to: range(read.shape.length) }));
    case "scatter":
      return outOf([node.updates, ...node.indices], range(node.sizes.length));
    default:
      return node satisfies never;
  }
}

/** The input's axes that a node keeps, in an order of the node's own. */
export function keptInput(node: CumulativeSumNode | ReduceNode | SliceNode, order: Order): Order {
  switch (node.kind) {
    case "cumulative-sum":
      return order;
    case "reduce": {
      const kept = range(node.input.shape.length).filter((axis) => !node.reduced.includes(axis));
      return order.map((axis) => kept[axis]!);
    }
    case "slice":
      return order.map((axis) => node.kept[axis]!);
    default:
      return node satisfies never;
  }
}

/** The iteration order in which a reshape has to read its operand. */
export function iterationOf(node: ReshapeNode, order: Order): Order {
  return groupsInOrder(node, order).flatMap(({ from }) => from);
}

export function isNatural(order: Order): boolean {
  return order.every((axis, i) => axis === i);
}
