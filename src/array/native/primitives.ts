/** What each primitive of the array library becomes: a table closed at compile time, so that a new primitive is a type error. */
import { contract } from "./contraction.ts";
import { type ElementType, type Reduction, type SliceRange, sizeOf, type View } from "./graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { gather, scatter } from "./indexing.ts";
import type { MapOperation } from "./map-operations.ts";
import { isFloat } from "./patterns.ts";
import { reshape } from "./reshape.ts";
import { erf64, erfc64 } from "./special-functions.ts";
import { concatenate, pad, reduce, slice } from "./structure.ts";
import type { Parameters, PrimitiveName } from "./traced-program.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";
import { broadcast, commonShape, transposed } from "./views.ts";

/** One equation of a traced program. */
export interface Equation<P extends PrimitiveName = PrimitiveName> {
  readonly primitive: P;
  readonly inputs: readonly View[];
  readonly parameters: Parameters<P>;
  /** The type in which operands of different types are combined. */
  readonly promoted: ElementType;
  /** Of the results. */
  readonly types: readonly ElementType[];
}

type Rule<P extends PrimitiveName> = (graph: GraphBuilder, equation: Equation<P>) => readonly View[];

/**
 * The nodes that compute an equation.
 *
 * @throws UnsupportedPrimitive if none can
 */
export function applyPrimitive(graph: GraphBuilder, equation: Equation): readonly View[] {
  return (rules[equation.primitive] as Rule<PrimitiveName>)(graph, equation);
}

