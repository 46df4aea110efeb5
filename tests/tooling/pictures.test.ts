/** The pictures of the texts are those that the library draws, and every picture that a text shows is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCanvas } from "../../scripts/pictures/canvas.ts";
import { drawSurprise } from "../../scripts/pictures/surprise.ts";
import { startEngine } from "../../src/array/index.ts";
import { root } from "./fixture.ts";
import { runnablePages } from "./pages.ts";

const folder = join(root, "site/public/pictures");
const committed = readdirSync(folder).sort();

test("the same seed draws the same picture, the one that is committed", async () => {
  const drawn = await drawSurprise(await loadCanvas(), await startEngine("wasm"));
  expect(drawn).toBe(readFileSync(join(folder, "surprise.svg"), "utf8"));
});

test("every picture is shown by a text, and says what it shows to those who cannot see it", () => {
  const texts = runnablePages.map((page) => readFileSync(join(root, page), "utf8")).join("\n");
  const shown = [...texts.matchAll(/!\[([^\]]+)\]\(\/pictures\/([^)]+)\)/g)];
  expect([...new Set(shown.map(([, , name]) => name!))].sort()).toEqual(committed);
  for (const [, words] of shown) expect(words!.length).toBeGreaterThan(40);
});

test.each(committed)("%s stands alone, in light and dark, with named axes", (name) => {
  const svg = readFileSync(join(folder, name), "utf8");
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  expect(svg).toContain("prefers-color-scheme: dark");
  expect(svg).toMatch(/aria-label="x-axis label".*→/s);
  expect(svg).toMatch(/aria-label="y-axis label".*↑/s);
  expect(svg).not.toMatch(/NaN|undefined|https?:\/\/(?!www\.w3\.org)/);
});

test("links between the texts lead to texts that exist", () => {
  for (const page of runnablePages) {
    const text = readFileSync(join(root, page), "utf8");
    for (const [, path] of text.matchAll(/\]\((\.[^)#]+)(?:#[^)]*)?\)/g))
      expect(existsSync(join(root, page, "..", path!)), `${page}: ${path}`).toBe(true);
  }
});
