/** Where each node's value lies, and how to get it in the order that a reader needs. */
import type { Node, Operand } from "./graph.ts";
import type { OnnxGraph } from "./onnx-graph.ts";
import { type Order, operandOrder, storedOrder } from "./storage.ts";

/** The values emitted so far, each stored in its planned order. */
export class Placement {
  readonly onnx: OnnxGraph;
  private readonly orders: ReadonlyMap<Node, Order>;
  private readonly names = new Map<Node, string>();

  constructor(onnx: OnnxGraph, orders: ReadonlyMap<Node, Order>) {
    this.onnx = onnx;
    this.orders = orders;
  }

  place(node: Node, name: string): void {
    this.names.set(node, name);
  }

  /** A placement in a graph inside this one, which reads some of the values here. */
  within(onnx: OnnxGraph, read: readonly Node[]): Placement {
    const inner = new Placement(onnx, this.orders);
    for (const node of read) inner.place(node, this.name(node));
    return inner;
  }

  name(node: Node): string {
    return this.names.get(node)!;
  }

  /** The node's axes in the order in which they are stored. */
  readonly order = (node: Node): Order => this.orders.get(node)!;

  /** The iteration axes that an operand has, in the order in which they are stored. */
  stored(operand: Operand): Order {
    return storedOrder(operand, this.order);
  }

  /** An operand's value with the axes that it has stored in an iteration order. */
  inOrder(operand: Operand, iteration: Order): string {
    const order = this.order(operand.node);
    const wanted = operandOrder(operand, iteration);
    return this.onnx.transposed(
      this.name(operand.node),
      wanted.map((axis) => order.indexOf(axis)),
    );
  }

  /** An operand's value with one stored axis for each iteration axis in order, of length 1 where the operand has none. */
  aligned(operand: Operand, iteration: Order): string {
    const stored = operandOrder(operand, iteration).map((axis) => operand.node.shape[axis]!);
    return this.onnx.reshaped(this.inOrder(operand, iteration), stored, compactLengths(operand, iteration));
  }

  /** `aligned` without leading axes of length 1, for operations that broadcast. */
  broadcastable(operand: Operand, iteration: Order): string {
    const first = iteration.findIndex((i) => operand.axes[i] !== null);
    return this.aligned(operand, first < 0 ? [] : iteration.slice(first));
  }

  /** `aligned` with repeated axes written out. */
  spread(operand: Operand, iteration: Order, sizes: readonly number[]): string {
    return this.onnx.expanded(
      this.aligned(operand, iteration),
      compactLengths(operand, iteration),
      iteration.map((i) => sizes[i]!),
    );
  }
}

function compactLengths({ node, axes }: Operand, iteration: Order): number[] {
  return iteration.map((i) => (axes[i] === null ? 1 : node.shape[axes[i]!]!));
}
