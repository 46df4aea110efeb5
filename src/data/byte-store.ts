/** Bytes with random access, wherever they are kept. */

/** Bytes that can be read at any offset. */
export interface ByteStore {
  readonly byteLength: number;
  /**
   * Reads a range. The result may be a view of the store: do not write to it.
   *
   * @param start the first byte
   * @param count how many bytes; the range lies within the store
   * @returns `count` bytes
   * @throws DataError if the bytes cannot be read any more
   */
  read(start: number, count: number): Uint8Array;
  /** Gives back what the store holds open. Reading afterwards is an error for stores outside memory. */
  close(): void;
}

/**
 * A store of bytes in memory.
 *
 * @param bytes used as they are, not copied
 */
export function memoryBytes(bytes: Uint8Array): ByteStore {
  // Of Node's buffers only the bytes are taken: their methods of the same names do other things.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    byteLength: plain.length,
    read: (start, count) => plain.subarray(start, start + count),
    close() {},
  };
}
