/** Rotary positions of a stream without end: the angle is carried from call to call, so no position is ever counted. */
import { np, type Tensor } from "../array/index.ts";
import { type RotaryTable, rotaryTable } from "./rotary.ts";
import { countValid, lastEntries } from "./valid-entries.ts";

/** Cosines and sines of the next token's angles: [batch, dim / 2] each. */
export type CarriedRotation = RotaryTable;

/**
 * The rotation of a stream's first token: no angle yet.
 *
 * @param dim features of a key, of which each two are turned together
 * @param like a tensor of any shape, of the type that is wanted
 * @returns cosines and sines [batch, dim / 2]
 */
export function initialRotation(batch: number, dim: number, like: Tensor): CarriedRotation {
  const shape = [batch, dim / 2];
  return { cos: np.ones(shape, { dtype: like.dtype }), sin: np.zeros(shape, { dtype: like.dtype }) };
}

/**
 * The angles of a call's tokens, and those that the next call begins with.
 *
 * $$R_{p+i} = R_p R_i, \qquad (\cos, \sin)(a + b) = (\cos a \cos b - \sin a \sin b,\ \ \sin a \cos b + \cos a \sin b)$$
 *
 * A position that is counted loses its sine: float32 has none of it left at a million. A carried angle gathers one rounding a call instead, and its length is
 * brought back to one.
 *
 * @param rotation of the call's first token
 * @param tokens how many slots
 * @param mask 1 where a slot holds a token; empty ones do not move the angle on: [batch, tokens]
 * @returns angles [batch, 1, tokens, dim / 2], for all heads, and the rotation of the next call
 */
export function carriedRotation(
  rotation: CarriedRotation,
  tokens: number,
  mask?: Tensor,
): { angles: RotaryTable; next: CarriedRotation } {
  const table = rotaryTable(tokens + 1, 2 * rotation.cos.shape.at(-1)!, rotation.cos.dtype);
  const counted = mask && np.astype(countValid(mask), "int32"); // [batch, tokens]
  const isValid = mask && np.astype(np.greater(mask, 0), "int32");
  const before = counted && isValid ? np.subtract(counted, isValid) : np.arange(tokens);
  const total = counted ? lastEntries(counted, 1) : np.array([tokens], { dtype: "int32" });
  const steps = (positions: Tensor): RotaryTable => ({
    cos: np.take(table.cos, positions, 0),
    sin: np.take(table.sin, positions, 0),
  });
  const start = { cos: np.expandDims(rotation.cos, 1), sin: np.expandDims(rotation.sin, 1) }; // [batch, 1, dim / 2]
  const own = turned(start, steps(before));
  const next = turned(start, steps(total));
  const length = np.sqrt(np.add(np.square(next.cos), np.square(next.sin)));
  const unit = (x: Tensor) => np.squeeze(np.divide(x, length), 1);
  return {
    angles: { cos: np.expandDims(own.cos, 1), sin: np.expandDims(own.sin, 1) },
    next: { cos: unit(next.cos), sin: unit(next.sin) },
  };
}

/** One rotation after another. */
function turned(a: RotaryTable, b: RotaryTable): RotaryTable {
  return {
    cos: np.subtract(np.multiply(a.cos, b.cos), np.multiply(a.sin, b.sin)),
    sin: np.add(np.multiply(a.sin, b.cos), np.multiply(a.cos, b.sin)),
  };
}
