/** Tensors whose numbers lie in JavaScript memory, where engines outside the array library read and write them. */
import type { DType } from "./dtype.ts";

/** The typed arrays that hold a tensor's numbers; booleans are 0 and 1 in an `Int32Array`. */
export type TensorData = Float32Array | Float64Array | Int32Array | Uint32Array;

/**
 * @internal A tensor outside the array library, with owners counted as the library counts them.
 *
 * Operations of the library get a copy; its numbers never change.
 */
export class HostTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  private data: TensorData | undefined;
  private owners = 1;

  constructor(data: TensorData, shape: readonly number[], dtype: DType) {
    this.data = data;
    this.shape = shape;
    this.dtype = dtype;
  }

  get ndim(): number {
    return this.shape.length;
  }

  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  /** Its numbers, not to be written to. */
  get numbers(): TensorData {
    if (this.data === undefined) throw new ReferenceError("freed");
    return this.data;
  }

  /** The tensor with one more owner. */
  get ref(): this {
    if (this.owners === 0) throw new ReferenceError("freed");
    this.owners++;
    return this;
  }

  /** Takes one owner away; with the last the numbers go. */
  dispose(): void {
    if (this.owners === 0) throw new ReferenceError("freed");
    this.owners--;
    if (this.owners === 0) this.data = undefined;
  }
}
