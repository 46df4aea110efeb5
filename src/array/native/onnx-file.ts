/** Programs as ONNX files for every runtime: standard operators only, inputs and outputs named by their paths. */
import { EngineError } from "../../utils/index.ts";
import { jax } from "../runtime.ts";
import type { Tensor } from "../tensor.ts";
import { namedLeaves, type Tree } from "../tree.ts";
import { gatherArguments, placeholders, standIns } from "./arguments.ts";
import { emit } from "./emitter.ts";
import { lower } from "./lower.ts";
import type { OnnxModel, OnnxTensor } from "./onnx-graph.ts";
import { encodeModel, isStandard } from "./protobuf.ts";
import { trace } from "./traced-program.ts";
import { type SizedModel, unify } from "./unify.ts";

/** What a file takes or gives: lengths of axes, or the name of one that may have any length. */
export interface OnnxFileTensor extends Omit<OnnxTensor, "shape" | "anyFirstAxis"> {
  readonly shape: readonly (number | string)[];
}

/** An ONNX file, and what it takes and gives. */
export interface OnnxFile {
  readonly bytes: Uint8Array;
  readonly inputs: readonly OnnxFileTensor[];
  readonly outputs: readonly OnnxFileTensor[];
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
  return written(modelOf(f, inputs), metadata);
}

/**
 * `onnxFile` for any length of the first axis that all inputs and outputs share, such as the batch.
 *
 * @param inputs arrays of two lengths of that axis: different primes that are no other axis' length
 * @param axis what the axis is called in the file
 * @throws EngineError if the program is not the same at both lengths, naming what differs
 */
export function onnxFileOfAnyLength<T extends Tree>(
  f: (inputs: T) => Tree,
  inputs: readonly [T, T],
  axis: string,
  metadata: Readonly<Record<string, string>> = {},
): OnnxFile {
  const [first, second] = inputs.map((tree) => {
    const model = modelOf(f, tree);
    return { model, length: model.inputs[0]?.shape[0] ?? 0 };
  }) as [SizedModel, SizedModel];
  return written(unify(first, second, axis), metadata);
}

function modelOf<T extends Tree>(f: (inputs: T) => Tree, inputs: T): OnnxModel {
  const given = gatherArguments([inputs]);
  const traced = trace(f, standIns(given.trees, "float32"));
  try {
    const lowered = lower(traced);
    const results = traced.unflatten(placeholders(lowered.outputs)) as Tree;
    const taken = pathsOf(given.trees[0] as Tree);
    // Names are unique in a file; what an input becomes is its next value.
    const outputs = pathsOf(results).map((path) => (taken.includes(path) ? `next.${path}` : path));
    return emit(lowered, "standard", { inputs: taken, outputs });
  } finally {
    traced.dispose();
  }
}

function written(model: OnnxModel, metadata: Readonly<Record<string, string>>): OnnxFile {
  if (!isStandard(model))
    throw new EngineError("the graph holds operators beyond the ONNX standard: please report this");
  const named = ({ name, type, shape, anyFirstAxis }: OnnxTensor): OnnxFileTensor => ({
    name,
    type,
    shape: anyFirstAxis === undefined ? shape : [anyFirstAxis, ...shape.slice(1)],
  });
  return {
    bytes: encodeModel({ ...model, metadata }),
    inputs: model.inputs.map(named),
    outputs: model.outputs.map(named),
  };
}

/** The paths of a tree's leaves in the order in which the library takes trees apart. */
function pathsOf(tree: Tree): string[] {
  const paths = new Map([...namedLeaves(tree)].map(([path, leaf]) => [leaf, path]));
  return jax.tree.leaves(tree as never).map((leaf: unknown) => paths.get(leaf as Tensor)!);
}
