/** An ONNX graph under construction: nodes and constants by name, equal ones made once. */
import type { ElementType, Numbers } from "./graph.ts";

/** Element types that occur in ONNX graphs: the engine's own, and that of shapes and axes. */
export type OnnxType = ElementType | "int64";

/** A graph is the body of an operation that runs it, and may read values of the graph around it. */
export type OnnxAttribute = number | string | readonly number[] | OnnxModel;

export interface OnnxNode {
  readonly operation: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** What the first axis is called where the graph takes any length of it. */
  readonly anyFirstAxis?: string;
}

export interface OnnxInitializer extends OnnxTensor {
  readonly bytes: Uint8Array;
}

/** A graph ready to be written. */
export interface OnnxModel {
  /** What the file says about itself, by name. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
}

/** A matrix, or a stack of them, to be multiplied. */
export interface Factor {
  readonly name: string;
  readonly rank: number;
  /** Whether its last two axes have to be exchanged first. */
  readonly exchanged: boolean;
}

/** Which operators a graph may use: those of the ONNX standard, or also onnxruntime's own. */
export type Dialect = "standard" | "onnxruntime";

/** Collects nodes and constants; names are short and say nothing. */
export class OnnxGraph {
  private readonly dialect: Dialect;
  private readonly prefix: string;
  private readonly nodes: OnnxNode[] = [];
  private readonly initializers: OnnxInitializer[] = [];
  private readonly inputs: OnnxTensor[] = [];
  private readonly outputs = new Map<OnnxTensor, string>();
  private readonly names = new Map<string, string>();
  /** What each reshaped value was before. */
  private readonly reshapes = new Map<string, { readonly name: string; readonly shape: readonly number[] }>();

  /** @param prefix what names of values begin with: a body's names must differ from those around it */
  constructor(dialect: Dialect, prefix = "t") {
    this.dialect = dialect;
    this.prefix = prefix;
  }

  /** The name of an operation's result. */
  node(operation: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.once(`${operation}(${inputs})${JSON.stringify(attributes)}`, (output) => {
      this.nodes.push({ operation, inputs, outputs: [output], attributes });
    });
  }

  /**
   * Runs a graph once for each element along the first axis of what is scanned.
   *
   * @param body its first inputs and outputs are what is carried from one element to the next, its last what is scanned and what is stacked
   * @param carried what the first run is given
   * @param scanned elements along the first axis, one for each of the body's last inputs
   * @returns names of what the last run carries out, then of what is stacked in the scanned order
   */
  scan(
    body: OnnxModel,
    carried: readonly string[],
    scanned: readonly string[],
    direction: "forward" | "reverse",
  ): string[] {
    const outputs = body.outputs.map(({ name }) => `${name} scanned`);
    const attributes = {
      body,
      num_scan_inputs: scanned.length,
      scan_input_directions: scanned.map(() => Number(direction === "reverse")),
    };
    this.nodes.push({ operation: "Scan", inputs: [...carried, ...scanned], outputs, attributes });
    return outputs;
  }

  /** The graph's inputs come in the order of the calls. */
  input(tensor: OnnxTensor): void {
    this.inputs.push(tensor);
  }

  /** The graph's outputs come in the order of the calls. */
  output(tensor: OnnxTensor, value: string): void {
    this.outputs.set(tensor, value);
  }

  /** The graph without what no output needs. */
  model(): OnnxModel {
    const made = new Set(this.nodes.flatMap(({ outputs }) => outputs));
    const renamed = new Map<string, string>();
    const copies: OnnxNode[] = [];
    for (const [{ name }, value] of this.outputs) {
      // A node's result can be called what the output is called, once; an input or constant cannot.
      if (made.has(value) && !renamed.has(value)) renamed.set(value, name);
      else
        copies.push({ operation: "Identity", inputs: [renamed.get(value) ?? value], outputs: [name], attributes: {} });
    }
    const rename = (name: string) => renamed.get(name) ?? name;
    const needed = new Set([...this.outputs.keys()].map(({ name }) => name));
    const nodes: OnnxNode[] = [];
    for (const node of [...this.nodes, ...copies].reverse()) {
      const outputs = node.outputs.map(rename);
      if (!outputs.some((name) => needed.has(name))) continue;
      const inputs = node.inputs.map(rename);
      for (const name of inputs) needed.add(name);
      for (const inner of bodyOf(node)?.nodes ?? []) for (const name of inner.inputs) needed.add(name);
      nodes.push({ ...node, inputs, outputs });
    }
    return {
      nodes: nodes.reverse(),
      initializers: this.initializers.filter(({ name }) => needed.has(name)),
      inputs: this.inputs,
      outputs: [...this.outputs.keys()],
    };
  }

