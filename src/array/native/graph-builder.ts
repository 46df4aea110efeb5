/** Builds tensor graphs: equal nodes are made once, constants are folded, what changes nothing is left out. */
import {
  type ElementType,
  liveNodes,
  type MapNode,
  type Node,
  type Numbers,
  type Operand,
  range,
  sizeOf,
  type View,
} from "./graph.ts";
import { type MapOperation, scalarForm } from "./map-operations.ts";
import { simplified } from "./simplify.ts";
import { broadcastTo, commonShape, isUniform, over, viewOf, withUnitAxes } from "./views.ts";

/** A node without its place in the graph. */
type Unplaced<N> = N extends Node ? Omit<N, "id"> : never;

/** Constants of more elements than this are not folded, and compared by identity. */
const largestFolded = 2 ** 16;

/** A graph under construction. */
export class GraphBuilder {
  private readonly interned = new Map<string, Node>();
  private count = 0;

  /** The node with this content: a new one, unless an equal one was made before. */
  intern<N extends Node>(content: Unplaced<N>): N {
    const key = contentKey(content as Unplaced<Node>) ?? `unique ${this.count}`;
    const existing = this.interned.get(key);
    if (existing !== undefined) return existing as N;
    const node = { ...content, id: this.count++ } as unknown as N;
    this.interned.set(key, node);
    return node;
  }

  /** An argument of the program. */
  input(index: number, shape: readonly number[], type: ElementType): View {
    return withUnitAxes(this.intern({ kind: "input", index, type, shape: shape.filter((n) => n !== 1) }), shape);
  }

  /** Numbers known now; repeated numbers become one. */
  constant(numbers: Numbers, shape: readonly number[], type: ElementType): View {
    const first = numbers[0];
    if (first !== undefined && numbers.length > 1 && numbers.every((x) => x === first))
      return broadcastTo(this.scalar(first, type), shape);
    const kept = shape.filter((n) => n !== 1);
    return withUnitAxes(this.intern({ kind: "constant", numbers: converted(numbers, type), type, shape: kept }), shape);
  }

  scalar(value: number, type: ElementType): View {
    return this.constant(Float64Array.of(value), [], type);
  }

  /**
   * One operation on each element of views that broadcast together.
   *
   * @param type the result's
   */
  map(operation: MapOperation, views: readonly View[], type: ElementType): View {
    const simpler = simplified(this, operation, views, type) ?? this.folded(operation, views, type);
    if (simpler !== undefined) return broadcastTo(simpler, commonShape(views.map((view) => view.shape)));
    return this.exactMap(operation, views, type);
  }

  /** The result of an operation that is in the graph already. */
  existing(operation: MapOperation, views: readonly View[], type: ElementType): View | undefined {
    const { content, shape, axes } = mapContent(operation, views, type);
    const node = this.interned.get(contentKey(content)!);
    return node && { node, shape, axes };
  }

  /** `map` without simplification. */
  exactMap(operation: MapOperation, views: readonly View[], type: ElementType): View {
    const { content, shape, axes } = mapContent(operation, views, type);
    return { node: this.intern<MapNode>(content), shape, axes };
  }

  private folded(operation: MapOperation, views: readonly View[], type: ElementType): View | undefined {
    const compute = scalarForm(operation);
    if (compute === undefined || views.some((view) => view.node.kind !== "constant")) return undefined;
    const { node, shape, axes } = this.exactMap(operation, views, type);
    const { operands } = node as MapNode;
    if (sizeOf(node.shape) > largestFolded) return undefined;
    const read = operands.map((operand) => reader(operand, node.shape));
    const values = Float64Array.from({ length: sizeOf(node.shape) }, (_, i) => compute(...read.map((at) => at(i))));
    const constant = this.constant(values, node.shape, type);
    return {
      node: constant.node,
      shape,
      axes: axes.map((axis) => (axis === null || isUniform(constant) ? null : axis)),
    };
  }
}

/** Operations that give the same with their operands in any order. */
const commutative: ReadonlySet<MapOperation> = new Set([
  "Add",
  "And",
  "BitwiseAnd",
  "BitwiseOr",
  "BitwiseXor",
  "Equal",
  "Max",
  "Min",
  "Mul",
  "Or",
  "Xor",
]);

