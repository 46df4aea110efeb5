import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { digitPictures } from "../../src/data/digit-pictures.ts";
import { evaluationSeed, taskBatch, taskNamed, taskSchema } from "../../src/data/index.ts";
import { parseConfig } from "../../src/utils/index.ts";

test("a pixel is black where a fifth of the area that it stands for is dark", async () => {
  const pictures = await digitPictures();
  expect(pictures.map((digit) => digit.length).reduce((a, b) => a + b)).toBe(10_000);
  const { data } = createRequire(import.meta.url)("mnist/src/digits/3.json") as { data: number[] };
  const drawn = data.slice(7 * 784, 8 * 784);
  for (let row = 0; row < 8; row++)
    for (let column = 0; column < 8; column++) {
      const area: number[] = [];
      // Rows y with floor(8 y / 28) = row, so from ceil(28 row / 8) on.
      for (let y = Math.ceil(3.5 * row); y < 3.5 * (row + 1); y++)
        for (let x = Math.ceil(3.5 * column); x < 3.5 * (column + 1); x++) area.push(drawn[28 * y + x]!);
      const darkness = area.reduce((a, b) => a + b) / area.length;
      expect(pictures[3]![7]![8 * row + column]).toBe(darkness > 0.2 ? 1 : 0);
    }
});

test("permuted-pixels shows the last fifth of the pictures in evaluation alone", () => {
  const [white, black] = [new Uint8Array(64), new Uint8Array(64).fill(1)];
  const pictures = Array.from({ length: 10 }, () => [white, white, white, white, black]);
  const settings = parseConfig(taskSchema, { name: "permuted-pixels" }, "test");
  const task = taskNamed(settings.name).open(settings, { pictures });
  const pixelsSeen = (seed: number) => {
    const { tokens } = taskBatch(task, { batch: 4, length: task.shortestLength, seed, step: 0 });
    return new Set(Array.from(tokens, (id) => task.symbols[id]!).filter((symbol) => /^[01]{4}$/.test(symbol)));
  };
  expect(pixelsSeen(1)).toEqual(new Set(["0000"]));
  expect(pixelsSeen(evaluationSeed(1))).toEqual(new Set(["1111"]));
});
