/** Trees of tensors as safetensors bytes, and back, checked against the shapes that are expected. */
import {
  type ArrayShape,
  type DType,
  detached,
  namedLeaves,
  read,
  type Tensor,
  type Tree,
  tensor,
  treeOf,
} from "../array/index.ts";
import { CheckpointError, decodeSafetensors, encodeSafetensors, type StoredArray } from "../utils/index.ts";

const dataTypes: Readonly<Partial<Record<DType, unknown>>> = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
};

/**
 * The bytes of a tree of arrays, named by their paths.
 *
 * @param notes text to store beside them
 */
export async function encodeTree(tree: Tree, notes: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
  const arrays = new Map<string, StoredArray>();
  for (const [path, leaf] of namedLeaves(tree)) arrays.set(path, { shape: leaf.shape, data: await read(leaf) });
  return encodeSafetensors({ arrays, notes });
}

/**
 * A tree of arrays from a file's bytes; the caller releases it.
 *
 * @param expected shapes by path: all of these must be there, and nothing else
 * @param bytes the file
 * @param where the file's name, for messages
 * @throws CheckpointError if the file is damaged, or holds other arrays than expected
 */
export function restoreTree(expected: ReadonlyMap<string, ArrayShape>, bytes: Uint8Array, where: string): Tree {
  const { arrays } = decodeSafetensors(bytes, where);
  const misfit = (what: string) => new CheckpointError(`${where} does not fit the model: ${what}`);
  for (const path of arrays.keys()) {
    if (!expected.has(path)) throw misfit(`it holds an array "${path}" that the model does not have`);
  }
  for (const [path, { shape, dtype }] of expected) {
    const found = arrays.get(path);
    if (found === undefined) throw misfit(`the array "${path}" is missing`);
    if (found.shape.join() !== shape.join())
      throw misfit(`"${path}" has shape [${found.shape}], the model needs [${shape}]`);
    if (found.data.constructor !== dataTypes[dtype])
      throw misfit(`"${path}" holds another type of numbers than ${dtype}`);
  }
  return detached(() => {
    const named = new Map<string, Tensor>();
    for (const path of expected.keys()) {
      const { data, shape } = arrays.get(path)!;
      named.set(path, tensor(data, shape));
    }
    return treeOf(named);
  });
}
