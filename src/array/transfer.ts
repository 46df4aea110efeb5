/** Between JavaScript numbers and tensors. */
import type * as library from "@jax-js/jax";
import { ShapeError } from "../utils/index.ts";
import { HostTensor, type TensorData } from "./host-tensor.ts";
import { alive, lend, track } from "./lifetimes.ts";
import { jax } from "./runtime.ts";
import { type DType, isHostTensor, type Tensor, wrap } from "./tensor.ts";
import { mapTensors, type Tree } from "./tree.ts";

export type { TensorData };

/**
 * A tensor from numbers.
 *
 * @param data numbers in row-major order: `Float32Array`, `Float64Array`, `Int32Array`, `Uint32Array`, or a plain list (float32)
 * @param shape its shape; the whole length as one axis by default
 * @throws ShapeError if the shape does not hold as many numbers as there are
 */
export function tensor(data: TensorData | readonly number[], shape: readonly number[] = [data.length]): Tensor {
  if (shape.some((n) => !Number.isInteger(n) || n < 0))
    throw new ShapeError(`shape [${shape}] must consist of whole numbers from 0`);
  const size = shape.reduce((product, n) => product * n, 1);
  if (size !== data.length)
    throw new ShapeError(`shape [${shape}] holds ${size} numbers, but ${data.length} were given`);
  const typed = Array.isArray(data) ? Float32Array.from(data) : (data as TensorData);
  const options = { shape: [...shape], dtype: dtypeOf(typed) as library.DType };
  if (size === 0) return track(wrap(jax.numpy.zeros(options.shape, { dtype: options.dtype }))); // array() takes no empty data
  return track(wrap(jax.numpy.array(typed.slice() as never, options)));
}

/** Zeros of the same shapes and types as a tree's; outside a scope the caller releases them. */
export function zerosLike<T extends Tree>(tree: T): T {
  return track(mapTensors(tree, zerosOf) as T);
}

/** Outside the library, which would run a kernel to fill an array with zeros. */
function zerosOf({ shape, dtype, size }: Tensor): Tensor | HostTensor {
  switch (dtype) {
    case "float32":
      return new HostTensor(new Float32Array(size), shape, dtype);
    case "float64":
      return new HostTensor(new Float64Array(size), shape, dtype);
    case "int32":
    case "bool":
      return new HostTensor(new Int32Array(size), shape, dtype);
    case "uint32":
      return new HostTensor(new Uint32Array(size), shape, dtype);
    case "float16":
      return wrap(jax.numpy.zeros([...shape], { dtype: dtype as library.DType }));
    default:
      return dtype satisfies never;
  }
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof Int32Array) return "int32";
  return "uint32";
}

/**
 * The numbers of a tensor, in row-major order.
 *
 * @param x any shape
 */
export async function read(x: Tensor): Promise<TensorData> {
  if (isHostTensor(x)) return readSync(x);
  return (await (lend(x) as library.Array).data()) as TensorData;
}

/**
 * The numbers of a tensor, waiting for them without yielding.
 *
 * @param x any shape
 */
export function readSync(x: Tensor): TensorData {
  if (isHostTensor(x)) return alive(x, () => x.numbers.slice());
  return (lend(x) as library.Array).dataSync() as TensorData;
}

/**
 * The number that a tensor of one element holds.
 *
 * @param x any shape of one element
 * @throws ShapeError if it has more or none
 */
export async function readScalar(x: Tensor): Promise<number> {
  if (x.size !== 1) throw new ShapeError(`expected a tensor of one element, got shape [${x.shape}]`);
  return Number((await read(x))[0]);
}
