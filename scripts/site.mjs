/** `npm run site`: builds the documentation site into docs/site. It fails on a formula that cannot be read, an export without documentation and a dead link. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { globSync } from "tinyglobby";
import { buildMissing, heading, npm, root } from "./project.mjs";
import { checkLinks } from "./site/check-links.mjs";
import { writeGenerated } from "./site/generated.mjs";
import { copiedFiles } from "./site/links.mjs";
import { writeSourcePages } from "./site/source-pages.mjs";

const built = join(root, "docs/site");
const reference = join(root, "docs/api");

process.exitCode = buildMissing() || (await buildSite());

/** @returns {Promise<number>} the exit code */
async function buildSite() {
  heading("API reference");
  const undocumented = npm("run", "--silent", "docs");
  if (undocumented !== 0) return undocumented;

  heading("pages");
  /** @type {import("./site/atlas-pages.mjs").AtlasEntry[]} */
  const atlas = JSON.parse(readFileSync(join(root, "dist/equations.json"), "utf8"));
  writeGenerated(root, join(root, "site/generated"), atlas, apiAddresses());
  const unbuilt = npm("exec", "--", "vitepress", "build", "site");
  if (unbuilt !== 0) return unbuilt;
  cpSync(reference, join(built, "api"), { recursive: true });
  for (const file of globSync(copiedFiles, { cwd: root })) cpSync(join(root, file), join(built, file));
  const tests = atlas.flatMap((entry) => entry.tests.map(({ file }) => file));
  writeSourcePages(root, join(built, "source"), [...new Set([...globSync("src/**/*.ts", { cwd: root }), ...tests])]);

  heading("links");
  const { followed, dead } = checkLinks(built);
  for (const link of dead) console.error(link);
  console.log(`${followed} links lead somewhere, ${dead.length} nowhere`);
  return dead.length === 0 ? 0 : 1;
}

/** Where a symbol of the registry has its page in the reference, which writes a list of them. */
function apiAddresses() {
  /** @type {import("./typedoc/addresses.mjs").Address[]} */
  const addresses = JSON.parse(readFileSync(join(reference, "addresses.json"), "utf8"));
  const byName = new Map(addresses.map(({ name, file, address }) => [`${file} ${name}`, `/api/${address}`]));
  /** @param {import("./site/atlas-pages.mjs").AtlasSymbol} symbol */
  return ({ symbol, file }) => byName.get(`${file} ${symbol}`);
}