const rules: { readonly [P in PrimitiveName]: Rule<P> } = {
  add: arithmetic("Add", "Or"),
  mul: arithmetic("Mul", "And"),
  min: arithmetic("Min", "And"),
  max: arithmetic("Max", "Or"),
  idiv: (graph, equation) => [integerQuotient(graph, equation)],
  mod: (graph, equation) => {
    const [x, y] = promotedInputs(graph, equation);
    return [graph.map("Mod", [x!, nonZero(graph, y!)], equation.promoted)];
  },
  bit_combine: (graph, equation) => {
    const [forBool, forInteger] = bitOperations[equation.parameters.op];
    const operation = equation.promoted === "bool" ? forBool : forInteger;
    return [graph.map(operation, promotedInputs(graph, equation), equation.promoted)];
  },
  bit_shift: (graph, { inputs, parameters, types }) => {
    const [x, count] = inputs.map((view) => cast(graph, view, "uint32"));
    const shifted = graph.map(parameters.op === "shl" ? "ShiftLeft" : "ShiftRight", [x!, count!], "uint32");
    return [cast(graph, shifted, types[0]!)];
  },
  bit_count: refused,
  neg: unary("Neg"),
  reciprocal: unary("Reciprocal"),
  floor: onlyFractions("Floor"),
  ceil: onlyFractions("Ceil"),
  stop_gradient: (_, { inputs }) => inputs,
  cast: (graph, { inputs, types }) => [cast(graph, inputs[0]!, types[0]!)],
  bitcast: (graph, equation) => {
    const { inputs, types } = equation;
    return inputs[0]!.node.type === types[0] ? inputs : refused(graph, equation);
  },
  sin: unary("Sin"),
  cos: unary("Cos"),
  asin: onlyFloat32("Asin"),
  atan: onlyFloat32("Atan"),
  exp: unary("Exp"),
  log: unary("Log"),
  erf: (graph, { inputs, types }) => [
    types[0] === "float64" ? erf64(graph, inputs[0]!) : graph.map("Erf", [inputs[0]!], types[0]!),
  ],
  erfc: (graph, { inputs, types }) => {
    const wide = cast(graph, inputs[0]!, "float64");
    return [cast(graph, erfc64(graph, wide), types[0]!)];
  },
  sqrt: unary("Sqrt"),
  reduce: (graph, { inputs, parameters, types }) => {
    const [x] = inputs as [View];
    if (types[0] !== "bool") return [reduce(graph, reductionNamed(parameters.op), x, parameters.axis)];
    const logical = parameters.op === "Add" || parameters.op === "Max" ? "Max" : "Min";
    return [cast(graph, reduce(graph, logical, cast(graph, x, "int32"), parameters.axis), "bool")];
  },
  dot: (graph, equation) => {
    const [x, y] = promotedInputs(graph, equation) as [View, View];
    const last = commonShape([x.shape, y.shape]).length - 1;
    if (isFloat(equation.promoted)) return [contract(graph, x, y, [last], equation.promoted)];
    return [reduce(graph, "Add", graph.map("Mul", [x, y], equation.promoted), [last])];
  },
  conv: refused,
  pool: refused,
  pool_transpose: refused,
  compare: (graph, equation) => {
    const [x, y] = promotedInputs(graph, equation);
    const { op } = equation.parameters;
    if (op === "not_equal") return [graph.map("Not", [graph.map("Equal", [x!, y!], "bool")], "bool")];
    return [graph.map(({ less: "Less", equal: "Equal", less_equal: "LessOrEqual" } as const)[op], [x!, y!], "bool")];
  },
  where: (graph, { inputs, types }) => {
    const [condition, x, y] = inputs as [View, View, View];
    const type = types[0]!;
    return [graph.map("Where", [condition, cast(graph, x, type), cast(graph, y, type)], type)];
  },
  concatenate: (graph, equation) => {
    const parts = promotedInputs(graph, equation);
    return [concatenate(graph, parts, equation.parameters.axis, equation.promoted)];
  },
  split: (graph, { inputs, parameters }) => {
    const { axis, sizes } = parameters;
    const [x] = inputs as [View];
    return sizes.map((size, i) => {
      const start = sizes.slice(0, i).reduce((sum, n) => sum + n, 0);
      const whole = x.shape.map((n): SliceRange => ({ start: 0, end: n, step: 1 }));
      return slice(graph, x, whole.with(axis, { start, end: start + size, step: 1 }));
    });
  },
  random_bits: refused,
  gather: (graph, { inputs, parameters }) => {
    const [data, ...indices] = inputs as [View, ...View[]];
    const positions = indices.map((view) => cast(graph, view, "int32"));
    return [gather(graph, data, positions, parameters.axis, parameters.outDim)];
  },
  transpose: (_, { inputs, parameters }) => [transposed(inputs[0]!, parameters.perm)],
  broadcast: (_, { inputs, parameters }) => [broadcast(inputs[0]!, parameters.shape, parameters.axis)],
  reshape: (graph, { inputs, parameters }) => [reshape(graph, inputs[0]!, parameters.shape)],
  flip: (graph, { inputs, parameters }) => {
    const [x] = inputs as [View];
    const ranges = x.shape.map(
      (n, p): SliceRange =>
        parameters.axis.includes(p) ? { start: n - 1, end: -1, step: -1 } : { start: 0, end: n, step: 1 },
    );
    return [slice(graph, x, ranges)];
  },
  shrink: (graph, { inputs, parameters }) => {
    const ranges = parameters.slice.map(([start, end]): SliceRange => ({ start, end, step: 1 }));
    return [slice(graph, inputs[0]!, ranges)];
  },
  pad: (graph, { inputs, parameters }) => [pad(graph, inputs[0]!, parameters.width)],
  sort: refused,
  argsort: refused,
  scatter: (graph, { inputs, parameters, types }) => {
    const [updates, ...indices] = inputs as [View, ...View[]];
    const { shape, axis, outDim, op } = parameters;
    const positions = indices.map((view) => cast(graph, view, "int32"));
    return [scatter(graph, updates, positions, shape, axis, outDim, op === "add", types[0]!)];
  },
  triangular_solve: refused,
  cholesky: refused,
  lu: refused,
  jacobi_eigh: refused,
  fft: refused,
  jit: refused,
};

