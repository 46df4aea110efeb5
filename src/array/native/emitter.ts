/** From a tensor graph to ONNX nodes: every value gets a name and an order in which its axes are stored. */
import { emitContraction } from "./emit-contraction.ts";
import { emitGather, emitScatter } from "./emit-indexing.ts";
import { emitMap } from "./emit-map.ts";
import { emitConcatenate, emitCumulativeSum, emitPad, emitReduce, emitReshape, emitSlice } from "./emit-structure.ts";
import { liveNodes, type Node, range, type View } from "./graph.ts";
import { planLayout } from "./layout.ts";
import type { LoweredProgram } from "./lower.ts";
import { type Dialect, OnnxGraph, type OnnxModel, type OnnxTensor } from "./onnx-graph.ts";
import { Placement } from "./placement.ts";
import { over } from "./views.ts";

/** What a graph's inputs and outputs are called, each in order. */
export interface GraphNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * The ONNX graph of a lowered program.
 *
 * @param names `input 0`, `output 0` and so on by default
 */
export function emit(program: LoweredProgram, dialect: Dialect, names: GraphNames = numbered(program)): OnnxModel {
  const { outputs } = program;
  const inputs = program.inputs.map(({ shape, type }, i) => ({ name: names.inputs[i]!, shape, type }));
  const placement = new Placement(new OnnxGraph(dialect), planLayout(outputs));
  for (const tensor of inputs) placement.onnx.input(tensor);
  emitNodes(placement, liveNodes(outputs), inputs);
  emitResults(placement, outputs, names.outputs);
  return placement.onnx.model();
}

/** @param inputs what the program's inputs are called here */
export function emitNodes(placement: Placement, nodes: readonly Node[], inputs: readonly OnnxTensor[]): void {
  for (const node of nodes) placement.place(node, emitNode(placement, node, inputs));
}

/** Makes views outputs of the graph. */
export function emitResults(placement: Placement, results: readonly View[], names: readonly string[]): void {
  for (const [i, view] of results.entries()) {
    placement.onnx.output({ name: names[i]!, shape: view.shape, type: view.node.type }, dense(placement, view));
  }
}

function numbered({ inputs, outputs }: LoweredProgram): GraphNames {
  return { inputs: inputs.map((_, i) => `input ${i}`), outputs: outputs.map((_, i) => `output ${i}`) };
}

function emitNode(placement: Placement, node: Node, inputs: readonly OnnxTensor[]): string {
  const { onnx } = placement;
  switch (node.kind) {
    case "input":
      return onnx.reshaped(inputs[node.index]!.name, inputs[node.index]!.shape, node.shape);
    case "constant":
      return onnx.constant(node.numbers, node.shape, node.type);
    case "map":
      return emitMap(placement, node);
    case "contract":
      return emitContraction(placement, node);
    case "reduce":
      return emitReduce(placement, node);
    case "cumulative-sum":
      return emitCumulativeSum(placement, node);
    case "reshape":
      return emitReshape(placement, node);
    case "slice":
      return emitSlice(placement, node);
    case "pad":
      return emitPad(placement, node);
    case "concatenate":
      return emitConcatenate(placement, node);
    case "gather":
      return emitGather(placement, node);
    case "scatter":
      return emitScatter(placement, node);
    default:
      return node satisfies never;
  }
}

/** A view as the program's caller sees it: axes in order, repeated ones and those of length 1 written out. */
function dense(placement: Placement, view: View): string {
  const real = range(view.shape.length).filter((p) => view.axes[p] !== null);
  const name = placement.inOrder(over(view, real), range(real.length));
  const compact = view.shape.map((n, p) => (view.axes[p] === null ? 1 : n));
  const spread = placement.onnx.reshaped(
    name,
    real.map((p) => view.shape[p]!),
    compact,
  );
  return placement.onnx.expanded(spread, compact, view.shape);
}
