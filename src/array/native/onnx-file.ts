/** Programs as ONNX files for every runtime: standard operators only, inputs and outputs named by their paths. */
import { jax } from "../runtime.ts";
import type { Tensor } from "../tensor.ts";
import { namedLeaves, type Tree } from "../tree.ts";
import { gatherArguments, placeholders, standIns } from "./arguments.ts";
import { emit } from "./emitter.ts";
import { lower } from "./lower.ts";
import type { OnnxTensor } from "./onnx-graph.ts";
import { encodeModel } from "./protobuf.ts";
import { trace } from "./traced-program.ts";

/** An ONNX file, and what it takes and gives. */
export interface OnnxFile {
  readonly bytes: Uint8Array;
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
}

/**
 * Writes a function as an ONNX file.
 *
 * Inputs and outputs are called by their paths in the trees, such as `state.blocks.0.memory` and, for an output of an input's path,
 * `next.state.blocks.0.memory`; arrays that the function uses without taking them, such as weights, are in the file.
 *
 * @param f a pure function of one tree
 * @param inputs arrays of the shapes that the file takes
 * @param metadata what the file says about itself, by name
 * @throws UnsupportedPrimitive if the function holds an operation that has no form in standard ONNX here
 * @throws ShapeError if two inputs or two outputs have the same path
 */
export function onnxFile<T extends Tree>(
  f: (inputs: T) => Tree,
  inputs: T,
  metadata: Readonly<Record<string, string>> = {},
): OnnxFile {
  const given = gatherArguments([inputs]);
  const traced = trace(f, standIns(given, "float32"));
  try {
    const lowered = lower(traced);
    const results = traced.unflatten(placeholders(lowered.outputs)) as Tree;
    const taken = pathsOf(given.trees[0] as Tree);
    // Names are unique in a file; what an input becomes is its next value.
    const outputs = pathsOf(results).map((path) => (taken.includes(path) ? `next.${path}` : path));
    const names = { inputs: taken, outputs };
    const model = emit(lowered, "standard", names);
    return { bytes: encodeModel({ ...model, metadata }), inputs: model.inputs, outputs: model.outputs };
  } finally {
    traced.dispose();
  }
}

/** The paths of a tree's leaves in the order in which the library takes trees apart. */
function pathsOf(tree: Tree): string[] {
  const paths = new Map([...namedLeaves(tree)].map(([path, leaf]) => [leaf, path]));
  return jax.tree.leaves(tree as never).map((leaf: unknown) => paths.get(leaf as Tensor)!);
}