const bitOperations = {
  and: ["And", "BitwiseAnd"],
  or: ["Or", "BitwiseOr"],
  xor: ["Xor", "BitwiseXor"],
} as const;

function refused(_: GraphBuilder, { primitive }: Equation): never {
  throw new UnsupportedPrimitive(primitive);
}

function unary<P extends PrimitiveName>(operation: MapOperation): Rule<P> {
  return (graph, { inputs, types }) => [graph.map(operation, inputs, types[0]!)];
}

function onlyFractions<P extends PrimitiveName>(operation: MapOperation): Rule<P> {
  return (graph, equation) => (isFloat(equation.types[0]!) ? unary<P>(operation)(graph, equation) : equation.inputs);
}

function onlyFloat32<P extends PrimitiveName>(operation: MapOperation): Rule<P> {
  return (graph, { primitive, inputs, types }) => {
    if (types[0] !== "float32") throw new UnsupportedPrimitive(primitive, `not in ${types[0]}`);
    return [graph.map(operation, inputs, types[0])];
  };
}

function arithmetic<P extends PrimitiveName>(operation: MapOperation, forBool: MapOperation): Rule<P> {
  return (graph, equation) => {
    const { promoted } = equation;
    return [graph.map(promoted === "bool" ? forBool : operation, promotedInputs(graph, equation), promoted)];
  };
}

/** Quotients rounded towards zero. */
function integerQuotient(graph: GraphBuilder, equation: Equation): View {
  const { promoted } = equation;
  const [x, y] = promotedInputs(graph, equation);
  const quotient = graph.map("Div", [x!, nonZero(graph, y!)], promoted);
  if (!isFloat(promoted)) return quotient;
  const isNegative = graph.map("Less", [quotient, graph.scalar(0, promoted)], "bool");
  const [up, down] = [graph.map("Ceil", [quotient], promoted), graph.map("Floor", [quotient], promoted)];
  return graph.map("Where", [isNegative, up, down], promoted);
}

/** A divisor with integer zeros replaced: dividing by them ends the process. */
function nonZero(graph: GraphBuilder, divisor: View): View {
  const { type } = divisor.node;
  if (isFloat(type)) return divisor;
  const isZero = graph.map("Equal", [divisor, graph.scalar(0, type)], "bool");
  return graph.map("Where", [isZero, graph.scalar(1, type), divisor], type);
}

function promotedInputs(graph: GraphBuilder, { inputs, promoted }: Equation): View[] {
  return inputs.map((view) => cast(graph, view, promoted));
}

function cast(graph: GraphBuilder, view: View, type: ElementType): View {
  return view.node.type === type ? view : graph.map("Cast", [view], type);
}

function reductionNamed(name: string): Reduction {
  if (name === "Add" || name === "Mul" || name === "Min" || name === "Max") return name;
  throw new UnsupportedPrimitive("reduce", `of kind ${name}`);
}

/** What an equation gives that has no elements to compute with. */
export function withoutElements(
  graph: GraphBuilder,
  equation: Equation,
  shapes: readonly (readonly number[])[],
): readonly View[] | undefined {
  const { primitive, inputs, types } = equation;
  const filled = (value: number) =>
    shapes.map((shape, i) => graph.constant(new Float64Array(sizeOf(shape)).fill(value), shape, types[i]!));
  if (shapes.every((shape) => sizeOf(shape) === 0)) return filled(0);
  if (inputs.every((view) => sizeOf(view.shape) > 0)) return undefined;
  if (primitive === "dot" || primitive === "pad" || primitive === "scatter") return filled(0);
  if (primitive === "reduce") {
    const { op } = (equation as Equation<"reduce">).parameters;
    return filled({ Add: 0, Mul: 1, Min: Number.POSITIVE_INFINITY, Max: Number.NEGATIVE_INFINITY }[reductionNamed(op)]);
  }
  return undefined;
}
