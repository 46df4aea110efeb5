import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CheckpointError, decodeSafetensors, encodeSafetensors, type StoredArray } from "../../src/utils/index.ts";

const arrays = new Map<string, StoredArray>([
  ["a.0", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, Number.POSITIVE_INFINITY) }],
  ["b", { shape: [], data: Float64Array.of(Math.PI) }],
  ["tokens", { shape: [1, 2], data: Int32Array.of(-7, 2 ** 31 - 1) }],
  ["key", { shape: [2], data: Uint32Array.of(0, 2 ** 32 - 1) }],
  ["empty", { shape: [0, 4], data: new Float32Array(0) }],
]);
const file = encodeSafetensors({ arrays, notes: { step: "3", name: "Ähre" } });

describe("safetensors", () => {
  test("gives back what was stored, each array in a buffer of its own", () => {
    const decoded = decodeSafetensors(file, "file");
    expect(decoded.notes).toEqual({ step: "3", name: "Ähre" });
    expect([...decoded.arrays.keys()]).toEqual([...arrays.keys()]);
    for (const [name, { shape, data }] of arrays) {
      const found = decoded.arrays.get(name)!;
      expect(found.shape).toEqual(shape);
      expect(found.data).toEqual(data);
      expect(found.data.byteOffset).toBe(0);
    }
  });

  test("is the published format: little-endian header length, JSON header, then the bytes", () => {
    const simple = encodeSafetensors({ arrays: new Map([["x", { shape: [1], data: Float32Array.of(1) }]]), notes: {} });
    const header = new TextDecoder().decode(simple.subarray(8, simple.length - 4));
    expect(simple[0]).toBe(header.length);
    expect([...simple.subarray(1, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(JSON.parse(header)).toEqual({ x: { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
    expect([...simple.subarray(-4)]).toEqual([0, 0, 0x80, 0x3f]);
    expect((simple.length - 4) % 8).toBe(0);
  });

  test("refuses every truncation with one sentence", () => {
    for (let length = 0; length < file.length; length++) {
      expect(() => decodeSafetensors(file.subarray(0, length), "w.safetensors")).toThrow(CheckpointError);
    }
    expect(() => decodeSafetensors(file.subarray(0, file.length - 1), "w.safetensors")).toThrow(
      /^w\.safetensors is not a usable safetensors file: .*truncated/,
    );
  });

  test("never fails with anything but its own error, whatever byte is changed", () => {
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = file.slice();
        changed[at] = value;
        try {
          decodeSafetensors(changed, "file");
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
        }
      }),
    );
  });
});
