import { expect, it } from "vitest";
import { grad, np, release, startEngine, type Tensor } from "../../../src/array/index.ts";
import { type RandomProgram, randomProgram } from "./random-programs.ts";
import { describeNative, largestDifference, nativeEngine, results } from "./support.ts";

const notes: string[] = [];
const onNote = (sentence: string) => void notes.push(sentence);
const native = await nativeEngine({ onNote });
const exact = await nativeEngine({ onNote, precision: "float64" });
const wasm = await startEngine("wasm");

/** A scalar that depends on every result of the program, differently. */
function gradientOf({ args, f }: RandomProgram): RandomProgram {
  const total = grad((given: Tensor[]) =>
    f(...given)
      .map((y, i) => np.multiply(np.sum(np.sin(y)), 1 + i))
      .reduce((sum, y) => np.add(sum, y)),
  );
  return { args, f: (...given) => total(given) };
}

/** Both engines against float64: native's error may be twice wasm's, plus some float32 roundings. */
async function check(seed: number, { args, f }: RandomProgram): Promise<void> {
  const program = f as (...given: never[]) => Tensor[];
  const expected = await results(exact, program, args);
  const actual = await results(native, program, args);
  const reference = await results(wasm, program, args);
  release(args);
  expect(notes, `seed ${seed}`).toEqual([]);
  for (const [i, { shape, numbers }] of expected.entries()) {
    expect([actual[i]!.shape, actual[i]!.type], `seed ${seed}`).toEqual([reference[i]!.shape, reference[i]!.type]);
    expect(shape).toEqual(actual[i]!.shape);
    const where = `seed ${seed}, result ${i} of shape [${shape}]`;
    const reached = largestDifference(reference[i]!.numbers, numbers);
    // wasm shares nothing with this engine: float64 must be what wasm computes, up to what float32 loses in a long chain.
    expect(reached, where).toBeLessThan(1e-3);
    expect(largestDifference(actual[i]!.numbers, numbers), where).toBeLessThanOrEqual(2 * reached + 1e-5);
  }
}

describeNative("random programs agree with wasm, judged by float64", () => {
  const batches = Array.from({ length: 10 }, (_, batch) => batch);
  it.each(batches)("hundred %i", async (batch) => {
    for (let seed = batch * 100; seed < batch * 100 + 70; seed++) await check(seed, randomProgram(seed));
    for (let seed = batch * 100 + 70; seed < batch * 100 + 100; seed++)
      await check(seed, gradientOf(randomProgram(seed)));
  });
});
