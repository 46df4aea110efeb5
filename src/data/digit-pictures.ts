/** Handwritten digits as small black and white pictures (Node only). */
import { createRequire } from "node:module";
import { optionalPackage } from "./optional-package.ts";

/** Pixels a side of the pictures that come with the package, and of what is made of them. */
const [DRAWN_SIDE, SIDE] = [28, 8];
const DIGITS = 10;
/** Mean darkness of an area, from 0 to 1, from which its pixel is black. */
const BLACK = 0.2;

/** Pictures of one digit, 0 (white) or 1 (black) by pixel, row by row. */
type DigitPictures = readonly Uint8Array[];

let loaded: Promise<readonly DigitPictures[]> | undefined;

/**
 * Handwritten digits of MNIST, ten thousand of them, shrunk to 8 by 8 pixels that are black or white.
 *
 * @returns by digit
 * @throws MissingPackageError if the package with the pictures is not installed
 */
export function digitPictures(): Promise<readonly DigitPictures[]> {
  loaded ??= optionalPackage("mnist", "pictures of digits", () => {
    const require = createRequire(import.meta.url);
    return Array.from({ length: DIGITS }, (_, digit) => {
      const { data } = require(`mnist/src/digits/${digit}.json`) as { readonly data: readonly number[] };
      const count = data.length / DRAWN_SIDE ** 2;
      return Array.from({ length: count }, (_, i) => shrunk(data, i * DRAWN_SIDE ** 2));
    });
  });
  return loaded;
}

function shrunk(data: readonly number[], from: number): Uint8Array {
  const darkness = new Float64Array(SIDE ** 2);
  const areas = new Float64Array(SIDE ** 2);
  for (let i = 0; i < DRAWN_SIDE ** 2; i++) {
    const [row, column] = [Math.floor(i / DRAWN_SIDE), i % DRAWN_SIDE].map((at) =>
      Math.floor((at * SIDE) / DRAWN_SIDE),
    );
    const pixel = row! * SIDE + column!;
    darkness[pixel]! += data[from + i]!;
    areas[pixel]! += 1;
  }
  return Uint8Array.from(darkness, (sum, pixel) => (sum > BLACK * areas[pixel]! ? 1 : 0));
}
