/** Markdown that the site is made of beside what is written by hand: the papers' equations, and the repository's own pages. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { paperMarkdown, paperPages } from "./atlas-pages.mjs";
import { forSite, repositoryPages } from "./links.mjs";

/**
 * Writes the folder anew.
 *
 * @param {string} root of the repository
 * @param {string} folder to write
 * @param {readonly import("./atlas-pages.mjs").AtlasEntry[]} atlas
 * @param {(symbol: import("./atlas-pages.mjs").AtlasSymbol) => string | undefined} apiAddress
 */
export function writeGenerated(root, folder, atlas, apiAddress) {
  rmSync(folder, { recursive: true, force: true });
  /** @param {string} path @param {string} markdown */
  const write = (path, markdown) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), markdown);
  };
  for (const [paper, page] of Object.entries(paperPages)) {
    const entries = atlas.filter((entry) => entry.paper === paper);
    write(`equations/${page}.md`, paperMarkdown(entries, apiAddress));
  }
  for (const { path, page } of repositoryPages) {
    if (!existsSync(join(root, path))) continue;
    // Tables of files and commands need room.
    const front = "---\npageClass: wide\naside: false\n---\n\n";
    write(`pages/${page}`, front + forSite(path, readFileSync(join(root, path), "utf8")));
  }
}
