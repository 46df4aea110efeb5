/** A whole recurrence with its gradient as one ONNX graph: a scan over the steps, and one back over what it left. */
import { emitNodes, emitResults } from "./emitter.ts";
import { type ElementType, type Node, sizeOf } from "./graph.ts";
import { planLayout } from "./layout.ts";
import type { LoweredProgram } from "./lower.ts";
import { OnnxGraph, type OnnxModel, type OnnxTensor } from "./onnx-graph.ts";
import { Placement } from "./placement.ts";
import { cut, type InputRole } from "./stages.ts";
import type { Order } from "./storage.ts";

/** Something that is carried from step to step: numbers of the input that it is before a step and of the output that it is after it. */
export interface Carried {
  readonly input: number;
  readonly output: number;
}

/** Which of a step's inputs and outputs are what, by number. All other inputs are shared by all steps, or carried but never changed. */
export interface RecurrenceRoles {
  readonly cost: number;
  /** Inputs of which each step has its own. */
  readonly own: readonly number[];
  readonly state: readonly Carried[];
  /** Gradients, of the state and of what is shared. */
  readonly gradients: readonly Carried[];
}

export interface RecurrenceModel {
  /** Its inputs are the program's, those that each step has stacked; its outputs the costs of all steps, and the gradients that are carried. */
  readonly model: OnnxModel;
  /** Nodes that are computed for each step. */
  readonly nodes: readonly Node[];
  /** Bytes that the way back needs of each step. */
  readonly keptBytes: number;
}

/** The graph for any number of steps. */
export function emitRecurrence({ inputs, outputs }: LoweredProgram, roles: RecurrenceRoles): RecurrenceModel {
  const { cost, own, state, gradients } = roles;
  const viewsOf = (carried: readonly Carried[]) => carried.map(({ output }) => outputs[output]!);
  const [results, owed] = [[...viewsOf(state), outputs[cost]!], viewsOf(gradients)];
  const stages = cut(results, owed, roleFinder(roles));
  const orders = planLayout([...results, ...owed]);

  const tensors = inputs.map(({ shape, type }, i): OnnxTensor => ({ name: `input ${i}`, shape, type }));
  const around = new Placement(new OnnxGraph("onnxruntime"), orders);
  for (const [i, tensor] of tensors.entries()) around.onnx.input(own.includes(i) ? stacked(tensor) : tensor);
  emitNodes(around, stages.shared, tensors);

  const kept = new Map(stages.kept.map((node, i) => [node, keptTensor(node, orders.get(node)!, `kept ${i}`)]));
  const there = new Body("there", around, stages.shared, tensors);
  there.take(state.map(({ input }) => input));
  there.take(own);
  emitNodes(there.placement, stages.there, there.inputs);
  emitResults(there.placement, results, [...state.map(({ output }) => `there output ${output}`), "there cost"]);
  for (const [node, tensor] of kept) there.onnx.output(tensor, there.placement.name(node));

  const back = new Body("back", around, stages.shared, tensors);
  back.take(gradients.map(({ input }) => input));
  back.take(own);
  for (const [node, { name, ...rest }] of kept) {
    const read = { ...rest, name: `back ${name}` };
    back.onnx.input(read);
    back.placement.place(node, read.name);
  }
  emitNodes(back.placement, stages.back, back.inputs);
  emitResults(
    back.placement,
    owed,
    gradients.map(({ output }) => `back output ${output}`),
  );

  const name = (input: number) => tensors[input]!.name;
  const left = around.onnx.scan(
    there.onnx.model(),
    state.map(({ input }) => name(input)),
    own.map(name),
    "forward",
  );
  const [costs, ...keptNames] = left.slice(state.length);
  const found = around.onnx.scan(
    back.onnx.model(),
    gradients.map(({ input }) => name(input)),
    [...own.map(name), ...keptNames],
    "reverse",
  );
  around.onnx.output(stacked({ name: "costs", type: outputs[cost]!.node.type, shape: [] }), costs!);
  for (const [i, { output }] of gradients.entries()) {
    const { shape, node } = outputs[output]!;
    around.onnx.output({ name: `output ${output}`, shape, type: node.type }, found[i]!);
  }
  return {
    model: around.onnx.model(),
    nodes: [...stages.there, ...stages.back],
    keptBytes: [...kept.values()].reduce(
      (sum, { shape, type }) => sum + sizeOf(shape) * bytesOf[type as ElementType],
      0,
    ),
  };
}

const bytesOf: Readonly<Record<ElementType, number>> = { float32: 4, float64: 8, int32: 4, uint32: 4, bool: 1 };

/** The graph that is run for each step, within the one that runs it. */
class Body {
  readonly onnx: OnnxGraph;
  readonly placement: Placement;
  /** What the program's inputs are called here. */
  readonly inputs: OnnxTensor[];
  private readonly name: string;

  constructor(name: string, around: Placement, shared: readonly Node[], inputs: readonly OnnxTensor[]) {
    this.name = name;
    this.onnx = new OnnxGraph("onnxruntime", name);
    this.placement = around.within(this.onnx, shared);
    this.inputs = [...inputs];
  }

  /** Makes inputs of the program inputs of this graph. */
  take(inputs: readonly number[]): void {
    for (const i of inputs) {
      const tensor = { ...this.inputs[i]!, name: `${this.name} input ${i}` };
      this.onnx.input(tensor);
      this.inputs[i] = tensor;
    }
  }
}

function roleFinder({ own, state, gradients }: RecurrenceRoles): (input: number) => InputRole {
  const roles = new Map<number, InputRole>();
  for (const input of own) roles.set(input, "own");
  for (const { input } of state) roles.set(input, "carried there");
  for (const { input } of gradients) roles.set(input, "carried back");
  return (input) => roles.get(input) ?? "shared";
}

/** A node's value as it is stored. */
function keptTensor(node: Node, order: Order, name: string): OnnxTensor {
  return { name, type: node.type, shape: order.map((axis) => node.shape[axis]!) };
}

/** The same of every step. */
function stacked({ name, type, shape }: OnnxTensor): OnnxTensor {
  return { name, type, shape: [1, ...shape], anyFirstAxis: "steps" };
}
