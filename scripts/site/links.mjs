/** Where things of the repository are on the site. */
import { posix } from "node:path";

/** Where the repository's Markdown files are shown, by path. */
const pages = new Map([
  ["results/README.md", "/results/"],
  ["FEATURES.md", "/features"],
  ["ARCHITECTURE.md", "/architecture"],
  ["CHANGELOG.md", "/changelog"],
  ["CONTRIBUTING.md", "/contributing"],
]);

/** Files that are copied to the site as they are. */
export const copiedFiles = "{results,examples,notebooks}/**/*.{html,json,txt,mjs,js,ts,py,yaml,ipynb}";
const copied = /^(results|examples|notebooks)\/.*\.(html|json|txt|mjs|js|ts|py|yaml|ipynb)$/;

/** Files of code, each of which has a page with numbered lines. */
const code = /^(src|tests)\/.*\.ts$/;

/** The pages that are made of the repository's own Markdown: its path, and its page's. */
export const repositoryPages = [...pages].map(([path, page]) => ({
  path,
  page: page.endsWith("/") ? `${page.slice(1)}index.md` : `${page.slice(1)}.md`,
}));

/**
 * The page of a file of code, from the root of the site.
 *
 * @param {string} path in the repository
 * @param {number} [line]
 */
export function sourceAddress(path, line) {
  return `/source/${path}.html${line === undefined ? "" : `#L${line}`}`;
}

/**
 * What a link in a Markdown file of the repository becomes on the site; null if the site has nothing to show.
 *
 * @param {string} file the file that has the link, by its path in the repository
 * @param {string} link
 * @returns {string | null}
 */
export function siteAddress(file, link) {
  if (/^([a-z]+:|#|\/)/.test(link)) return link;
  const [path = "", anchor] = link.split("#");
  const target = posix.join(posix.dirname(file), path);
  const fragment = anchor === undefined ? "" : `#${anchor}`;
  if (target === "README.md") return `/${fragment}`;
  const page = pages.get(target);
  if (page !== undefined) return page + fragment;
  if (code.test(target)) return sourceAddress(target) + fragment;
  if (target.startsWith("site/")) return target.slice(4).replace(/\.md$/, "") + fragment;
  if (copied.test(target)) return `/${target}${fragment}`;
  return null;
}

/**
 * Markdown of the repository with its links made the site's. Of a link to something that the site does not show, the text stays.
 *
 * @param {string} file its path in the repository
 * @param {string} markdown
 */
export function forSite(file, markdown) {
  return markdown.replaceAll(/(?<!!)\[([^\]]+)\]\(([^)\s]+)\)/g, (whole, text, link) => {
    const address = siteAddress(file, link);
    if (address === null) return text;
    // What is not a page of VitePress is opened as any link.
    const plain = /\.(html|json|txt|mjs|js|ts|py|yaml|ipynb)(#|$)/.test(address) && !/^[a-z]+:/.test(address);
    return address === link ? whole : `[${text}](${address})${plain ? '{target="_self"}' : ""}`;
  });
}
