/** From a traced program to a tensor graph. */
import type * as library from "@jax-js/jax";
import { EngineError } from "../../utils/index.ts";
import { jax } from "../runtime.ts";
import { withContractions } from "./fold-contractions.ts";
import type { ElementType, Numbers, View } from "./graph.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { applyPrimitive, type Equation, withoutElements } from "./primitives.ts";
import type { Atom, TracedProgram } from "./traced-program.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";

/** A program as a graph of what its outputs need. */
export interface LoweredProgram {
  readonly outputs: readonly View[];
  readonly inputs: readonly { readonly shape: readonly number[]; readonly type: ElementType }[];
}

/**
 * The tensor graph of a traced program.
 *
 * @param precision the element type in which what the program computes in float32 is computed
 * @throws UnsupportedPrimitive if the program holds an operation or element type that the engine does not compute
 */
export function lower(program: TracedProgram, precision: "float32" | "float64" = "float32"): LoweredProgram {
  const graph = new GraphBuilder();
  const { jaxpr, constants } = program;
  const values = new Map<Atom, View>();
  const typeOf = (atom: { aval: Atom["aval"] }) => elementType(atom.aval.dtype, precision);
  const parameters = jaxpr.inBinders.slice(constants.length);
  for (const [i, array] of constants.entries()) {
    const binder = jaxpr.inBinders[i]!;
    const numbers = array.ref.dataSync() as Numbers;
    values.set(binder, graph.constant(numbers, binder.aval.shape, typeOf(binder)));
  }
  for (const [i, binder] of parameters.entries()) values.set(binder, graph.input(i, binder.aval.shape, typeOf(binder)));
  const viewOfAtom = (atom: Atom) =>
    "value" in atom ? graph.scalar(Number(atom.value), typeOf(atom)) : values.get(atom)!;

  for (const { primitive, inputs, params, outBinders } of jaxpr.eqns) {
    const common = elementType(inputs.map(({ aval }): Promotable => aval).reduce(promoted).dtype, precision);
    const equation = {
      primitive,
      inputs: inputs.map((atom) => reciprocalOf(graph, atom, common) ?? viewOfAtom(atom)),
      parameters: params,
      promoted: common,
      types: outBinders.map(typeOf),
    } as unknown as Equation;
    const shapes = outBinders.map(({ aval }) => aval.shape);
    const results = withoutElements(graph, equation, shapes) ?? applyPrimitive(graph, equation);
    for (const [i, binder] of outBinders.entries()) {
      checkShape(primitive, results[i]!, binder.aval.shape);
      values.set(binder, results[i]!);
    }
  }
  return {
    outputs: withContractions(jaxpr.outs.map(viewOfAtom)),
    inputs: parameters.map((binder) => ({ shape: binder.aval.shape, type: typeOf(binder) })),
  };
}

/**
 * A literal that stands for the reciprocal of a whole number, exactly.
 *
 * The library rounds numbers to float32 before it knows that they meet float64, such as the 1/n of its means.
 */
function reciprocalOf(graph: GraphBuilder, atom: Atom, type: ElementType): View | undefined {
  if (type !== "float64" || !("value" in atom) || !atom.aval.weakType || atom.value === 0) return undefined;
  const reciprocal = 1 / Math.round(1 / atom.value);
  return Math.fround(reciprocal) === atom.value ? graph.scalar(reciprocal, type) : undefined;
}

function checkShape(primitive: string, { shape }: View, expected: readonly number[]): void {
  if (shape.length === expected.length && shape.every((n, i) => n === expected[i])) return;
  throw new EngineError(`"${primitive}" was lowered to shape [${shape}] instead of [${expected}]: please report this`);
}

function elementType(dtype: string, precision: "float32" | "float64"): ElementType {
  switch (dtype) {
    case "float32":
      return precision;
    case "float64":
    case "int32":
    case "uint32":
    case "bool":
      return dtype;
    default:
      throw new UnsupportedPrimitive(dtype, "this element type is not computed with");
  }
}

type Promotable = Pick<library.Array["aval"], "dtype" | "weakType">;

/** The library's rule for operands of different types: numbers without a type of their own follow the other operand. */
function promoted(a: Promotable, b: Promotable): Promotable {
  const { promoteTypes } = jax.numpy;
  const weakType = a.weakType && b.weakType;
  if (a.weakType === b.weakType) return { dtype: promoteTypes(a.dtype, b.dtype), weakType };
  return { dtype: promoteTypes(a.weakType ? b.dtype : a.dtype, "uint32" as library.DType), weakType };
}
