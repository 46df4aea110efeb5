/** What a memory is for: pairs are written, then read back by their keys. */
import { expect, it } from "vitest";
import { np, readSync, scope, type Tensor, tensor } from "../../src/array/index.ts";
import { memoryForward } from "../../src/common/index.ts";
import { type MemoryState, recurrentMemory } from "../../src/titans/index.ts";
import { identity, norm, randomSource, scale, subtract, type Vector } from "../oracles/index.ts";
import { architectureOf } from "../titans/memory-cases.ts";

const DIM = 5;
const linear = architectureOf({ depth: 1 });
const random = randomSource(7);
const unitVector = () => {
  const x = random.normalVector(DIM);
  return scale(1 / norm(x), x);
};

interface Pair {
  readonly key: Vector;
  readonly value: Vector;
}

const rows = (vectors: readonly Vector[]): Tensor => tensor(Float32Array.from(vectors.flat()), [vectors.length, DIM]);
const gate = (values: readonly number[]): Tensor => tensor(Float32Array.from(values));

function empty(): MemoryState {
  const zeros = () => ({ layers: [np.zeros([DIM, DIM])] });
  return { memory: zeros(), surprise: zeros() };
}

/** Writes pairs one by one, without momentum. */
function written(
  state: MemoryState,
  pairs: readonly Pair[],
  stepSize: number,
  forget = pairs.map(() => 0),
): MemoryState {
  const keys = rows(pairs.map(({ key }) => key));
  const none = gate(pairs.map(() => 0));
  const gates = { forget: gate(forget), momentum: none, stepSize: gate(pairs.map(() => stepSize)) };
  return recurrentMemory(linear, state, {
    keys,
    values: rows(pairs.map(({ value }) => value)),
    queries: keys,
    ...gates,
  }).state;
}

/** Mean squared distance of what the keys bring back from their values. */
function recallError(state: MemoryState, pairs: readonly Pair[]): number {
  const read = [...readSync(memoryForward(linear, state.memory, rows(pairs.map(({ key }) => key))))];
  const errors = pairs.map(({ value }, i) => norm(subtract(read.slice(i * DIM, (i + 1) * DIM), value)) ** 2);
  return errors.reduce((sum, error) => sum + error, 0) / pairs.length;
}

it("recalls random pairs the better the larger its steps, up to the bound of stability", () => {
  const pairs = Array.from({ length: 4 }, () => ({ key: unitVector(), value: unitVector() }));
  const threeTimes = [...pairs, ...pairs, ...pairs];
  const errorAt = (stepSize: number) => scope(() => recallError(written(empty(), threeTimes, stepSize), pairs));
  const errors = [0, 0.1, 0.3, 0.8].map(errorAt);
  expect(errors[0]).toBeCloseTo(1, 5);
  for (const [i, error] of errors.entries()) if (i > 0) expect(error).toBeLessThan(0.8 * errors[i - 1]!);
  // A step of 2 over a unit key only turns its error round; beyond, errors grow.
  expect(errorAt(2.5)).toBeGreaterThan(10);
});

it("recalls what replaced old values better if it forgets them first: orthogonal keys, in closed form", () => {
  const keys = identity(DIM);
  const old = keys.map((key) => ({ key, value: unitVector() }));
  const replaced = keys.map((key) => ({ key, value: unitVector() }));
  const [passes, stepSize] = [3, 0.3];
  const again = Array.from({ length: passes }, () => replaced).flat();
  const left = (1 - stepSize) ** (2 * passes);
  scope(() => {
    const full = written(empty(), old, 1);
    expect(recallError(full, old)).toBeLessThan(1e-10);
    const kept = recallError(written(full, again, stepSize), replaced);
    const cleared = recallError(
      written(
        full,
        again,
        stepSize,
        again.map((_, t) => (t === 0 ? 1 : 0)),
      ),
      replaced,
    );
    const change = replaced.map(({ value }, i) => norm(subtract(value, old[i]!.value)) ** 2);
    expect(kept).toBeCloseTo((left * change.reduce((sum, x) => sum + x, 0)) / DIM, 5);
    // The first new pair takes its gradient at the weights before they are cleared, so it is written towards the difference; the others start from nothing.
    expect(cleared).toBeLessThan(0.8 * kept);
  });
});
