export { nn } from "./activations.ts";
export {
  type CompiledProgram,
  type Engine,
  type EngineName,
  type EngineOptions,
  engineNames,
  type Program,
  type Recurrence,
  type RecurrenceGradients,
  type RecurrenceNames,
  type RecurrentStep,
  startEngine,
} from "./engine.ts";
export { type Key, key, splitKey } from "./keys.ts";
export { detached, liveTensors, release, retain, scope } from "./lifetimes.ts";
export { lax, np, random, type SliceIndex, slice } from "./namespaces.ts";
export { type PlainTensor, type PlainTree, plainTree, treeOfPlain } from "./plain.ts";
export { type DType, isTensor, type Tensor, type TensorLike } from "./tensor.ts";
export { read, readScalar, readSync, type TensorData, tensor, zerosLike } from "./transfer.ts";
export { type ArrayShape, grad, jit, jvp, shapesOf, valueAndGrad, vjp, vmap } from "./transforms.ts";
export { countElements, leaves, mapTree, type NamedTensors, namedLeaves, type Tree, treeOf, zipTrees } from "./tree.ts";
