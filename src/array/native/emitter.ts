/** From a tensor graph to ONNX nodes: every value gets a name and an order in which its axes are stored. */
import { emitContraction } from "./emit-contraction.ts";
import { emitGather, emitScatter } from "./emit-indexing.ts";
import { emitMap } from "./emit-map.ts";
import { emitConcatenate, emitCumulativeSum, emitPad, emitReduce, emitReshape, emitSlice } from "./emit-structure.ts";
import { liveNodes, type Node, range, type View } from "./graph.ts";
import { planLayout } from "./layout.ts";
import type { LoweredProgram } from "./lower.ts";
import { type Dialect, OnnxGraph, type OnnxModel } from "./onnx-graph.ts";
import { Placement } from "./placement.ts";
import { over } from "./views.ts";

/** The ONNX graph of a lowered program; inputs and outputs are named `input 0`, `output 0` and so on. */
export function emit({ inputs, outputs }: LoweredProgram, dialect: Dialect): OnnxModel {
  const onnx = new OnnxGraph(dialect);
  const placement = new Placement(onnx, planLayout(outputs));
  for (const [i, { shape, type }] of inputs.entries()) onnx.input({ name: inputName(i), shape, type });
  for (const node of liveNodes(outputs)) placement.place(node, emitNode(placement, node, inputs));
  for (const [i, view] of outputs.entries()) {
    const { type } = view.node;
    onnx.output({ name: outputName(i), shape: view.shape, type }, dense(placement, view));
  }
  return onnx.model();
}

export function inputName(index: number): string {
  return `input ${index}`;
}

export function outputName(index: number): string {
  return `output ${index}`;
}

function emitNode(placement: Placement, node: Node, inputs: LoweredProgram["inputs"]): string {
  const { onnx } = placement;
  switch (node.kind) {
    case "input":
      return onnx.reshaped(inputName(node.index), inputs[node.index]!.shape, node.shape);
    case "constant": {
      const name = onnx.constant(node.numbers, node.shape, node.type);
      return onnx.transposed(name, placement.order(node));
    }
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
