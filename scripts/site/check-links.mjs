/** Every link within the built site, followed on the disk: pages, files and anchors. Addresses elsewhere are not asked. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Parser } from "htmlparser2";
import { globSync } from "tinyglobby";

/** Attributes that hold an address. */
const linking = ["href", "src"];

/** @typedef {{ links: Set<string>, anchors: Set<string> }} Page */

/**
 * Links that lead nowhere.
 *
 * @param {string} folder of the built site
 * @returns {{ followed: number, dead: string[] }} how many links lead somewhere, and a sentence for each that does not
 */
export function checkLinks(folder) {
  const files = globSync("**/*.html", { cwd: folder });
  const pages = new Map(files.map((file) => [file, readPage(join(folder, file))]));
  let followed = 0;
  /** @type {string[]} */
  const dead = [];
  for (const [file, { links }] of pages) {
    for (const link of links) {
      const target = targetOf(folder, file, link);
      if (target === null) continue;
      const trouble = troubleWith(folder, pages, target);
      if (trouble === null) followed++;
      else dead.push(`${file} links to ${link}: ${trouble}`);
    }
  }
  return { followed, dead: dead.sort() };
}

/**
 * @param {string} path
 * @returns {Page}
 */
function readPage(path) {
  /** @type {Page} */
  const page = { links: new Set(), anchors: new Set() };
  const parser = new Parser({
    onopentag(tag, attributes) {
      const { id, name, rel } = attributes;
      if (id !== undefined) page.anchors.add(id);
      if (tag === "a" && name !== undefined) page.anchors.add(name);
      for (const attribute of linking) {
        const link = attributes[attribute];
        if (link !== undefined && rel !== "preconnect") page.links.add(link);
      }
    },
  });
  parser.end(readFileSync(path, "utf8"));
  return page;
}

/**
 * The file and anchor that a link leads to; null where it leaves the site.
 *
 * @param {string} folder
 * @param {string} file
 * @param {string} link
 */
function targetOf(folder, file, link) {
  if (/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(link)) return null;
  const [address = "", anchor = ""] = link.split("#");
  const path = decodeURIComponent(address.split("?")[0] ?? "");
  const absolute = path === "" ? join(folder, file) : join(folder, path.startsWith("/") ? "" : dirname(file), path);
  const found = existsSync(absolute) && statSync(absolute).isDirectory() ? join(absolute, "index.html") : absolute;
  return { path: relative(folder, found), anchor: decodeURIComponent(anchor) };
}

/**
 * What is wrong with a target; null if nothing is.
 *
 * @param {string} folder
 * @param {ReadonlyMap<string, Page>} pages
 * @param {{ path: string, anchor: string }} target
 */
function troubleWith(folder, pages, { path, anchor }) {
  if (path.startsWith("..")) return "that is outside the site";
  if (!existsSync(join(folder, path))) return "there is no such file";
  const page = pages.get(path);
  if (anchor === "" || page === undefined || page.anchors.has(anchor)) return null;
  return "the page has no such anchor";
}
