/** The example that trains in the browser, bundled: in Chromium where one is installed, its training in Node everywhere. */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { buildMissing, root } from "../../scripts/project.mjs";
import { runNode } from "../tooling/fixture.ts";
import { chromium, Page } from "./chromium.ts";

const example = join(root, "examples/browser");

beforeAll(() => {
  expect(buildMissing(), "exit code of the build").toBe(0);
});

/** The page with its bundle, served to this machine. */
async function servedPage(): Promise<string> {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(example, "page.mjs")],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "silent",
    // As for its users: without the paths by which this project finds its own sources.
    tsconfigRaw: {},
  });
  expect(warnings).toEqual([]);
  const server = createServer(({ url }, response) => {
    const script = url === "/page.mjs";
    response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
    response.end(script ? outputFiles[0]!.text : readFileSync(join(example, "index.html")));
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((done) => server.once("listening", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("the trainer learns its text, and writes on", () => {
  const code = `
    import { startTrainer } from "./examples/browser/trainer.mjs";
    const { step, write } = await startTrainer("All work and no play makes Jack a dull boy. ".repeat(12));
    const losses = [];
    for (let n = 0; n < 25; n++) losses.push(await step());
    const bytes = [];
    for await (const byte of write("All", 8)) bytes.push(byte);
    console.log(JSON.stringify({ losses, bytes }));`;
  const { code: exit, stdout, stderr } = runNode(root, ["--input-type=module", "--eval", code]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  const { losses, bytes } = JSON.parse(stdout) as { losses: number[]; bytes: number[] };
  expect(losses[0]).toBeGreaterThan(7.5);
  expect(losses.at(-1)).toBeLessThan(3.5); // its letters alone have 3.9 bits
  expect(bytes).toHaveLength(8);
});

test.skipIf(chromium === undefined)(
  "the page trains in Chromium, draws its loss and writes on (skipped where there is none)",
  async () => {
    const url = await servedPage();
    const page = await Page.open(chromium!);
    onTestFinished(() => page.close());
    await page.goto(url);
    await page.until("document.querySelectorAll('#axes path').length === 5");
    await page.evaluate("document.getElementById('train').click()");
    await page.until("/^step (1[2-9]|[2-9]\\\\d|\\\\d{3,}):/.test(document.getElementById('status').textContent)");
    const points = await page.evaluate<string>("document.getElementById('curve').getAttribute('points')");
    const heights = points.split(" ").map((point) => Number(point.split(",")[1]));
    expect(heights.length).toBeGreaterThanOrEqual(12);
    expect(heights.at(-1)! - heights[0]!, "pixels that the curve fell").toBeGreaterThan(20);
    await page.evaluate("document.getElementById('train').click(); document.getElementById('writer').requestSubmit()");
    await page.until("document.getElementById('written').textContent.length > 12");
    expect(await page.evaluate("document.getElementById('written').textContent")).toMatch(/^Call me /);
  },
);
