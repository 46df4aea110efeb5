/** Runs the code cells of a notebook in Node, as one module, and compares what they put out with what the notebook holds. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import ts from "typescript";
import { root } from "../../scripts/project.mjs";

export const folder = join(root, "notebooks");

interface Output {
  readonly output_type: "stream" | "display_data" | "execute_result" | "error";
  readonly text?: readonly string[];
  readonly data?: Readonly<Record<string, readonly string[]>>;
}

interface Cell {
  readonly cell_type: "code" | "markdown";
  readonly source: readonly string[];
  readonly metadata: { readonly tags?: readonly string[] };
  readonly execution_count?: number | null;
  readonly outputs?: readonly Output[];
}

/** A cell with code, and what it put out in Jupyter. */
export interface CodeCell {
  readonly source: string;
  readonly executed: number | null | undefined;
  readonly failed: boolean;
  /** Whether it draws among close numbers, so that its text may be another one elsewhere. */
  readonly sampled: boolean;
  /** What it printed, and the text of what it showed. */
  readonly text: string;
  /** Media types of what it showed. */
  readonly shown: readonly string[];
}

/** A notebook as it is committed. */
export interface Notebook {
  readonly name: string;
  readonly prose: string;
  readonly code: readonly CodeCell[];
}

export function readNotebook(name: string): Notebook {
  const { cells } = JSON.parse(readFileSync(join(folder, `${name}.ipynb`), "utf8")) as { cells: readonly Cell[] };
  const ofType = (type: Cell["cell_type"]) => cells.filter(({ cell_type }) => cell_type === type);
  return {
    name,
    prose: ofType("markdown")
      .map(({ source }) => source.join(""))
      .join("\n\n"),
    code: ofType("code").map(({ source, metadata, execution_count, outputs = [] }) => ({
      source: source.join(""),
      executed: execution_count,
      sampled: metadata.tags?.includes("sampled") ?? false,
      failed: outputs.some(({ output_type }) => output_type === "error"),
      // What is printed before something is shown may reach Jupyter after it.
      text: [...outputs.map(({ text }) => text), ...outputs.map(({ data }) => data?.["text/plain"])]
        .flatMap((lines = []) => lines.join(""))
        .join("\n"),
      shown: outputs.flatMap(({ data = {} }) => Object.keys(data)),
    })),
  };
}

/** All code cells as one module of TypeScript, each of which says when it begins. */
export function moduleOf({ code }: Notebook): string {
  return `declare function cellBegins(): void;\n${code.map(({ source }) => `cellBegins();\n${source}\n`).join("")}`;
}

/** What stands for Jupyter in Node: texts by cell, printed at the end. */
const kernel = `const texts = [];
globalThis.cellBegins = () => texts.push("");
globalThis.console.log = (text) => { texts[texts.length - 1] += text + "\\n"; };
process.on("exit", () => process.stdout.write(JSON.stringify(texts)));
`;

/** @returns what each code cell put out in Node */
export async function runCells(notebook: Notebook): Promise<string[]> {
  const { outputFiles } = await build({
    stdin: { contents: moduleOf(notebook), resolveDir: folder, sourcefile: `${notebook.name}.ts`, loader: "ts" },
    bundle: true,
    packages: "external",
    alias: entryPoints(),
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "inline",
    banner: { js: kernel },
    write: false,
    logLevel: "silent",
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--enable-source-maps", "--input-type=module"], {
    cwd: root,
    input: outputFiles[0]!.text,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`${notebook.name}.ipynb ends with exit code ${status}:\n${stderr}`);
  return JSON.parse(stdout) as string[];
}

/** The public names of the library's rooms, and where their source is. */
export function entryPoints(): Record<string, string> {
  const { name, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    name: string;
    exports: Record<string, { default: string } | string>;
  };
  return Object.fromEntries(
    Object.entries(exports).flatMap(([path, target]) =>
      typeof target === "string"
        ? []
        : [[name + path.slice(1), join(root, target.default.replace("dist", "src").replace(/js$/, "ts"))]],
    ),
  );
}

/** What the compiler says of notebooks' code. */
export function typeErrors(notebooks: readonly Notebook[]): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const modules = new Map(notebooks.map((notebook) => [join(folder, `${notebook.name}.cells.ts`), moduleOf(notebook)]));
  const paths = Object.fromEntries(Object.entries(entryPoints()).map(([name, file]) => [name, [file]]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (file) => modules.has(file) || fileExists(file);
  host.readFile = (file) => modules.get(file) ?? readFile(file);
  host.getSourceFile = (file, version, ...rest) => {
    const text = modules.get(file);
    return text === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, text, version, true);
  };
  const program = ts.createProgram([...modules.keys()], { ...options, paths }, host);
  return [...modules.keys()].flatMap((file) => {
    const found = [
      ...program.getSyntacticDiagnostics(program.getSourceFile(file)),
      ...program.getSemanticDiagnostics(program.getSourceFile(file)),
    ];
    return found.map(({ file: at, start = 0, messageText }) => {
      const { line } = ts.getLineAndCharacterOfPosition(at!, start);
      return `${file}: ${at!.text.split("\n")[line]}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  });
}

const NUMBER = /-?\d+(?:\.(\d+))?(?:e([+-]\d+))?/g;
/** Two engines' sums differ in their last digits; what is smaller than that is a rounding error itself. */
const ROUNDING = 1e-5;

/**
 * Whether two outputs are the same text with the same numbers: printed digits may differ by one in the last place, or in 1 %, since Deno and Node bring
 * WebAssembly engines of different age.
 *
 * @returns where they part, or undefined
 */
export function difference(found: string, committed: string): string | undefined {
  const words = (text: string) => text.replaceAll(NUMBER, "#").replaceAll(/\s+/g, " ").trim();
  if (words(found) !== words(committed)) return `text differs:\n${found}\nis not\n${committed}`;
  const [numbers, expected] = [[...found.matchAll(NUMBER)], [...committed.matchAll(NUMBER)]];
  const wrong = numbers.findIndex(([number], i) => {
    const [other, decimals = "", exponent = "0"] = expected[i]!;
    const [a, b] = [Number(number), Number(other)];
    const unit = 10 ** (Number(exponent) - decimals.length);
    const isWhole = decimals === "" && exponent === "0";
    return Math.abs(a - b) > Math.max(isWhole ? 0 : 1.01 * unit, 0.01 * Math.abs(b), ROUNDING);
  });
  return wrong < 0 ? undefined : `${numbers[wrong]![0]} is not ${expected[wrong]![0]} in\n${committed}`;
}