  /** The name of a constant. */
  constant(numbers: Numbers, shape: readonly number[], type: ElementType): string {
    const data = type === "bool" ? Uint8Array.from(numbers) : numbers;
    return this.initializer(type, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** The name of a constant list of axes, lengths or positions. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const numbers = BigInt64Array.from(values, BigInt);
    return this.initializer("int64", shape, new Uint8Array(numbers.buffer));
  }

  /** A tensor with its stored axes in another order. */
  transposed(name: string, permutation: readonly number[]): string {
    if (permutation.every((axis, i) => axis === i)) return name;
    return this.node("Transpose", [name], { perm: permutation });
  }

  reshaped(name: string, from: readonly number[], to: readonly number[]): string {
    // A reshape of a reshape is one of what that reshaped.
    const origin = this.reshapes.get(name) ?? { name, shape: from };
    if (isSameShape(origin.shape, to)) return origin.name;
    const reshaped = this.node("Reshape", [origin.name, this.integers(to)]);
    this.reshapes.set(reshaped, origin);
    return reshaped;
  }

  /** A tensor with its axes of length 1 repeated. */
  expanded(name: string, from: readonly number[], to: readonly number[]): string {
    if (isSameShape(from, to)) return name;
    return this.node("Expand", [name, this.integers(to)]);
  }

  /** Whether products take matrices with their axes exchanged for nothing. */
  exchangesFreely(type: ElementType): boolean {
    return this.dialect === "onnxruntime" && type === "float32";
  }

  /** A product of matrices, each of which may be stored with its axes exchanged. */
  matrixProduct(a: Factor, b: Factor, type: ElementType): string {
    if (!a.exchanged && !b.exchanged) return this.node("MatMul", [a.name, b.name]);
    if (this.exchangesFreely(type)) {
      const attributes = { transA: Number(a.exchanged), transB: Number(b.exchanged) };
      return this.node("FusedMatMul", [a.name, b.name], attributes);
    }
    const straight = [a, b].map(({ name, rank, exchanged }) => {
      const axes = Array.from({ length: rank }, (_, i) => i);
      return exchanged ? this.transposed(name, [...axes.slice(0, -2), rank - 1, rank - 2]) : name;
    });
    return this.node("MatMul", straight);
  }

  private initializer(type: OnnxType, shape: readonly number[], bytes: Uint8Array): string {
    const make = (name: string) => this.initializers.push({ name, type, shape, bytes });
    // Comparing large constants costs more than the rare double.
    if (bytes.length > 4096) return this.fresh(make);
    return this.once(`${type}[${shape}]${bytes}`, make);
  }

  private once(key: string, make: (name: string) => void): string {
    const existing = this.names.get(key);
    if (existing !== undefined) return existing;
    const name = this.fresh(make);
    this.names.set(key, name);
    return name;
  }

  private fresh(make: (name: string) => void): string {
    const name = `${this.prefix}${this.nodes.length}_${this.initializers.length}`;
    make(name);
    return name;
  }
}

/** The graph that an operation runs, if it runs one. */
export function bodyOf({ attributes }: OnnxNode): OnnxModel | undefined {
  return attributes.body as OnnxModel | undefined;
}

/** Operations of a graph and of the graphs in it. */
export function countOperations({ nodes }: OnnxModel): number {
  return nodes.reduce((count, node) => {
    const body = bodyOf(node);
    return count + 1 + (body === undefined ? 0 : countOperations(body));
  }, 0);
}

function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}
