/** One graph for every length of the first axis, from the graphs of two lengths. */
import { EngineError } from "../../utils/index.ts";
import type { OnnxInitializer, OnnxModel, OnnxNode, OnnxTensor } from "./onnx-graph.ts";

/** A program's graph at one length of the first axis of all its inputs and outputs. */
export interface SizedModel {
  readonly model: OnnxModel;
  readonly length: number;
}

/** A list of lengths or positions, some of which are multiples of the first axis' length. */
interface SizedList {
  readonly name: string;
  /** A number that does not change, or how often it holds the first axis' length. */
  readonly entries: readonly (bigint | { readonly times: bigint })[];
}

/**
 * The graph that stands for two graphs of a program, and for that program at any other length.
 *
 * Both must have the same nodes, and their constants may differ only in lists of lengths and positions, there by multiples of the first axis'
 * length: those become computed from the first input's shape.
 *
 * @param first the program at a length that no other axis has, best a prime; so is `second`, at another length
 * @param axis what the first axis is called
 * @throws EngineError naming the first node that differs otherwise
 */
export function unify(first: SizedModel, second: SizedModel, axis: string): OnnxModel {
  const comparison = new Comparison(first, second, axis);
  const { inputs, outputs } = first.model;
  comparison.tensors(inputs, second.model.inputs);
  comparison.tensors(outputs, second.model.outputs);
  const nodes = first.model.nodes.map((node, i) => comparison.node(i, node, second.model.nodes[i]));
  if (second.model.nodes.length > nodes.length) throw comparison.misfit(`${second.model.nodes.length} nodes`);
  const computed = computeLists(comparison.lists, inputs[0]!.name, axis);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const anyLength = (tensor: OnnxTensor): OnnxTensor => ({ ...tensor, anyFirstAxis: axis });
  return {
    nodes: [...computed.nodes, ...nodes],
    initializers: [...first.model.initializers.filter(({ name }) => read.has(name)), ...computed.initializers],
    inputs: inputs.map(anyLength),
    outputs: outputs.map(anyLength),
  };
}

class Comparison {
  readonly lists: SizedList[] = [];
  private readonly first: SizedModel;
  private readonly second: SizedModel;
  private readonly axis: string;
  private readonly constants: readonly ReadonlyMap<string, OnnxInitializer>[];
  /** What each value of the first graph is called in the second. */
  private readonly partners = new Map<string, string>();
  private readonly known = new Map<string, SizedList>();

  constructor(first: SizedModel, second: SizedModel, axis: string) {
    this.first = first;
    this.second = second;
    this.axis = axis;
    this.constants = [first, second].map(({ model }) => new Map(model.initializers.map((it) => [it.name, it])));
  }

  misfit(what: string): EngineError {
    const { first, second, axis } = this;
    return new EngineError(
      `the graphs of ${axis} ${first.length} and ${axis} ${second.length} differ by more than that number: ${what}; ` +
        `choose a fixed ${axis} instead`,
    );
  }

  /** Inputs or outputs. */
  tensors(ones: readonly OnnxTensor[], others: readonly OnnxTensor[]): void {
    for (const [i, one] of ones.entries()) {
      const other = others[i]!;
      const sized = one.shape[0] === this.first.length && other.shape[0] === this.second.length;
      if (!sized || one.name !== other.name || `${one.shape.slice(1)}` !== `${other.shape.slice(1)}`)
        throw this.misfit(`"${one.name}" has shapes [${one.shape}] and [${other.shape}]`);
      this.partners.set(one.name, other.name);
    }
  }

  /** The node of any length. */
  node(index: number, one: OnnxNode, other: OnnxNode | undefined): OnnxNode {
    const misfit = (what: string) => this.misfit(`node ${index}, ${one.operation}, ${what}`);
    if (one.operation !== other?.operation) throw misfit(`is ${other?.operation ?? "missing"} in the other`);
    if (JSON.stringify(one.attributes) !== JSON.stringify(other.attributes)) throw misfit("has other attributes");
    if (one.inputs.length !== other.inputs.length) throw misfit("has more inputs in one of them");
    const inputs = one.inputs.map((name, i) => {
      const partner = other.inputs[i]!;
      const [constant, otherConstant] = [this.constants[0]!.get(name), this.constants[1]!.get(partner)];
      if (constant !== undefined && otherConstant !== undefined) {
        const found = this.constant(constant, otherConstant);
        if (found === undefined) throw misfit(`has a constant that is no multiple of it, as input ${i}`);
        return found;
      }
      if (this.partners.get(name) !== partner) throw misfit(`reads other values, as input ${i}`);
      return name;
    });
    for (const [i, name] of one.outputs.entries()) this.partners.set(name, other.outputs[i]!);
    return { ...one, inputs };
  }

  /** The name of the constant of any length, if there is one. */
  private constant(one: OnnxInitializer, other: OnnxInitializer): string | undefined {
    if (one.type !== other.type || `${one.shape}` !== `${other.shape}`) return undefined;
    if (one.bytes.every((byte, i) => byte === other.bytes[i])) return one.name;
    if (one.type !== "int64" || one.shape.length !== 1) return undefined;
    const others = integersOf(other);
    const entries = integersOf(one).map((n, i) => this.entry(n, others[i]!));
    if (!entries.every((entry) => entry !== undefined)) return undefined;
    // The same numbers may stand for a fixed length in one place and for the first axis' in another.
    const name = `${one.name} at any ${this.axis}: ${entries.map((it) => (typeof it === "bigint" ? it : `${it.times}x`))}`;
    if (!this.known.has(name)) {
      this.known.set(name, { name, entries });
      this.lists.push({ name, entries });
    }
    return name;
  }

  private entry(one: bigint, other: bigint): bigint | { times: bigint } | undefined {
    if (one === other) return one;
    const times = one / BigInt(this.first.length);
    const isMultiple = times * BigInt(this.first.length) === one && times * BigInt(this.second.length) === other;
    return isMultiple ? { times } : undefined;
  }
}

function integersOf({ bytes }: OnnxInitializer): bigint[] {
  return [...new BigInt64Array(bytes.slice().buffer)];
}

/** Nodes that compute the lists from an input's shape. */
function computeLists(lists: readonly SizedList[], input: string, axis: string) {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxInitializer>();
  const length = `length of ${axis}`;
  const constant = (numbers: readonly bigint[]) => {
    const name = `integers ${numbers}`;
    const bytes = new Uint8Array(BigInt64Array.from(numbers).buffer);
    initializers.set(name, { name, type: "int64", shape: [numbers.length], bytes });
    return name;
  };
  const products = new Map<bigint, string>([[1n, length]]);
  const product = (times: bigint) => {
    const name = products.get(times) ?? `${length} x ${times}`;
    if (!products.has(times)) {
      nodes.push({ operation: "Mul", inputs: [length, constant([times])], outputs: [name], attributes: {} });
      products.set(times, name);
    }
    return name;
  };
  if (lists.length > 0)
    nodes.push({ operation: "Shape", inputs: [input], outputs: [length], attributes: { start: 0, end: 1 } });
  for (const { name, entries } of lists) {
    const parts = entries.map((entry) => (typeof entry === "bigint" ? constant([entry]) : product(entry.times)));
    nodes.push({ operation: "Concat", inputs: parts, outputs: [name], attributes: { axis: 0 } });
  }
  return { nodes, initializers: [...initializers.values()] };
}
