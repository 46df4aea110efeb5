/** One entry of the atlas in full. */
import { type AtlasEntry, citation, sitePage } from "./equation-atlas.ts";

const INDENT = 11;
const WIDTH = 100;

/** Prints everything that the atlas has about an entry. */
export function printEntry(entry: AtlasEntry): void {
  const { title, section, status, formula, reason, erratum, symbols, tests } = entry;
  console.log(`${citation(entry)}: ${title}`);
  print("section", [section]);
  print("status", [reason === null ? status : `${status}: ${reason}`]);
  print("formula", formula === "" ? [] : formula.split("\n"));
  if (erratum !== null) print("in print", [erratum]);
  print(
    "symbols",
    symbols.flatMap(({ symbol, file, line, title: says, entryPoint }) => [
      `${symbol}  ${file}:${line}`,
      `  ${says}`,
      ...(entryPoint === null ? [] : [`  import { ${symbol} } from "${entryPoint}";`]),
    ]),
  );
  print(
    "tests",
    [...new Set(tests.map(({ file }) => file))].flatMap((file) => [
      file,
      ...tests.filter((test) => test.file === file).map((test) => `  ${test.title}`),
    ]),
  );
  print("site", [sitePage(entry)]);
}

/** A name, and lines beside it, folded between words. */
function print(name: string, lines: readonly string[]): void {
  const folded = lines.flatMap((line) => (name === "formula" ? [line] : fold(line)));
  for (const [i, line] of folded.entries()) console.log(`  ${(i === 0 ? name : "").padEnd(INDENT)}${line}`.trimEnd());
}

/** Continuation lines keep the line's own indent. */
function fold(line: string): string[] {
  const indent = line.match(/^ */)![0];
  const lines: string[] = [];
  let current = indent;
  for (const word of line.trimStart().split(" ")) {
    if (current.length > indent.length && current.length + word.length > WIDTH) {
      lines.push(current.trimEnd());
      current = indent;
    }
    current += `${word} `;
  }
  return [...lines, current.trimEnd()];
}
