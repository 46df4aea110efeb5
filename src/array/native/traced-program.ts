/** The traced program in the array library's own terms: what the native engine reads of it. */
import type * as library from "@jax-js/jax";
import { jax } from "../runtime.ts";
import { owning } from "../transforms.ts";

type LibraryEquation = library.Jaxpr["eqns"][number];

/** A variable or literal of a traced program. */
export type Atom = LibraryEquation["inputs"][number];

/** The names of the library's primitives: the table of what becomes of each is checked against them. */
export type PrimitiveName = `${LibraryEquation["primitive"]}`;

/** The parameters of those primitives that have any that matter here. */
interface ParameterTable {
  bit_combine: { readonly op: "and" | "or" | "xor" };
  bit_shift: { readonly op: "shl" | "shr" };
  reduce: { readonly op: string; readonly axis: readonly number[] };
  compare: { readonly op: "less" | "equal" | "not_equal" | "less_equal" };
  concatenate: { readonly axis: number };
  split: { readonly axis: number; readonly sizes: readonly number[] };
  gather: { readonly axis: readonly number[]; readonly outDim: number };
  scatter: {
    readonly op: "add" | "update";
    readonly shape: readonly number[];
    readonly axis: readonly number[];
    readonly outDim: number;
  };
  transpose: { readonly perm: readonly number[] };
  broadcast: { readonly shape: readonly number[]; readonly axis: readonly number[] };
  reshape: { readonly shape: readonly number[] };
  flip: { readonly axis: readonly number[] };
  shrink: { readonly slice: readonly (readonly [number, number])[] };
  pad: { readonly width: readonly (readonly [number, number])[] };
}

export type Parameters<P extends PrimitiveName> = P extends keyof ParameterTable ? ParameterTable[P] : unknown;

/** A function of flat arguments as a list of equations. */
export interface TracedProgram {
  readonly jaxpr: library.Jaxpr;
  /** Arrays from outside that the function used; the first of the program's variables. */
  readonly constants: readonly library.Array[];
  /** The result with leaves numbered in the order of the program's outputs. */
  unflatten(leaves: readonly unknown[]): unknown;
  /** Frees the constants. */
  dispose(): void;
}

/**
 * Runs a function on stand-ins for its arguments and writes down what it does, nested compiled functions inlined.
 *
 * @param f a pure function of trees
 * @param args trees of what the library knows of each argument: its `aval`
 */
export function trace(f: (...args: never[]) => unknown, args: readonly unknown[]): TracedProgram {
  const makeJaxpr = jax.makeJaxpr as unknown as (
    f: unknown,
  ) => (...args: readonly unknown[]) => { jaxpr: library.ClosedJaxpr; treedef: library.JsTreeDef };
  const { jaxpr: closed, treedef } = makeJaxpr(owning(f as never))(...args);
  return {
    jaxpr: closed.jaxpr.flatten().simplify(),
    constants: closed.consts as library.Array[],
    unflatten: unflattenerOf(treedef),
    dispose: () => closed.dispose(),
  };
}

/** A function of its own, so that what keeps it does not keep the trace. */
function unflattenerOf(treedef: library.JsTreeDef): TracedProgram["unflatten"] {
  return (leaves) => jax.tree.unflatten(treedef, leaves as never);
}
