/** Windows of tokens as the tensors of consecutive segments. */
import { detached, tensor } from "../array/index.ts";
import type { TokenWindows } from "../data/index.ts";
import type { Segment } from "./segment-programs.ts";

/** How much the targets of a batch of windows count together: as many as there are, unless they have weights. */
export function countTargets({ targets, weights }: TokenWindows): number {
  return Array.from(weights ?? targets).reduce((total, n) => total + n, 0);
}

/**
 * Cuts windows into segments; the caller releases them.
 *
 * @param windows rows of length + 1 tokens
 * @param segment tokens a segment; divides the windows' length
 */
export function segmentsOf(windows: TokenWindows, segment: number): Segment[] {
  const { tokens, batch, length, targets, weights: given, observed: told } = windows;
  return Array.from({ length: length / segment }, (_, s) => {
    const inputs = new Int32Array(batch * segment);
    const next = new Int32Array(batch * segment);
    const weights = new Float32Array(batch * segment);
    const observed = told && new Float32Array(batch * segment);
    for (let row = 0; row < batch; row++) {
      const from = row * (length + 1) + s * segment;
      inputs.set(tokens.subarray(from, from + segment), row * segment);
      next.set(tokens.subarray(from + 1, from + segment + 1), row * segment);
      const first = row * length + s * segment;
      if (given === undefined) {
        const counted = Math.min(segment, Math.max(0, targets[row]! - s * segment));
        weights.fill(1, row * segment, row * segment + counted);
      } else weights.set(given.subarray(first, first + segment), row * segment);
      if (told) observed!.set(told.subarray(first, first + segment), row * segment);
    }
    const shape = [batch, segment];
    return detached(() => ({
      tokens: tensor(inputs, shape),
      targets: tensor(next, shape),
      weights: tensor(weights, shape),
      ...(observed && { observed: tensor(observed, shape) }),
    }));
  });
}
