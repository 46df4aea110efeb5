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
  private readonly foldedNodes = new Map<Node, View>();
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
    if (sizeOf(node.shape) > largestFolded) return undefined;
    const constant = this.foldedNodes.get(node) ?? this.constant(computed(node as MapNode, compute), node.shape, type);
    this.foldedNodes.set(node, constant);
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

/** The results of an operation on constants. */
function computed({ operands, shape }: MapNode, compute: (...x: number[]) => number): Float64Array {
  const [x, y = x, z = x] = operands.map((operand) => spread(operand, shape)) as [Numbers, Numbers?, Numbers?];
  const results = new Float64Array(sizeOf(shape));
  for (let i = 0; i < results.length; i++) results[i] = compute(x[i]!, y[i]!, z[i]!);
  return results;
}

/** The elements of a constant at all positions of an iteration. */
function spread({ node, axes }: Operand, sizes: readonly number[]): Numbers {
  if (node.kind !== "constant") throw new TypeError("not a constant");
  const isWhole = axes.length === node.shape.length && axes.every((axis, p) => axis === p);
  if (isWhole) return node.numbers;
  const positions = new Uint32Array(sizeOf(sizes));
  let repeats = 1;
  for (let p = sizes.length - 1; p >= 0; p--) {
    const [axis, n] = [axes[p]!, sizes[p]!];
    const stride = axis === null ? 0 : sizeOf(node.shape.slice(axis + 1));
    // What is filled so far is repeated n times, each time one step along this axis further on.
    for (let k = n - 1; k > 0; k--) {
      for (let i = 0; i < repeats; i++) positions[k * repeats + i] = positions[i]! + k * stride;
    }
    repeats *= n;
  }
  return Float64Array.from(positions, (position) => node.numbers[position]!);
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
