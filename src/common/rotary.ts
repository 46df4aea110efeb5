/** Rotary position embedding: queries and keys turned by their position, so that their product depends on the distance alone. */
import { type DType, np, slice, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";

/** Cosines and sines of the angles of consecutive positions, [positions, dim / 2] each. */
export type RotaryTable = { readonly cos: Tensor; readonly sin: Tensor };

/**
 * The angles of positions 0 to count - 1.
 *
 * $$\phi_{p,i} = p \cdot 10000^{-2i/d}, \qquad i < d/2$$
 *
 * They are computed in double precision here, because float32 sines of large angles are wrong by 1e-4.
 *
 * @param count how many positions
 * @param dim features of a head, even
 * @param dtype of the queries and keys
 * @throws ConfigError if dim is odd
 */
export function rotaryTable(count: number, dim: number, dtype: DType = "float32"): RotaryTable {
  if (dim % 2 !== 0) throw new ConfigError(`rotary embedding needs heads of an even dim, got ${dim}`);
  const half = dim / 2;
  const angles = Array.from({ length: count * half }, (_, n) => Math.floor(n / half) * 10000 ** (-(n % half) / half));
  const values = (f: (angle: number) => number) => np.array(angles.map(f), { shape: [count, half], dtype });
  return { cos: values(Math.cos), sin: values(Math.sin) };
}

/**
 * Turns vectors by their angles; feature i of the first half pairs with feature i of the second.
 *
 * $$(x_i,\ x_{i+d/2}) \mapsto (x_i\cos\phi_i - x_{i+d/2}\sin\phi_i,\ \ x_i\sin\phi_i + x_{i+d/2}\cos\phi_i)$$
 *
 * @param x [..., tokens, dim]
 * @param angles rows of a table, one a token: [tokens, dim / 2], or any shape that broadcasts to [..., tokens, dim / 2]
 * @returns [..., tokens, dim]
 */
export function rotate(x: Tensor, angles: RotaryTable): Tensor {
  const dim = x.shape.at(-1) ?? 0;
  const leading = x.shape.slice(1).map((): [] => []);
  const first = slice(x, ...leading, [0, dim / 2]);
  const second = slice(x, ...leading, [dim / 2, dim]);
  return np.concatenate(
    [
      np.subtract(np.multiply(first, angles.cos), np.multiply(second, angles.sin)),
      np.add(np.multiply(first, angles.sin), np.multiply(second, angles.cos)),
    ],
    -1,
  );
}
