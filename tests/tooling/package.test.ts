/** What `npm pack` makes, installed in another project. */
import { execFileSync } from "node:child_process";
import {
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
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildMissing, root } from "../../scripts/project.mjs";
import { runNode } from "./fixture.ts";

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

test("every entry point has types that a strict project can use", () => {
  const imports = entryPoints.map((entryPoint, i) => `import * as room${i} from "${entryPoint}";`);
  const arrayRoom = `room${entryPoints.indexOf(`${name}/array`)}`;
  const uses = entryPoints.map((_, i) => `room${i}`);
  const wrongUse = `// @ts-expect-error: types that were not found would take anything\n${arrayRoom}.tensor("text");`;
  const code = [...imports, `export const rooms = [${uses.join(", ")}];`, wrongUse];
  writeFileSync(join(consumer, "main.ts"), code.join("\n"));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options =
    "--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2022 --lib es2023,dom,esnext";
  expect(runNode(consumer, [tsc, ...options.split(" "), "main.ts"])).toEqual({ code: 0, stdout: "", stderr: "" });
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

test("the package holds an executable command and the equation registry", () => {
  const command = join(installed, "dist/cli/main.js");
  expect(readFileSync(command, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(statSync(command).mode & 0o111).toBe(process.platform === "win32" ? 0 : 0o111);
  expect(JSON.parse(readFileSync(join(installed, "dist/equations.json"), "utf8"))).not.toEqual([]);
});
