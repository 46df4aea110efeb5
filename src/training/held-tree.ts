/** Room in which one tree after another lies: what comes with every step takes no new memory, which would have to be collected. */
import type { PlainTensor, PlainTree } from "../array/index.ts";

/** Memory of a thread's own, or memory that all threads see: onnxruntime reads the first alone, messages pass on the second without a copy. */
type Memory = new (bytes: number) => ArrayBuffer | SharedArrayBuffer;

/** Room for one tree at a time. */
export class HeldTree {
  private readonly memory: Memory;
  private held = new Map<string, PlainTensor>();

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** The tree with its numbers where those of the tree before were: that one must not be read any longer. */
  hold(tree: PlainTree): PlainTree {
    this.held = new Map([...tree].map(([path, tensor]) => [path, this.placed(tensor, this.held.get(path))]));
    return this.held;
  }

  private placed({ numbers, shape, dtype }: PlainTensor, before: PlainTensor | undefined): PlainTensor {
    const fits = before?.dtype === dtype && before.numbers.length === numbers.length;
    const room = fits ? before.numbers : this.roomFor(numbers);
    room.set(numbers);
    return { numbers: room, shape, dtype };
  }

  private roomFor(numbers: PlainTensor["numbers"]): PlainTensor["numbers"] {
    const list = numbers.constructor as new (buffer: ArrayBufferLike) => PlainTensor["numbers"];
    return new list(new this.memory(numbers.byteLength));
  }
}
