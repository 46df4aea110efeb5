/** Bytes kept in files and read by offset (Node only). */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { DataError } from "../utils/errors.ts";
import type { ByteStore } from "./byte-store.ts";

/** A file and the number of bytes it had when it was opened. */
export interface SizedFile {
  readonly path: string;
  readonly byteLength: number;
}

/** Far below the usual limit of open files, and enough that sequential reading opens each file once. */
const OPEN_FILES = 32;

/**
 * The error for a file that cannot be read.
 *
 * @param path the file
 * @param cause what the file system said
 */
export function unreadable(path: string, cause: unknown): DataError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const reason = code === "EACCES" || code === "EPERM" ? "permission denied" : code;
  return new DataError(`"${path}" cannot be read: ${reason}`, { cause });
}

/** What the file system says about a path: the part of it that is used here. */
export interface FileStatus {
  isFile(): boolean;
  isDirectory(): boolean;
  /** Bytes. */
  readonly size: number;
}

/**
 * What is at a path.
 *
 * @param path a file or folder
 * @returns `undefined` if nothing is there
 * @throws DataError if that cannot be told
 */
export function statIfThere(path: string): FileStatus | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * Fills a buffer from an open file.
 *
 * @param descriptor the open file
 * @param buffer what to fill
 * @param position where in the file to begin
 * @param path the file's name, for errors
 * @throws DataError if the file cannot be read or ends too early
 */
export function readFully(descriptor: number, buffer: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < buffer.length; ) {
    let count: number;
    try {
      count = readSync(descriptor, buffer, done, buffer.length - done, position + done);
    } catch (cause) {
      throw unreadable(path, cause);
    }
    if (count === 0)
      throw new DataError(`"${path}" became shorter while it was being read; leave it unchanged and start again`);
    done += count;
  }
}

/**
 * The bytes of several files as one store, read by offset.
 *
 * @param files the files in order
 * @param separator what stands between two files
 * @returns the store, and where in it each file begins
 */
export function fileBytes(
  files: readonly SizedFile[],
  separator: Uint8Array,
): { store: ByteStore; offsets: readonly number[] } {
  const open = new Map<number, number>();
  const offsets: number[] = [];
  let byteLength = 0;
  for (const file of files) {
    offsets.push(byteLength);
    byteLength += file.byteLength + separator.length;
  }
  byteLength -= separator.length;

  const descriptorOf = (index: number): number => {
    const path = files[index]!.path;
    let descriptor = open.get(index);
    if (descriptor === undefined) {
      try {
        descriptor = openSync(path, "r");
      } catch (cause) {
        throw unreadable(path, cause);
      }
    }
    // Maps keep insertion order: the first one is the one not used for longest.
    open.delete(index);
    open.set(index, descriptor);
    if (open.size > OPEN_FILES) {
      const [oldest, unused] = open.entries().next().value!;
      open.delete(oldest);
      closeSync(unused);
    }
    return descriptor;
  };

  const read = (start: number, count: number): Uint8Array => {
    const bytes = new Uint8Array(count);
    for (let done = 0, index = lastAtOrBefore(offsets, start); done < count; index++) {
      const file = files[index]!;
      const within = start + done - offsets[index]!;
      const fromFile = Math.max(0, Math.min(count - done, file.byteLength - within));
      if (fromFile > 0) readFully(descriptorOf(index), bytes.subarray(done, done + fromFile), within, file.path);
      done += fromFile;
      const between = separator.subarray(Math.max(0, within - file.byteLength)).subarray(0, count - done);
      bytes.set(between, done);
      done += between.length;
    }
    return bytes;
  };

  const close = () => {
    for (const descriptor of open.values()) closeSync(descriptor);
    open.clear();
  };
  return { store: { byteLength, read, close }, offsets };
}

/** The index of the last of some ascending numbers that is not above a value; the first number is. */
function lastAtOrBefore(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}
