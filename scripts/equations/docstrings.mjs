/** Reads from a source file which exported functions and classes implement which equations. */
import ts from "typescript";
import { parseSee } from "./tags.mjs";

/**
 * @typedef {object} Implementation
 * @property {string} symbol
 * @property {string} file
 * @property {number} line where the declaration starts
 * @property {number} lastLine
 * @property {string} title first sentence of the docstring
 * @property {string | null} formula of the docstring; several are set one below the other
 * @property {import("./tags.mjs").Reference[]} references what it implements
 */

/**
 * @param {string} file the path to report
 * @param {string} text
 * @returns {{ implementations: Implementation[], problems: string[] }}
 */
export function readDocstrings(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  /** @type {Map<string, Implementation>} */
  const found = new Map();
  /** @type {string[]} */
  const problems = [];
  const unattached = new Set(
    [...text.matchAll(/@see[^\n]*\b(?:Eqs?|Algorithms?|Table 1)\b/gi)].map((match) => match.index),
  );

  for (const statement of source.statements) {
    const symbol = exportedName(statement);
    const doc = ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc).at(-1);
    if (symbol === undefined || doc === undefined) continue;
    for (const match of doc.getText(source).matchAll(/@see +([^\n]*?) *(?:\*\/)?(?=\n|$)/g)) {
      const position = doc.getStart(source) + match.index;
      unattached.delete(position);
      const tag = parseSee(match[1] ?? "");
      problems.push(...tag.problems.map((problem) => `${file}:${lineOf(source, position)}: ${problem}`));
      if (tag.references.length === 0) continue;
      const known = found.get(symbol);
      found.set(symbol, {
        symbol,
        file,
        line: known?.line ?? lineOf(source, statement.getStart(source)),
        lastLine: lineOf(source, statement.getEnd()),
        title: known?.title ?? firstSentence(doc),
        formula: known?.formula ?? formulaOf(doc),
        references: [...(known?.references ?? []), ...tag.references],
      });
    }
    // The body of an overloaded function follows its documented signatures.
    const known = found.get(symbol);
    if (known !== undefined) known.lastLine = lineOf(source, statement.getEnd());
  }
  for (const position of unattached)
    problems.push(
      `${file}:${lineOf(source, position)}: an equation is tagged on something that is not an exported function or class`,
    );
  return { implementations: [...found.values()], problems };
}

/**
 * @param {ts.Statement} statement
 * @returns {string | undefined} the name of an exported function or class
 */
export function exportedName(statement) {
  if (!ts.isFunctionDeclaration(statement) && !ts.isClassDeclaration(statement)) return undefined;
  const exported = statement.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
  return exported ? statement.name?.text : undefined;
}

/**
 * @param {ts.SourceFile} source
 * @param {number} position
 */
function lineOf(source, position) {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}

/** @param {ts.JSDoc} doc */
function firstSentence(doc) {
  const [paragraph = ""] = (ts.getTextOfJSDocComment(doc.comment) ?? "").split(/\n\s*\n/);
  const text = paragraph.replaceAll(/\s+/g, " ").trim();
  return text.match(/^.*?[.!?](?= |$)/)?.[0] ?? text;
}

/** @param {ts.JSDoc} doc */
function formulaOf(doc) {
  const text = ts.getTextOfJSDocComment(doc.comment) ?? "";
  const formulas = [...text.matchAll(/\$\$(.*?)\$\$/gs)].map(([, formula = ""]) =>
    formula.replaceAll(/\s+/g, " ").trim(),
  );
  if (formulas.length < 2) return formulas[0] ?? null;
  return String.raw`\begin{gathered} ${formulas.join(String.raw` \\ `)} \end{gathered}`;
}
