import { describe, expect, it } from "vitest";
import { jit, np, readSync, release, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { type CarriedRotation, carriedRotation, initialRotation } from "../../src/common/index.ts";

const dim = 6;
const frequencies = [0, 1, 2].map((i) => 10000 ** (-i / 3));

/** What the angles of positions should be: cosines, then sines. */
function expected(positions: readonly number[]): number[] {
  const angles = positions.flatMap((position) => frequencies.map((frequency) => position * frequency));
  return [...angles.map(Math.cos), ...angles.map(Math.sin)];
}

function numbers({ cos, sin }: { cos: Tensor; sin: Tensor }): number[] {
  return [...readSync(cos), ...readSync(sin)];
}

function expectNear(actual: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(wanted.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(tolerance);
  });
}

describe("carried rotation", () => {
  it("gives consecutive tokens the angles of their positions, across calls", () => {
    scope(() => {
      const first = carriedRotation(initialRotation(1, dim, np.ones([1])), 5);
      const second = carriedRotation(first.next, 3);
      expectNear(numbers(first.angles), expected([0, 1, 2, 3, 4]), 1e-6);
      expectNear(numbers(second.angles), expected([5, 6, 7]), 1e-6);
      expectNear(numbers(second.next), expected([8]), 1e-6);
    });
  });

  it("does not move on at empty slots, wherever they are, and differs between sequences", () => {
    scope(() => {
      const mask = tensor([1, 0, 1, 1, 1, 1, 1, 0], [2, 4]);
      const { angles, next } = carriedRotation(initialRotation(2, dim, mask), 4, mask);
      const row = (x: Tensor, sequence: number) => [...readSync(x)].slice(12 * sequence, 12 * sequence + 12);
      const ofRow = (sequence: number) => [...row(angles.cos, sequence), ...row(angles.sin, sequence)];
      // An empty slot has the angle of the token that comes next.
      expectNear(ofRow(0), expected([0, 1, 1, 2]), 1e-6);
      expectNear(ofRow(1), expected([0, 1, 2, 3]), 1e-6);
      expectNear([...readSync(next.cos)], [...expected([3]).slice(0, 3), ...expected([3]).slice(0, 3)], 1e-6);
    });
  });

  it("keeps unit length and its angle over a million tokens, where counted float32 positions would not", () => {
    const advance = jit((rotation: CarriedRotation) => carriedRotation(rotation, 1000).next);
    let rotation = scope(() => initialRotation(1, dim, np.ones([1])));
    for (let call = 0; call < 1000; call++) {
      const next = advance(rotation);
      release(rotation);
      rotation = next;
    }
    const [cos, sin] = [readSync(rotation.cos), readSync(rotation.sin)];
    for (const i of [0, 1, 2]) expect(Math.hypot(cos[i]!, sin[i]!)).toBeCloseTo(1, 6);
    // A thousand roundings of 6e-8, with signs: the drift of the angle stays below 1e-4 of a turn.
    expectNear(numbers(rotation), expected([1_000_000]), 1e-4);
    release(rotation);
  });
});
