/** Saves the test-time memory of streams apart from the weights, and loads it again into the same model. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  type ArrayShape,
  detached,
  leaves,
  read,
  release,
  shapesOf,
  type Tensor,
  type Tree,
  tensor,
} from "../array/index.ts";
import type { Block, StreamState } from "../common/index.ts";
import { encodeTree, restoreTree, writeFileAtomic } from "../data/index.ts";
import type { LanguageModel, ModelParams, ModelState } from "../models/index.ts";
import { CheckpointError, decodeSafetensors } from "../utils/index.ts";

const KIND = "neural-memory test-time memory";

/** Streams' memory, as `Reader.resume` takes it. */
export type Memory = StreamState<ModelState>;

/**
 * A hash of a model's configuration and weights: a memory means something to the model that made it, and to no other.
 *
 * @returns 64 hexadecimal digits
 */
export async function modelFingerprint(model: LanguageModel, params: ModelParams): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(model.config));
  for (const leaf of leaves(params)) {
    const { buffer, byteOffset, byteLength } = await read(leaf);
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}

/**
 * Saves a memory as a safetensors file.
 *
 * @param path the file; replaced in one step
 * @param memory borrowed
 * @param fingerprint of the model it belongs to
 * @param remarks what else is to be known about it, by name; `memoryRemark` reads it
 */
export async function saveMemory(
  path: string,
  memory: Memory,
  fingerprint: string,
  remarks: Readonly<Record<string, string>> = {},
): Promise<void> {
  const tensorOf = ({ data, shape }: Block) => detached(() => tensor(data, shape));
  const open = memory.open && {
    tokens: tensorOf(memory.open.inputs),
    stores: tensorOf(memory.open.stores),
    learns: tensorOf(memory.open.learns),
  };
  const tree: Tree = open ? { state: memory.closed, open } : { state: memory.closed };
  const notes = { ...remarks, kind: KIND, model: fingerprint, position: String(memory.position) };
  try {
    await writeFileAtomic(path, await encodeTree(tree, notes));
  } finally {
    if (open) release(open);
  }
}

async function readMemoryFile(path: string) {
  const bytes = await readFile(path).catch((cause) => {
    throw new CheckpointError(`there is no memory file at ${path}`, { cause });
  });
  const { arrays, notes } = decodeSafetensors(bytes, path);
  if (notes.kind !== KIND) throw new CheckpointError(`${path} is not a memory file; write one with --memory-out`);
  return { bytes, arrays, notes };
}

/**
 * A remark that was saved with a memory.
 *
 * @returns `undefined` if there is none of that name
 * @throws CheckpointError if the file is missing, damaged, or not a memory
 */
export async function memoryRemark(path: string, name: string): Promise<string | undefined> {
  return (await readMemoryFile(path)).notes[name];
}

/**
 * Loads a memory.
 *
 * @param path a file from `saveMemory`
 * @param model the model it is for
 * @param fingerprint of that model
 * @param batch how many streams it must hold
 * @returns the memory; the session it is resumed with takes over its arrays
 * @throws CheckpointError if the file is missing, damaged, not a memory, or another model's
 */
export async function loadMemory(
  path: string,
  model: LanguageModel,
  params: ModelParams,
  fingerprint: string,
  batch = 1,
): Promise<Memory> {
  const { bytes, arrays, notes } = await readMemoryFile(path);
  if (notes.model !== fingerprint) {
    throw new CheckpointError(`${path} is the memory of another model; a memory fits only the weights that made it`);
  }
  const expected = new Map<string, ArrayShape>();
  for (const [name, shape] of shapesOf(() => model.initialState(params, batch))) expected.set(`state.${name}`, shape);
  const filled = arrays.get("open.tokens")?.shape[1];
  if (filled !== undefined) {
    expected.set("open.tokens", { shape: [batch, filled], dtype: "int32" });
    for (const mask of ["stores", "learns"]) expected.set(`open.${mask}`, { shape: [batch, filled], dtype: "float32" });
  }
  const tree = restoreTree(expected, bytes, path) as {
    state: ModelState;
    open?: { tokens: Tensor; stores: Tensor; learns: Tensor };
  };
  const blockOf = async (x: Tensor): Promise<Block> => ({ data: await read(x), shape: x.shape });
  const open = tree.open && {
    inputs: await blockOf(tree.open.tokens),
    stores: await blockOf(tree.open.stores),
    learns: await blockOf(tree.open.learns),
  };
  if (tree.open) release(tree.open);
  return { closed: tree.state, open, position: Number(notes.position) };
}
