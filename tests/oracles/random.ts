/** Seeded random numbers for reproducible oracle inputs. */

import type { Matrix, Vector } from "./matrix.ts";

export interface RandomSource {
  /** Uniform on [0, 1). */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
  normalVector(length: number, deviation?: number): Vector;
  normalMatrix(rows: number, columns: number, deviation?: number): Matrix;
  uniformVector(length: number, low: number, high: number): Vector;
  unitVector(length: number): Vector;
}

/** The mulberry32 generator with Box-Muller normals; equal seeds give equal sequences. */
export function randomSource(seed: number): RandomSource {
  let state = seed >>> 0;
  function uniform(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  }
  function normal(): number {
    return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  function normalVector(length: number, deviation = 1): Vector {
    return Array.from({ length }, () => deviation * normal());
  }
  return {
    uniform,
    normal,
    normalVector,
    normalMatrix: (rows, columns, deviation = 1) =>
      Array.from({ length: rows }, () => normalVector(columns, deviation)),
    uniformVector: (length, low, high) => Array.from({ length }, () => low + (high - low) * uniform()),
    unitVector: (length) => {
      const raw = normalVector(length);
      const size = Math.hypot(...raw);
      return raw.map((value) => value / size);
    },
  };
}
