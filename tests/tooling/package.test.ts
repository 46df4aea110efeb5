/** What `npm pack` makes, in another project. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { buildMissing, root } from "../../scripts/project.mjs";
import { bundleSize } from "../../scripts/size.mjs";
import { chromium, Page } from "../browser/chromium.ts";
import { runNode, temporaryFolder } from "./fixture.ts";

const { name, exports, optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  name: string;
  exports: Record<string, unknown>;
  optionalDependencies: Record<string, string>;
};
const entryPoints = Object.keys(exports)
  .filter((path) => path !== "./package.json")
  .map((path) => name + path.slice(1));

let consumer = "";
let installed = "";
let tarball = "";

beforeAll(() => {
  expect(buildMissing(), "exit code of the build").toBe(0);
  consumer = realpathSync(mkdtempSync(join(tmpdir(), "consumer-")));
  installed = join(consumer, "node_modules", name);
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", consumer], {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  tarball = join(consumer, filename);
  execFileSync("tar", ["-xzf", filename], { cwd: consumer });
  mkdirSync(join(consumer, "node_modules"));
  renameSync(join(consumer, "package"), installed);
  symlinkSync(join(root, "node_modules"), join(installed, "node_modules"), "junction");
  writeFileSync(join(consumer, "package.json"), '{ "type": "module" }');
});

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

test.each(entryPoints)("%s can be imported and says nothing", (entryPoint) => {
  writeFileSync(
    join(consumer, "main.js"),
    `import * as room from "${entryPoint}"; process.exitCode = Object.keys(room).length > 0 ? 0 : 3;`,
  );
  expect(runNode(consumer, ["main.js"])).toEqual({ code: 0, stdout: "", stderr: "" });
});

const resolutions = ["--module nodenext", "--module esnext --moduleResolution bundler"];

test.each(resolutions)("every entry point has types that a strict project can use: %s", (resolution) => {
  const imports = entryPoints.map((entryPoint, i) => `import * as room${i} from "${entryPoint}";`);
  const arrayRoom = `room${entryPoints.indexOf(`${name}/array`)}`;
  const uses = entryPoints.map((_, i) => `room${i}`);
  const wrongUse = `// @ts-expect-error: types that were not found would take anything\n${arrayRoom}.tensor("text");`;
  const code = [...imports, `export const rooms = [${uses.join(", ")}];`, wrongUse];
  writeFileSync(join(consumer, "main.ts"), code.join("\n"));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = `--noEmit --strict --exactOptionalPropertyTypes ${resolution} --target es2022 --lib es2023,dom,esnext`;
  expect(runNode(consumer, [tsc, ...options.split(" "), "main.ts"])).toEqual({ code: 0, stdout: "", stderr: "" });
});

/** A memory layer that reads ten tokens, and what it answers to the last one. */
const useOfMemory = `
  import { key, read, scope, tensor } from "neural-memory/array";
  import { NeuralMemory } from "neural-memory/titans";
  const layer = new NeuralMemory({ dim: 8, heads: 1, headDim: 8 });
  const [y] = scope(() => {
    const params = layer.init(key(0));
    const x = tensor(Float32Array.from({ length: 80 }, (_, i) => Math.sin(i)), [1, 10, 8]);
    return [layer.step(params, layer.initialState(params, 1), x)[0]];
  });
  export const answer = [...(await read(y)).slice(-8)];`;

test("npm installs it into an empty project, with nothing optional, where it runs (skipped where no registry can be reached)", (context) => {
  const project = temporaryFolder();
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  const flags = ["--omit=optional", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1"];
  const { status, stderr } = spawnSync("npm", ["install", tarball, ...flags], {
    cwd: project,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED/.test(stderr)) context.skip("no registry");
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const missing = Object.keys(optionalDependencies).filter((it) => existsSync(join(project, "node_modules", it)));
  expect(missing).toEqual([]);
  writeFileSync(join(project, "memory.mjs"), useOfMemory);
  const code = 'import { answer } from "./memory.mjs"; console.log(JSON.stringify(answer));';
  writeFileSync(join(project, "main.mjs"), code);
  const { code: exit, stdout, stderr: said } = runNode(project, ["main.mjs"]);
  expect({ exit, said }).toEqual({ exit: 0, said: "" });
  const answer = JSON.parse(stdout) as number[];
  expect(answer).toHaveLength(8);
  expect(Math.max(...answer.map(Math.abs))).toBeGreaterThan(1e-4);
  const { bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { bin: Record<string, string> };
  expect(Object.keys(bin)).toEqual([name]);
});

test.skipIf(chromium === undefined)(
  "a bundle of it runs in Chromium as in Node (skipped where there is none)",
  async () => {
    writeFileSync(join(consumer, "memory.mjs"), useOfMemory);
    const here = runNode(consumer, [
      "--eval",
      'import("./memory.mjs").then(({ answer }) => console.log(JSON.stringify(answer)))',
    ]);
    const { outputFiles } = await build({
      entryPoints: [join(consumer, "memory.mjs")],
      bundle: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      write: false,
      absWorkingDir: consumer,
      logLevel: "silent",
    });
    const page = await Page.open(chromium!);
    onTestFinished(() => page.close());
    const url = `data:text/javascript;base64,${Buffer.from(outputFiles[0]!.contents).toString("base64")}`;
    const there = await page.evaluate<number[]>(`import("${url}").then(({ answer }) => answer)`);
    const expected = JSON.parse(here.stdout) as number[];
    there.forEach((x, i) => {
      expect(x).toBeCloseTo(expected[i]!, 6);
    });
    expect(there).toHaveLength(8);
  },
);

test("what the Titans room adds to a page is measured and stays below 300 kB compressed", async () => {
  const { minified, gzip } = await bundleSize(`${name}/titans`, consumer);
  console.log(`${name}/titans in a browser: ${minified} bytes minified, ${gzip} bytes with gzip`);
  expect(minified).toBeGreaterThan(gzip);
  expect(gzip).toBeLessThan(300_000);
});

test("publint finds nothing wrong in the package", async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, pack: false, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test("a browser bundle of the Titans room holds no module of Node, no command line and no optional package", async () => {
  const { metafile, warnings } = await build({
    stdin: { contents: `export * from "${name}/titans";`, resolveDir: consumer },
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "silent",
    absWorkingDir: consumer,
  });
  expect(warnings).toEqual([]);
  const external = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  expect(external).toEqual([]);
  const unwanted = [
    "dist/(cli|data|training|evaluation)/",
    ...Object.keys(optionalDependencies).map((it) => `node_modules/${it}/`),
  ];
  expect(Object.keys(metafile.inputs).filter((path) => new RegExp(unwanted.join("|")).test(path))).toEqual([]);
  expect(Object.keys(metafile.inputs)).toContainEqual(expect.stringContaining("dist/titans/index.js"));
});

test("the package holds its licence, its examples and every file that its sources name", () => {
  for (const file of ["LICENSE", "README.md", "CHANGELOG.md", "examples/README.md", "examples/browser/index.html"])
    expect(existsSync(join(installed, file)), file).toBe(true);
  expect(existsSync(join(installed, "src"))).toBe(false);
});

test("the package holds an executable command and the equation registry", () => {
  const command = join(installed, "dist/cli/main.js");
  expect(readFileSync(command, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(statSync(command).mode & 0o111).toBe(process.platform === "win32" ? 0 : 0o111);
  expect(JSON.parse(readFileSync(join(installed, "dist/equations.json"), "utf8"))).not.toEqual([]);
});
