/**
 * The tensor graph between a traced program and ONNX: nodes without axes of length 1, seen through lazy views.
 *
 * Movement costs nothing here: a transposition, a broadcast or a unit axis changes only the view. Nodes are interned, so equal
 * subexpressions are one node, and pattern matching may compare nodes by identity.
 */
import type { MapOperation } from "./map-operations.ts";

/** Element types that the engine computes with. */
export type ElementType = "float32" | "float64" | "int32" | "uint32" | "bool";

/** The numbers of a constant: booleans as 0 and 1 in an `Int32Array`. */
export type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array;

interface NodeBase {
  /** Position in creation order, which is a topological order. */
  readonly id: number;
  /** Lengths of its axes, none of which is 1. */
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** An argument of the program. */
export interface InputNode extends NodeBase {
  readonly kind: "input";
  readonly index: number;
}

export interface ConstantNode extends NodeBase {
  readonly kind: "constant";
  readonly numbers: Numbers;
}

/** One operation on each element, over the axes that any operand has. */
export interface MapNode extends NodeBase {
  readonly kind: "map";
  readonly operation: MapOperation;
  readonly operands: readonly Operand[];
}

/** $$\sum_{contracted} x\,y$$ over iteration axes of which each operand has some; both have every contracted one. */
export interface ContractNode extends NodeBase {
  readonly kind: "contract";
  readonly operands: readonly [Operand, Operand];
  /** Lengths of the iteration axes. */
  readonly sizes: readonly number[];
  /** Iteration axes that the result keeps, in the order of its axes. */
  readonly kept: readonly number[];
  readonly contracted: readonly number[];
  /** Of the kept axes, those that both operands have, and those that the first or the second alone has: batch, M and N of a matrix product. */
  readonly batch: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

export type Reduction = "Add" | "Mul" | "Min" | "Max";

export interface ReduceNode extends NodeBase {
  readonly kind: "reduce";
  readonly reduction: Reduction;
  readonly input: Node;
  /** Axes of the input, ascending. */
  readonly reduced: readonly number[];
}

/** A running sum along one axis. */
export interface CumulativeSumNode extends NodeBase {
  readonly kind: "cumulative-sum";
  readonly input: Node;
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** Axes of the operand regrouped: each group of adjacent iteration axes becomes adjacent axes of the result. */
export interface ReshapeNode extends NodeBase {
  readonly kind: "reshape";
  readonly operand: Operand;
  readonly sizes: readonly number[];
  /** For each group the iteration axes that it merges and the result's axes that it becomes. */
  readonly groups: readonly { readonly from: readonly number[]; readonly to: readonly number[] }[];
}

/** Every `step`-th element from `start` up to `end`, per axis of the input; backwards for a step of -1. */
export interface SliceNode extends NodeBase {
  readonly kind: "slice";
  readonly input: Node;
  readonly ranges: readonly SliceRange[];
  /** Input axes that the result keeps: those of which more or less than one element is left. */
  readonly kept: readonly number[];
}

export interface SliceRange {
  readonly start: number;
  readonly end: number;
  readonly step: 1 | -1;
}

/** Zeros before and after, per iteration axis. */
export interface PadNode extends NodeBase {
  readonly kind: "pad";
  readonly operand: Operand;
  readonly sizes: readonly number[];
  readonly widths: readonly (readonly [number, number])[];
}

export interface ConcatenateNode extends NodeBase {
  readonly kind: "concatenate";
  readonly operands: readonly Operand[];
  /** Each operand's length along `axis`; all other lengths are the result's. */
  readonly lengths: readonly number[];
  readonly axis: number;
}

/** Elements of the data at integer positions along some of its axes. */
export interface GatherNode extends NodeBase {
  readonly kind: "gather";
  readonly data: Node;
  /** One an axis of `axes`, over the common iteration axes `indexSizes`. */
  readonly indices: readonly Operand[];
  readonly indexSizes: readonly number[];
  readonly axes: readonly number[];
  /** For each axis of the result: an axis of the data, or an iteration axis of the indices. */
  readonly from: readonly ({ readonly data: number } | { readonly index: number })[];
}

/** Zeros with updates added (or written) at integer positions along some axes of the result. */
export interface ScatterNode extends NodeBase {
  readonly kind: "scatter";
  readonly updates: Operand;
  readonly indices: readonly Operand[];
  /** Lengths of the iteration axes of updates and indices: first the indices' axes, then the result's other axes in order. */
  readonly sizes: readonly number[];
  readonly indexRank: number;
  readonly axes: readonly number[];
  readonly add: boolean;
}

export type Node =
  | InputNode
  | ConstantNode
  | MapNode
  | ContractNode
  | ReduceNode
  | CumulativeSumNode
  | ReshapeNode
  | SliceNode
  | PadNode
  | ConcatenateNode
  | GatherNode
  | ScatterNode;

/** A node's axes as they stand in an iteration: for each iteration axis the node's axis, or null where it repeats. */
export interface Operand {
  readonly node: Node;
  readonly axes: readonly (number | null)[];
}

/** A node as the program sees it: for each of the program's axes the node's axis, or null where it repeats or has length 1. */
export interface View extends Operand {
  readonly shape: readonly number[];
}

/** The nodes that a node reads. */
export function operandsOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "input":
    case "constant":
      return [];
    case "map":
    case "contract":
    case "concatenate":
      return node.operands.map((operand) => operand.node);
    case "reduce":
    case "cumulative-sum":
    case "slice":
      return [node.input];
    case "reshape":
    case "pad":
      return [node.operand.node];
    case "gather":
      return [node.data, ...node.indices.map((index) => index.node)];
    case "scatter":
      return [node.updates.node, ...node.indices.map((index) => index.node)];
    default:
      return node satisfies never;
  }
}

/** The nodes that the outputs depend on, in topological order. */
export function liveNodes(outputs: readonly View[]): Node[] {
  const found = new Set<Node>();
  const open = outputs.map((view) => view.node);
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    open.push(...operandsOf(node));
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** How many elements a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  let product = 1;
  for (const n of shape) product *= n;
  return product;
}

/** The whole numbers from 0. */
export function range(count: number): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) numbers.push(i);
  return numbers;
}
