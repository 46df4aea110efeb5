/** The rows of Table 1 as a reader needs them: choices, update, size, how they are computed, and a configuration to start from. */
import { key, shapesOf } from "../array/index.ts";
import { type RowForm, rowForm, type TableColumns, tableRow, tableRowNames } from "../miras/index.ts";
import { type ArchitectureName, architectures, type ModelInput, stackSchema } from "../models/index.ts";
import { parseConfig } from "../utils/index.ts";

/** Sizes of the layer that is described. */
export interface RowSizes {
  readonly dim: number;
  readonly heads: number;
}

/** One row. */
export interface RowDescription extends RowForm {
  readonly name: string;
  readonly title: string;
  /** What `--arch` takes. */
  readonly architecture: ArchitectureName;
  readonly columns: TableColumns;
  readonly update: string;
  readonly where?: string;
  readonly note?: string;
  /** Numbers that the outer loop learns of one layer. */
  readonly parameters: number;
  /** Tokens that are computed at once, and share a gradient point unless the chunk is exact; none for the row whose memory is a set. */
  readonly chunkSize?: number;
  /** Part of a run's configuration: the row with every setting written out, to be changed. */
  readonly configuration: { readonly model: Partial<ModelInput> };
}

/** Tokens that softmax attention sees, unless a configuration says otherwise. */
const WINDOW = 64;

/**
 * Describes a row.
 *
 * @param name the row's
 * @throws ConfigError if there is no such row, with the nearest name, or the sizes cannot work
 */
export function describeRow(name: string, { dim, heads }: RowSizes): RowDescription {
  const row = tableRow(name);
  const { title, columns, update, where, note } = row;
  const architecture = `miras:${name}` as ArchitectureName;
  const sizes = { architecture, dim, heads, layers: 1, window: WINDOW };
  const mixer = architectures[architecture].mixer(parseConfig(stackSchema, sizes, "the sizes"));
  const settings = row.settings?.(heads);
  return {
    name,
    title,
    architecture,
    columns,
    update,
    ...(where === undefined ? {} : { where }),
    ...(note === undefined ? {} : { note }),
    parameters: [...shapesOf(() => mixer.init(key(0))).values()].reduce(
      (total, { shape }) => total + shape.reduce((product, n) => product * n, 1),
      0,
    ),
    ...rowForm(row, heads),
    ...(settings === undefined ? {} : { chunkSize: settings.chunkSize }),
    configuration: {
      model:
        settings === undefined
          ? { architecture, window: WINDOW }
          : { architecture: "miras", miras: settings as ModelInput["miras"] },
    },
  };
}

/** All rows, in the table's order. */
export function describeRows(sizes: RowSizes): RowDescription[] {
  return tableRowNames.map((name) => describeRow(name, sizes));
}

const forms: Readonly<Record<RowForm["form"], string>> = {
  lowRank: "low rank: no token's weights are built",
  triangular: "triangular: the tokens of a chunk erase from what they find, and the chunk is solved for that",
  boundary: "boundary: every token's weights are built, from what the chunk has accumulated",
  recurrent: "recurrent: token by token",
  set: "attention: no weights, a set that grows",
};

/** How a row is computed, in a sentence. */
export function formSentence({ form }: Pick<RowForm, "form">): string {
  return forms[form];
}

/** Whether a chunk of a row is its token rule, in a sentence. */
export function exactSentence({ exact, chunkSize }: Pick<RowDescription, "exact" | "chunkSize">): string {
  if (exact) return "exact: a chunk equals its tokens one by one";
  return `frozen: gradients at the start of ${chunkSize} tokens, another function than the token rule (chunkSize 1)`;
}
