/** The project's texts, and what stands in their fenced blocks. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./fixture.ts";

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

function pagesIn(folder: string): string[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".md"));
  return names.sort().map((name) => `${folder}/${name}`);
}

/** Pages whose blocks of TypeScript are one program each. */
export const runnablePages = ["site/quick-start.md", ...pagesIn("site/concepts"), ...pagesIn("site/guides")];

/** All texts that name commands. */
export const pages = ["README.md", "CONTRIBUTING.md", "FEATURES.md", ...runnablePages];

/** The fenced blocks of a page in some languages, in order. */
export function blocksOf(page: string, ...languages: readonly string[]): Block[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)[^\n]*\n(.*?)^```$/gms)];
  return blocks
    .map(([, language, inside]) => ({ language: language!, text: inside! }))
    .filter(({ language }) => languages.includes(language));
}

/** Code with the library's entry points, and other modules by name, taken from where they are here. */
export function linked(code: string, others: Readonly<Record<string, string>> = {}): string {
  return code.replaceAll(/from "([^"]+)"/g, (clause, name: string) => {
    const [, room] = /^neural-memory\/([a-z]+)$/.exec(name) ?? [];
    const found = room === undefined ? others[name] : join(root, "src", room, "index.ts");
    return found === undefined ? clause : `from ${JSON.stringify(found)}`;
  });
}
