/** A page for every file of code that the site links to: highlighted, with numbered lines that have anchors. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createHighlighter } from "shiki";

const style = `
:root { color-scheme: light dark; }
body { margin: 0; font: 14px/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; background: #fff; color: #24292e; }
header { padding: 14px 20px; border-bottom: 1px solid #8884; font-size: 15px; }
header a { color: #3451b2; text-decoration: none; }
pre { margin: 0; padding: 12px 0 40px; overflow-x: auto; background: none !important; }
code { counter-reset: line; display: block; width: max-content; min-width: 100%; }
.line { display: inline-block; width: 100%; padding-right: 24px; box-sizing: border-box; scroll-margin-top: 30vh; }
.line::before { counter-increment: line; content: counter(line); display: inline-block; width: 44px; margin-right: 20px; text-align: right; color: #8b949e; }
.line:target { background: #ffe79c80; }
@media (prefers-color-scheme: dark) {
  body { background: #1b1b1f; color: #e1e4e8; }
  header a { color: #a8b1ff; }
  .shiki span { color: var(--shiki-dark) !important; }
  .line:target { background: #6b5a1c80; }
}`;

/**
 * Writes the pages.
 *
 * @param {string} root of the repository
 * @param {string} folder of the pages
 * @param {readonly string[]} paths of files of TypeScript in the repository
 */
export async function writeSourcePages(root, folder, paths) {
  const highlighter = await createHighlighter({ langs: ["typescript"], themes: ["github-light", "github-dark"] });
  for (const path of paths) {
    const code = readFileSync(join(root, path), "utf8").trimEnd();
    const shown = highlighter.codeToHtml(code, {
      lang: "typescript",
      themes: { light: "github-light", dark: "github-dark" },
      transformers: [
        {
          line(node, line) {
            node.properties.id = `L${line}`;
          },
        },
      ],
    });
    const file = join(folder, `${path}.html`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, page(path, shown));
  }
  highlighter.dispose();
}

/**
 * @param {string} path
 * @param {string} code
 */
function page(path, code) {
  const up = "../".repeat(path.split("/").length);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${path} · neural-memory</title><style>${style}</style></head>
<body><header><a href="${up}index.html">neural-memory</a> / ${path}</header>${code}</body>
</html>
`;
}
