/** Trees as plain data, which other threads can be sent. */
import type { DType } from "./dtype.ts";
import { HostTensor, type TensorData } from "./host-tensor.ts";
import { alive, detached, track } from "./lifetimes.ts";
import { isHostTensor, type Tensor } from "./tensor.ts";
import { readSync } from "./transfer.ts";
import { namedLeaves, type Tree, treeOf } from "./tree.ts";

/** A tensor's numbers, in row-major order, and what they mean. */
export interface PlainTensor {
  readonly numbers: TensorData;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A tree's leaves by their paths. */
export type PlainTree = ReadonlyMap<string, PlainTensor>;

/** A tree as plain data. Numbers that lie in JavaScript memory already are not copied: they are not to be written to while the tree is alive. */
export function plainTree(tree: Tree): PlainTree {
  return new Map([...namedLeaves(tree)].map(([path, leaf]) => [path, plainTensor(leaf)]));
}

function plainTensor(tensor: Tensor): PlainTensor {
  const { shape, dtype } = tensor;
  return { numbers: isHostTensor(tensor) ? alive(tensor, () => tensor.numbers) : readSync(tensor), shape, dtype };
}

/** Plain data as a tree that takes the numbers over; the caller releases it. */
export function treeOfPlain(plain: PlainTree): Tree {
  const leaves = [...plain].map(([path, { numbers, shape, dtype }]) => {
    return [path, new HostTensor(numbers, shape, dtype) as unknown as Tensor] as const;
  });
  return detached(() => track(treeOf(new Map(leaves))));
}