function mapContent(operation: MapOperation, views: readonly View[], type: ElementType) {
  const shape = commonShape(views.map((view) => view.shape));
  const wide = views.map((view) => broadcastTo(view, shape));
  const real = range(shape.length).filter((p) => wide.some((view) => view.axes[p] !== null));
  const operands = wide.map((view) => over(view, real));
  const content: Unplaced<MapNode> = {
    kind: "map",
    operation,
    type,
    operands: commutative.has(operation) ? operands.sort(inCanonicalOrder) : operands,
    shape: real.map((p) => shape[p]!),
  };
  return { content, shape, axes: shape.map((_, p) => (real.includes(p) ? real.indexOf(p) : null)) };
}

/** Constants last, otherwise older nodes first. */
function inCanonicalOrder(x: Operand, y: Operand): number {
  const [xIsConstant, yIsConstant] = [x, y].map(({ node }) => Number(node.kind === "constant"));
  return xIsConstant! - yIsConstant! || x.node.id - y.node.id || (x.axes.join() < y.axes.join() ? -1 : 1);
}

/** The element of a constant at each position of an iteration. */
function reader({ node, axes }: Operand, sizes: readonly number[]): (position: number) => number {
  if (node.kind !== "constant") throw new TypeError("not a constant");
  const strides = node.shape.map((_, axis) => sizeOf(node.shape.slice(axis + 1)));
  const steps = sizes.map((n, p) => ({ divisor: sizeOf(sizes.slice(p + 1)), n, axis: axes[p]! }));
  return (position) => {
    let index = 0;
    for (const { divisor, n, axis } of steps)
      if (axis !== null) index += (Math.floor(position / divisor) % n) * strides[axis]!;
    return node.numbers[index]!;
  };
}

/** Numbers as the element type holds them. */
export function converted(numbers: Numbers, type: ElementType): Numbers {
  switch (type) {
    case "float32":
      return Float32Array.from(numbers);
    case "float64":
      return Float64Array.from(numbers);
    case "int32":
      return Int32Array.from(numbers);
    case "uint32":
      return Uint32Array.from(numbers);
    case "bool":
      return Int32Array.from(numbers, (x) => Number(x !== 0));
    default:
      return type satisfies never;
  }
}

/** What makes two nodes equal; nothing for large constants, which are equal to none. */
function contentKey(content: Unplaced<Node>): string | undefined {
  switch (content.kind) {
    case "map":
      return `${content.operation} ${content.type}${operandsKey(content.operands, content.shape)}`;
    case "contract":
      return `contract ${content.contracted}${operandsKey(content.operands, content.sizes)}`;
    case "constant": {
      if (content.numbers.length > largestFolded) return undefined;
      const { buffer, byteOffset, byteLength } = content.numbers;
      // Bit patterns, since -0 is another number than 0.
      return `${content.type}[${content.shape}]${new Uint32Array(buffer, byteOffset, byteLength / 4)}`;
    }
    default:
      return JSON.stringify(content, (_, value) => (isNode(value) ? value.id : value));
  }
}

function operandsKey(operands: readonly Operand[], sizes: readonly number[]): string {
  let key = `[${sizes}]`;
  for (const { node, axes } of operands) key += ` ${node.id}:${axes}`;
  return key;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "id" in value && "kind" in value;
}

/**
 * The same graph built again, node by node, with some nodes made differently.
 *
 * @param outputs what the graph computes
 * @param remake makes a node anew, given its operands as they are now
 */
export function rebuilt(
  outputs: readonly View[],
  remake: (node: Node, current: (node: Node) => View) => View,
): readonly View[] {
  const made = new Map<Node, View>();
  const current = (node: Node) => made.get(node)!;
  for (const node of liveNodes(outputs)) made.set(node, remake(node, current));
  return outputs.map((view) => {
    const { node, axes } = current(view.node);
    return { node, shape: view.shape, axes: view.axes.map((axis) => (axis === null ? null : axes[axis]!)) };
  });
}

/** A node of which the builder knows only itself, as a view. */
export function fresh<N extends Node>(graph: GraphBuilder, content: Unplaced<N>): View {
  return viewOf(graph.intern<N>(content));
}
