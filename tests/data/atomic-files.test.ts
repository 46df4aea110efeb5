import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removePartials, writeDirectoryAtomic, writeFileAtomic } from "../../src/data/index.ts";

const folder = () => mkdtemp(join(tmpdir(), "atomic-files-"));

test("a file replaces the one before it and leaves nothing beside it", async () => {
  const home = await folder();
  const path = join(home, "new", "file.txt");
  await writeFileAtomic(path, "one");
  await writeFileAtomic(path, new TextEncoder().encode("two"));
  expect(await readFile(path, "utf8")).toBe("two");
  expect(await readdir(join(home, "new"))).toEqual(["file.txt"]);
});

test("a folder is replaced as a whole", async () => {
  const home = await folder();
  const path = join(home, "step-1");
  await writeDirectoryAtomic(
    path,
    new Map([
      ["a", "1"],
      ["b", "2"],
    ]),
  );
  await writeDirectoryAtomic(path, new Map([["a", "3"]]));
  expect(await readdir(home)).toEqual(["step-1"]);
  expect(await readdir(path)).toEqual(["a"]);
  expect(await readFile(join(path, "a"), "utf8")).toBe("3");
});

test("a write that fails leaves the old folder as it was", async () => {
  const home = await folder();
  const path = join(home, "step-1");
  await writeDirectoryAtomic(path, new Map([["a", "1"]]));
  await expect(
    writeDirectoryAtomic(
      path,
      new Map([
        ["a", "2"],
        ["no/such/folder", "3"],
      ]),
    ),
  ).rejects.toThrow();
  expect(await readFile(join(path, "a"), "utf8")).toBe("1");
});

test("what an interrupted write left behind is removed, and nothing else", async () => {
  const home = await folder();
  await writeFile(join(home, ".step-2.partial-123"), "half");
  await writeFile(join(home, ".hidden"), "mine");
  await writeFile(join(home, "kept"), "mine");
  await removePartials(home);
  expect((await readdir(home)).sort()).toEqual([".hidden", "kept"]);
});
