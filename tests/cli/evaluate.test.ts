/** The number that `evaluate` prints, against one computed in a single pass over the whole text. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { np, readSync, release, scope, tensor } from "../../src/array/index.ts";
import { nextTokenLoss } from "../../src/models/index.ts";
import { loadCheckpoint } from "../../src/training/index.ts";
import { run, temporaryFolder, untrainedRun } from "./run.ts";

/** Sums of float32 losses in another order: about the square root of the number of targets times 6e-8, and room for the chunks' own rounding. */
const TOLERANCE = 1e-5;

const text = "It was a bright cold day in April, and the clocks were striking thirteen.\n".repeat(2);
const cut = Math.floor(0.9 * text.length);

/** Bits per byte of a text that is read in one call of the model, without compiled programs, segments or open chunks. */
async function direct(runFolder: string, part: string, write: boolean): Promise<number> {
  const { model, params } = await loadCheckpoint(runFolder);
  const bytes = new TextEncoder().encode(part);
  const losses = scope(() => {
    const shape = [1, bytes.length - 1];
    const storeMask = np.full(shape, write ? 1 : 0, { dtype: "float32" });
    const inputs = tensor(Int32Array.from(bytes.slice(0, -1)), shape);
    const [logits] = model.step(params, model.initialState(params, 1), inputs, { storeMask });
    return nextTokenLoss(logits, tensor(Int32Array.from(bytes.slice(1)), shape));
  });
  const bits = [...readSync(losses)].reduce((sum, loss) => sum + loss, 0) / Math.LN2;
  release(losses, params);
  return bits / (bytes.length - 1);
}

test("bits per byte of a text, of a part of it, with writes and without, equal a direct computation", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "book.txt"), text);
  await untrainedRun(join(folder, "run"), join(folder, "book.txt"));
  const evaluate = async (...args: string[]) => {
    const { code, stdout } = await run(folder, ["evaluate", "run", ...args, "--json"]);
    expect(code).toBe(0);
    return JSON.parse(stdout);
  };
  const near = async (part: string, write: boolean) => {
    const value = await direct(join(folder, "run"), part, write);
    return expect.closeTo(value, -Math.log10(2 * TOLERANCE * value));
  };

  expect(await evaluate("--corpus", "book.txt")).toMatchObject({
    split: "all",
    bytes: text.length - 1,
    tokens: text.length - 1,
    writes: true,
    complete: true,
    bitsPerByte: await near(text, true),
  });
  expect(await evaluate("--no-write", "--split", "training")).toMatchObject({
    split: "training",
    writes: false,
    bitsPerByte: await near(text.slice(0, cut), false),
  });
  // Without a corpus: the part of the model's own text that it was not trained on.
  expect(await evaluate()).toMatchObject({ split: "validation", bitsPerByte: await near(text.slice(cut), true) });
});
