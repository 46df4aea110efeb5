/** The demonstrations, at toy size: what they print, and the page that they draw. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { root, runNode, temporaryFolder } from "./fixture.ts";

test.each([
  ["titans", "surprise alone", ["tokens read", "error of its answers"], 2],
  ["miras", "delta rule", ["factor of the outliers", "recall error"], 1],
  ["hope", "updated every 64 bytes", ["bytes read", "bits per byte"], 2],
])("demo:%s prints what it shows and draws it", (name, row, axes, figures) => {
  const out = temporaryFolder();
  const { code, stdout } = runNode(root, [join(root, "scripts/demo.mjs"), name, "--toy", "--out", out]);
  expect(code, stdout).toBe(0);
  expect(stdout).toContain(row);
  expect(stdout).toMatch(new RegExp(`The figure: .*${name}\\.html \\(after \\d+ s\\)\\n$`));
  expect(stdout).not.toMatch(/NaN|undefined/);
  const page = readFileSync(join(out, `${name}.html`), "utf8");
  const { document } = parseHTML(page);
  expect(document.querySelectorAll("figure")).toHaveLength(figures);
  expect(document.querySelectorAll(".wide svg")).toHaveLength(figures);
  for (const axis of axes) expect(document.querySelector("main")!.textContent).toContain(axis);
  expect(page).toContain("prefers-color-scheme: dark");
  expect(page).not.toMatch(/NaN|<script/);
});
