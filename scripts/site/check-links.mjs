/** Every link within the built site, followed: pages, files and anchors. Addresses elsewhere are not asked. */
import { LinkChecker, LinkState } from "linkinator";

/**
 * Links that lead nowhere.
 *
 * @param {string} folder of the built site
 * @returns {Promise<{ followed: number, dead: string[] }>} how many links lead somewhere, and a sentence for each dead link
 */
export async function checkLinks(folder) {
  const checker = new LinkChecker();
  const { links } = await checker.check({
    path: folder,
    recurse: true,
    checkFragments: true,
    concurrency: 20,
    linksToSkip: async (link) => !/^http:\/\/localhost[:/]/.test(link),
  });
  const local = (/** @type {string | undefined} */ url) => url?.replace(/^http:\/\/localhost:\d+/, "") ?? "the start";
  const dead = links
    .filter(({ state }) => state === LinkState.BROKEN)
    .map(({ url, parent, status }) => `${local(parent)} links to ${local(url)}, which is not there (${status ?? "no answer"})`);
  return { followed: links.filter(({ state }) => state === LinkState.OK).length, dead: [...new Set(dead)].sort() };
}
