/** A page for every file of code that the site links to: coloured, with numbered lines that have anchors. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

const style = `
:root { color-scheme: light dark; --ink: #24292e; --page: #fff; --link: #1d5fb8; --keyword: #b3203c; --string: #0a5a2e; --comment: #6a737d; --number: #005cc5; --target: #ffe79c80; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e1e4e8; --page: #1b1b1f; --link: #79b1f5; --keyword: #f97583; --string: #9ecbff; --comment: #8b949e; --number: #79b8ff; --target: #6b5a1c80; }
}
body { margin: 0; font: 14px/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; background: var(--page); color: var(--ink); }
header { padding: 14px 20px; border-bottom: 1px solid #8884; font-size: 15px; }
header a { color: var(--link); text-decoration: none; }
pre { margin: 0; padding: 12px 0 60vh; overflow-x: auto; font: inherit; }
code { counter-reset: line; display: block; width: max-content; min-width: 100%; font: inherit; }
.l { display: block; padding-right: 24px; scroll-margin-top: 30vh; min-height: 1.6em; }
.l::before { counter-increment: line; content: counter(line); display: inline-block; width: 44px; margin-right: 20px; text-align: right; color: #8b949e; }
.l:target { background: var(--target); }
.k { color: var(--keyword); } .s { color: var(--string); } .c { color: var(--comment); } i { font-style: normal; } .n { color: var(--number); }`;

/** Style classes by the compiler's classes of tokens. */
const classes = new Map([
  [ts.ClassificationType.keyword, "k"],
  [ts.ClassificationType.stringLiteral, "s"],
  [ts.ClassificationType.regularExpressionLiteral, "s"],
  [ts.ClassificationType.comment, "c"],
  [ts.ClassificationType.numericLiteral, "n"],
  [ts.ClassificationType.bigintLiteral, "n"],
]);

/**
 * Writes the pages.
 *
 * @param {string} root of the repository
 * @param {string} folder of the pages
 * @param {readonly string[]} paths of files of TypeScript in the repository
 */
export function writeSourcePages(root, folder, paths) {
  const classifier = ts.createClassifier();
  for (const path of paths) {
    const code = readFileSync(join(root, path), "utf8").trimEnd();
    const file = join(folder, `${path}.html`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, page(path, colouredLines(classifier, code)));
  }
}

/**
 * Code as HTML, an element a line.
 *
 * @param {import("typescript").Classifier} classifier
 * @param {string} code
 */
function colouredLines(classifier, code) {
  const { spans } = classifier.getEncodedLexicalClassifications(code, ts.EndOfLineState.None, true);
  let [html, at] = ["", 0];
  for (let i = 0; i < spans.length; i += 3) {
    const [start, length, kind] = [spans[i] ?? 0, spans[i + 1] ?? 0, spans[i + 2] ?? 0];
    const name = classes.get(kind);
    if (name === undefined) continue;
    // A comment of several lines is one span a line.
    const lines = escaped(code.slice(start, start + length)).split("\n");
    html += escaped(code.slice(at, start)) + lines.map((line) => `<i class="${name}">${line}</i>`).join("\n");
    at = start + length;
  }
  html += escaped(code.slice(at));
  return html
    .split("\n")
    .map((line, i) => `<span class="l" id="L${i + 1}">${line}</span>`)
    .join("");
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/**
 * @param {string} path
 * @param {string} lines
 */
function page(path, lines) {
  const up = "../".repeat(path.split("/").length);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${path} · neural-memory</title><style>${style}</style></head>
<body><header><a href="${up}index.html">neural-memory</a> / ${path}</header><pre><code>${lines}</code></pre></body>
</html>
`;
}
