/** Keeps a stream of unknown length for random access: in memory while it is small, in a temporary file beyond (Node only). */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataError } from "../utils/errors.ts";
import { type ByteStore, memoryBytes } from "./byte-store.ts";
import { readFully } from "./file-bytes.ts";

/** Collects bytes that arrive in pieces. */
export interface Spool {
  /** Adds bytes at the end; they are copied or written before this returns. */
  write(bytes: Uint8Array): void;
  /** Ends the collection. The spool must not be written to afterwards. */
  finish(): ByteStore;
}

/**
 * Starts a spool.
 *
 * @param name what is being kept, for errors
 * @param memoryLimit how many bytes may stay in memory
 */
export function spool(name: string, memoryLimit: number): Spool {
  let blocks: Uint8Array[] = [];
  let byteLength = 0;
  let descriptor: number | undefined;

  const keep = (bytes: Uint8Array) => {
    if (descriptor === undefined && byteLength + bytes.length <= memoryLimit) {
      blocks.push(new Uint8Array(bytes));
      return;
    }
    if (descriptor === undefined) {
      descriptor = openNameless();
      for (const block of blocks) writeFully(descriptor, block);
      blocks = [];
    }
    writeFully(descriptor, bytes);
  };

  return {
    write(bytes) {
      try {
        keep(bytes);
      } catch (cause) {
        const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
        throw new DataError(
          `"${name}" cannot be kept in ${tmpdir()}: ${code}; point TMPDIR to a folder with enough space`,
          { cause },
        );
      }
      byteLength += bytes.length;
    },
    finish() {
      if (descriptor === undefined) return memoryBytes(Buffer.concat(blocks, byteLength));
      const file = descriptor;
      return {
        byteLength,
        read(start, count) {
          const bytes = new Uint8Array(count);
          readFully(file, bytes, start, name);
          return bytes;
        },
        close: () => closeSync(file),
      };
    },
  };
}

/** A temporary file whose name is removed at once: the system frees it when the process ends, however it ends. */
function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), "neural-memory-"));
  const descriptor = openSync(join(folder, "spool"), "w+");
  rmSync(folder, { recursive: true });
  return descriptor;
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}
