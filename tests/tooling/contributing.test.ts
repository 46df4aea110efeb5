/** The walk-through of CONTRIBUTING.md holds: its memory rule, in the file it names, passes its own test, and the engine takes it. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { root } from "./fixture.ts";
import { blocksOf, linked } from "./pages.ts";

mkdirSync(join(root, "runs"), { recursive: true });
const folder = mkdtempSync(join(root, "runs/.contributing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Files of the page by the path that their first line names. */
const files = new Map(
  blocksOf("CONTRIBUTING.md", "ts").flatMap(({ text }) => {
    const [, path, code] = /^\/\/ (\S+\.ts)\n(.*)$/s.exec(text) ?? [];
    return path === undefined ? [] : [[path, code!] as const];
  }),
);

/** Where an import of a file leads: into the project, or to another file of the page. */
function written(path: string, code: string): string {
  const imports = [...code.matchAll(/from "(\.[^"]+)"/g)].map(([, name]) => name!);
  const target = (name: string) => {
    const local = join(dirname(path), name);
    return existsSync(join(root, local)) ? join(root, local) : join(folder, local);
  };
  return linked(code, Object.fromEntries(imports.map((name) => [name, target(name)])));
}

test("the page has a rule and its test, in files that the project does not have", () => {
  expect([...files.keys()]).toEqual(["tests/miras/bias-log-cosh.test.ts", "src/miras/bias-log-cosh.ts"]);
  for (const path of files.keys()) expect(existsSync(join(root, path)), path).toBe(false);
});

for (const [path, code] of files) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), written(path, code));
}
await Promise.all(
  [...files.keys()]
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => import(/* @vite-ignore */ join(folder, path))),
);
