/** The safetensors file format: named arrays behind a JSON header. Pure bytes in, pure bytes out. */
import { z } from "zod";
import { CheckpointError } from "./errors.ts";

/** Typed arrays that a file may hold. */
export type StoredData = Float32Array | Float64Array | Int32Array | Uint32Array;

/** One array of a file. */
export interface StoredArray {
  readonly shape: readonly number[];
  readonly data: StoredData;
}

/** The contents of a file: arrays by name, and text notes about them. */
export interface StoredArrays {
  readonly arrays: ReadonlyMap<string, StoredArray>;
  readonly notes: Readonly<Record<string, string>>;
}

const kinds = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U32: Uint32Array,
} as const;
type Kind = keyof typeof kinds;

const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(kinds) as [Kind, ...Kind[]]),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const headerSchema = z.record(z.string(), z.unknown());
const notesSchema = z.record(z.string(), z.string());

/** Longest header the format allows. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

function kindOf(data: StoredData): Kind {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Int32Array) return "I32";
  return "U32";
}

/**
 * A file's bytes.
 *
 * @param contents arrays by name (little-endian, in the order given) and notes
 */
export function encodeSafetensors(contents: StoredArrays): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(contents.notes).length > 0) header.__metadata__ = contents.notes;
  let offset = 0;
  for (const [name, { shape, data }] of contents.arrays) {
    header[name] = { dtype: kindOf(data), shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + offset);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { data } of contents.arrays.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * The arrays in a file, each in a buffer of its own.
 *
 * @param bytes the whole file
 * @param where the file's name, for messages
 * @throws CheckpointError if the file is truncated, damaged, or not a safetensors file
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): StoredArrays {
  const damaged = (what: string) => new CheckpointError(`${where} is not a usable safetensors file: ${what}`);
  if (bytes.length < LENGTH_BYTES)
    throw damaged(`it has ${bytes.length} bytes, and the header's length alone takes ${LENGTH_BYTES}`);
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true));
  const start = LENGTH_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || start > bytes.length) {
    throw damaged(`its header claims ${headerBytes} bytes, but the file has ${bytes.length}; it may be truncated`);
  }
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, start), damaged);
  const notes = notesSchema.safeParse(header.__metadata__ ?? {});
  if (!notes.success) throw damaged("its notes are not text");
  const arrays = new Map<string, StoredArray>();
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success) throw damaged(`the entry "${name}" is malformed`);
    const { dtype, shape, data_offsets } = entry.data;
    const [from, to] = data_offsets;
    const Constructor = kinds[dtype];
    const size = shape.reduce((product, n) => product * n, 1);
    if (to - from !== size * Constructor.BYTES_PER_ELEMENT)
      throw damaged(`"${name}" has shape [${shape}] but ${to - from} bytes`);
    if (start + to > bytes.length) throw damaged(`"${name}" ends beyond the end of the file; it is truncated`);
    // Not bytes.slice: of one of Node's buffers that would be a view of the whole file.
    const copy = new Uint8Array(bytes.subarray(start + from, start + to));
    arrays.set(name, { shape, data: new Constructor(copy.buffer, 0, size) });
  }
  return { arrays, notes: notes.data };
}

function parseHeader(json: Uint8Array, damaged: (what: string) => CheckpointError): Record<string, unknown> {
  try {
    return headerSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)));
  } catch {
    throw damaged("its header is not JSON");
  }
}
