/** Reads the full titles of the tests in a test file, without running it. */
import ts from "typescript";

/**
 * @typedef {object} TestTitle
 * @property {string} file
 * @property {number} line
 * @property {string} title titles of the enclosing `describe` blocks and of the test, joined by ` > `
 */

/**
 * Skipped tests are left out: they show nothing.
 *
 * @param {string} file the path to report
 * @param {string} text
 * @returns {TestTitle[]}
 */
export function readTitles(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  /** @type {TestTitle[]} */
  const found = [];

  /**
   * @param {ts.Node} node
   * @param {string[]} outer
   * @returns {void}
   */
  function visit(node, outer) {
    const call = ts.isCallExpression(node) ? blockOf(node) : undefined;
    if (call?.skipped) return;
    const titles = call === undefined ? outer : [...outer, call.title];
    if (call !== undefined && call.kind !== "describe") {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      found.push({ file, line, title: titles.join(" > ") });
    }
    ts.forEachChild(node, (child) => visit(child, titles));
  }
  visit(source, []);
  return found;
}

/**
 * A call such as `test("title", ...)`, `it.skip("title", ...)` or ``describe.each([...])(`title ${x}`, ...)``.
 *
 * @param {ts.CallExpression} node
 */
function blockOf(node) {
  const [first] = node.arguments;
  if (first === undefined) return undefined;
  const title = literalText(first);
  if (title === undefined) return undefined;
  /** @type {ts.Expression} */
  let callee = node.expression;
  let skipped = false;
  while (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) {
    if (ts.isPropertyAccessExpression(callee)) skipped ||= callee.name.text === "skip" || callee.name.text === "todo";
    callee = callee.expression;
  }
  if (!ts.isIdentifier(callee)) return undefined;
  // Blocks that run under a condition have names of their own, such as `describeNative`.
  const kind = /^describe([A-Z]|$)/.test(callee.text) ? "describe" : callee.text;
  return ["test", "it", "describe"].includes(kind) ? { kind, title, skipped } : undefined;
}

/**
 * @param {ts.Expression} node
 * @returns {string | undefined} the text, with `*` where a template has a value
 */
function literalText(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map((span) => `*${span.literal.text}`).join("");
}

/**
 * A regular expression for the titles that a title of `readTitles` has when the test runs: what templates and tables put in may be anything.
 *
 * @param {string} title
 */
export function titlePattern(title) {
  const text = title.replaceAll(/[.+?^()|[\]{}\\/]/g, String.raw`\$&`).replaceAll(/\*|%[a-zA-Z#$]|\$[\w.]+/g, ".*");
  return `^${text}$`;
}
