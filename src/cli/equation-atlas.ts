/** The equation atlas that the build writes beside the code. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ConfigError, MissingPackageError, nearestName, parseConfig } from "../utils/index.ts";

/** The papers by their short names, as they are cited. */
export const papers = {
  titans: "Titans (arXiv:2501.00663)",
  miras: "MIRAS (arXiv:2504.13173)",
  nl: "Nested Learning (arXiv:2512.24695)",
} as const;
/** A paper's short name. */
export type Paper = keyof typeof papers;
/** All short names. */
export const paperNames = Object.keys(papers) as Paper[];

/** Their pages of the documentation site. */
const pages: Readonly<Record<Paper, string>> = { titans: "titans", miras: "miras", nl: "nested-learning" };

const ATLAS = new URL("../equations.json", import.meta.url);

const atlasSchema = z.array(
  z.object({
    paper: z.enum(paperNames),
    id: z.string(),
    kind: z.enum(["equation", "algorithm", "row"]),
    number: z.number().nullable(),
    title: z.string(),
    section: z.string(),
    formula: z.string(),
    status: z.enum(["implemented", "identity tested", "definition", "motivation", "empty"]),
    reason: z.string().nullable(),
    erratum: z.string().nullable(),
    symbols: z.array(
      z.object({
        symbol: z.string(),
        title: z.string(),
        formula: z.string().nullable(),
        file: z.string(),
        line: z.number(),
        entryPoint: z.string().nullable(),
      }),
    ),
    tests: z.array(z.object({ file: z.string(), title: z.string() })),
  }),
);

/** An equation, an algorithm, or a row of Table 1 of MIRAS. */
export type AtlasEntry = z.output<typeof atlasSchema>[number];

/** What part of the atlas is asked for. */
export interface AtlasQuery {
  readonly paper: Paper | undefined;
  /** An equation's number, an id such as `algorithm-1`, or the name of a row. */
  readonly number: string | undefined;
  /** A function or class. */
  readonly symbol: string | undefined;
}

/** Reads the atlas. */
export async function readAtlas(): Promise<AtlasEntry[]> {
  const text = await readFile(ATLAS, "utf8").catch((cause) => {
    throw new MissingPackageError("the equation atlas has not been made; run: npm run build", { cause });
  });
  return parseConfig(atlasSchema, JSON.parse(text), "the equation atlas");
}

/**
 * Those entries that are asked for, at least one.
 *
 * @throws ConfigError if there is none
 */
export function select(atlas: readonly AtlasEntry[], { paper, number, symbol }: AtlasQuery): AtlasEntry[] {
  const ofPaper = atlas.filter((entry) => paper === undefined || entry.paper === paper);
  const numbered = ofPaper.filter(({ id }) => number === undefined || id === number || id === `table-1-${number}`);
  if (numbered.length === 0 && number !== undefined) {
    const last = ofPaper.filter(({ kind }) => kind === "equation").length;
    const others = ofPaper.filter(({ kind }) => kind === "algorithm").map(({ id }) => id);
    const rows = ofPaper.filter(({ kind }) => kind === "row").map(({ id }) => rowName(id));
    const all = [`equations 1 to ${last}`, ...others, ...(rows.length > 0 ? ["rows of Table 1 by their names"] : [])];
    // Numbers are all alike.
    const near = /^\d+$/.test(number) ? "" : suggestion(number, [...others, ...rows]);
    throw new ConfigError(`${paper} has no "${number}"${near} (it has ${all.join(", ")})`);
  }
  const named = numbered.filter(({ symbols }) => symbol === undefined || symbols.some((one) => one.symbol === symbol));
  if (named.length === 0 && symbol !== undefined) {
    const near = suggestion(symbol, [...new Set(numbered.flatMap(({ symbols }) => symbols.map((one) => one.symbol)))]);
    throw new ConfigError(
      `"${symbol}" implements none of these equations${near} (neural-memory equations lists what does)`,
    );
  }
  return named;
}

function suggestion(name: string, valid: readonly string[]): string {
  const near = nearestName(name, valid);
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

/** What an entry is called, such as `Titans (arXiv:2501.00663) Eq. 14`. */
export function citation({ paper, id, kind, number }: AtlasEntry): string {
  const what = { equation: `Eq. ${number}`, algorithm: `Algorithm ${number}`, row: `Table 1 row ${rowName(id)}` }[kind];
  return `${papers[paper]} ${what}`;
}

/** The short form, such as `titans 14` or `miras gla`. */
export function shortName({ paper, id, kind }: AtlasEntry): string {
  return `${paper} ${kind === "row" ? rowName(id) : id}`;
}

function rowName(id: string): string {
  return id.replace("table-1-", "");
}

/** Where the documentation site shows the entry. */
export function sitePage({ paper, id, kind }: Pick<AtlasEntry, "paper" | "id" | "kind">): string {
  return `${pages[paper]}.html#${kind === "equation" ? `eq-${id}` : id}`;
}
