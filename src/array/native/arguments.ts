/** Between trees of tensors and the numbers that a session reads and writes. */
import type * as library from "@jax-js/jax";
import { HostTensor, type TensorData } from "../host-tensor.ts";
import { alive, detached, track } from "../lifetimes.ts";
import { jax } from "../runtime.ts";
import { isHostTensor, type Tensor, unwrap } from "../tensor.ts";
import { readSync } from "../transfer.ts";
import type { ArrayShape } from "../transforms.ts";
import { mapTensors } from "../tree.ts";
import type { View } from "./graph.ts";
import type { LoweredProgram } from "./lower.ts";

/** A program's arguments, which no longer depend on what the caller does with theirs. */
export interface Arguments {
  /** The trees, with tensors that hold `numbers`; they belong to nobody. */
  readonly trees: readonly unknown[];
  /** The numbers of all tensors, in the order of the program's inputs. */
  readonly numbers: readonly TensorData[];
  /** Equal for arguments that one compiled program serves. */
  readonly signature: string;
}

/**
 * Numbers read out of the library's arrays, which never change: parameters are passed again and again.
 *
 * An entry goes when its array does.
 */
const readOut = new WeakMap<Tensor, TensorData>();

export function gatherArguments(args: readonly unknown[]): Arguments {
  const trees = mapTensors(
    args,
    (leaf) => new HostTensor(numbersOf(leaf), leaf.shape, leaf.dtype),
  ) as readonly unknown[];
  // In the order in which the library takes trees apart.
  const numbers = jax.tree
    .leaves(trees as never)
    .flatMap((leaf: unknown) => (isHostTensor(leaf) ? [leaf.numbers] : []));
  return { trees, numbers, signature: signatureOf(trees) };
}

function signatureOf(trees: readonly unknown[]): string {
  const signature: string[] = [];
  mapTensors(trees, (leaf, path) => {
    signature.push(`${path}:${leaf.dtype}[${leaf.shape}]`);
    return leaf;
  });
  return signature.join(" ");
}

function numbersOf(tensor: Tensor): TensorData {
  if (isHostTensor(tensor)) return alive(tensor, () => tensor.numbers);
  const known = readOut.get(tensor);
  if (known !== undefined) {
    // A freed array must be refused even if its numbers are still known.
    alive(tensor, () => unwrap(tensor).ref).dispose();
    return known;
  }
  const numbers = readSync(tensor);
  readOut.set(tensor, numbers);
  return numbers;
}

/**
 * The trees with what the library's tracer has to know of each tensor.
 *
 * @param precision that of the engine: with `float64`, float32 arguments stand for float64 ones, so that functions that compute float64 more
 * accurately do
 */
export function standIns(trees: readonly unknown[], precision: "float32" | "float64"): readonly unknown[] {
  return mapTensors(trees, ({ shape, dtype }) => {
    const traced = precision === "float64" && dtype === "float32" ? "float64" : dtype;
    const zeros = jax.numpy.zeros([...shape], { dtype: traced as library.DType });
    const { aval } = zeros;
    zeros.dispose();
    return aval;
  }) as readonly unknown[];
}

/** What a program's results look like. */
export function resultShapes({ outputs }: LoweredProgram): ArrayShape[] {
  return outputs.map(({ shape, node }) => ({ shape, dtype: node.type }));
}

/** A program's results as tensors that belong to the caller. */
export function ownedResults(
  numbers: readonly TensorData[],
  results: readonly ArrayShape[],
  unflatten: (leaves: readonly unknown[]) => unknown,
): unknown {
  const tensors = results.map(({ shape, dtype }, i) => new HostTensor(numbers[i]!, shape, dtype));
  return detached(() => track(unflatten(tensors)));
}

/** Tensors of the outputs' shapes that hold no numbers. */
export function placeholders(outputs: readonly View[]): HostTensor[] {
  return outputs.map(({ shape, node }) => new HostTensor(new Float32Array(0), shape, node.type));
}
