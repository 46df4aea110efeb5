/** Table 1 of the paper: existing models, and its own three, as settings of the four choices. */
import { checkWhole } from "../common/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { associativeMemory } from "./associative-memory.ts";
import { memoraSettings } from "./memora.ts";
import type { MirasSettings } from "./miras-memory-config.ts";
import { monetaSettings } from "./moneta.ts";
import {
  decay,
  delta,
  hebbian,
  l2,
  lightningDecays,
  one,
  perChannel,
  perToken,
  plain,
  retNetDecays,
  testTimeTraining,
} from "./row-settings.ts";
import { yaadSettings } from "./yaad.ts";

/** The four choices in words, as the table's columns have them. */
export interface TableColumns {
  readonly memory: string;
  readonly bias: string;
  readonly retention: string;
  readonly algorithm: string;
}

/** One row of the table. */
export interface TableRow {
  readonly title: string;
  readonly columns: TableColumns;
  /** The update, in this library's orientation: values [out], keys [in], W of shape [out, in]. */
  readonly update: string;
  /** What letters of the update stand for that are not the paper's own, and what it is a part of. */
  readonly where?: string;
  /** What is worth knowing beside the table; where the row as printed cannot be derived, what is built instead. */
  readonly note?: string;
  /** The layer's settings; none for the one row whose memory is a growing set. */
  settings?(heads: number): MirasSettings;
}

const rows = {
  "linear-attention": {
    title: "Linear attention",
    columns: { memory: "matrix", bias: "dot product", retention: "none", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} + v_t k_t^T",
    settings: () => plain,
  },
  retnet: {
    title: "RetNet",
    columns: { memory: "matrix", bias: "dot product", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = a W_{t-1} + v_t k_t^T",
    where: "a = 1 - 2^(-5-h) for head h",
    note: "readings of the table differ on vector or matrix; the recurrence is matrix valued",
    settings: (heads) => hebbian({ retain: { kind: "fixed", value: retNetDecays(heads) } }),
  },
  lightning: {
    title: "Lightning Attention",
    columns: { memory: "matrix", bias: "dot product", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = a W_{t-1} + v_t k_t^T",
    where: "a = e^(-s), s = 2^(-8 (h+1) / H) for head h of H",
    settings: (heads) => hebbian({ retain: { kind: "fixed", value: lightningDecays(heads) } }),
  },
  dfw: {
    title: "Decaying fast weights",
    columns: { memory: "matrix", bias: "dot product", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = (b_t a_t^T) * W_{t-1} + v_t k_t^T",
    where: "b_t a gate a row, a_t a gate a column",
    note: "the model's own recurrence; one reading of the table lists other choices",
    settings: () => hebbian({ retain: perChannel, retainKeys: perChannel }),
  },
  gla: {
    title: "Gated linear attention",
    columns: { memory: "matrix", bias: "dot product", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} Diag(a_t) + v_t k_t^T",
    settings: () => hebbian({ retain: perChannel }, { gateAxis: "keys" }),
  },
  mamba2: {
    title: "Mamba-2",
    columns: { memory: "matrix", bias: "dot product", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = a_t W_{t-1} + v_t k_t^T",
    settings: () => hebbian({ retain: perToken }),
  },
  hgrn2: {
    title: "HGRN2",
    columns: { memory: "matrix", bias: "dot product", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} Diag(a_t) + v_t (1 - a_t)^T",
    note: "the table prints an l1 bias, from which this cannot be derived; it is gated linear attention with keys 1 - a",
    settings: () => hebbian({ retain: perChannel }, { gateAxis: "keys", keySource: "tiedToRetain" }),
  },
  deltanet: {
    title: "DeltaNet",
    columns: { memory: "matrix", bias: "l2", retention: "none", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} (I - n_t k_t k_t^T) + n_t v_t k_t^T",
    settings: () => delta({}),
  },
  longhorn: {
    title: "Longhorn",
    columns: { memory: "matrix", bias: "l2", retention: "none", algorithm: "implicit gradient descent" },
    update: "W_t = W_{t-1} (I - e_t k_t k_t^T) + e_t v_t k_t^T",
    where: "e_t = n_t / (1 + n_t |k_t|^2)",
    settings: () => delta({ algorithm: { kind: "implicit" }, maxStepSize: 4 }),
  },
  "ttt-linear": {
    title: "TTT-Linear",
    columns: { memory: "matrix", bias: "l2", retention: "none", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} - n_t grad l2",
    where: "the network is x + LN(W x), gradients at the start of 16 tokens",
    settings: () => testTimeTraining(1, 1),
  },
  "gated-deltanet": {
    title: "Gated DeltaNet",
    columns: { memory: "matrix", bias: "l2", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = a_t W_{t-1} (I - n_t k_t k_t^T) + n_t v_t k_t^T",
    settings: () => delta({ retention: { kind: "l2", gradientAt: "decayed" } }, { retain: perToken }),
  },
  rwkv7: {
    title: "RWKV-7",
    columns: { memory: "matrix", bias: "l2", retention: "l2", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} (Diag(w_t) - p_t (a_t * p_t)^T) + v_t k_t^T",
    where: "p_t is the unit key to erase along",
    note: "the expanded form; the table prints one gate for erasing and writing",
    settings: () =>
      delta({ retention: decay, gateAxis: "keys", keySource: "decoupledErase" }, { retain: perChannel, stepSize: one }),
  },
  deltaproduct: {
    title: "DeltaProduct",
    columns: { memory: "matrix", bias: "l2", retention: "l2", algorithm: "several steps of gradient descent" },
    update: "W_t = a_t W_{t-1} prod_j (I - n_tj k_tj k_tj^T) + ...",
    where: "two pairs a token, j = 1, 2, written one after another",
    settings: () =>
      delta(
        {
          retention: { kind: "l2", gradientAt: "decayed" },
          algorithm: { kind: "multiStep", steps: 2 },
          maxStepSize: 2,
        },
        { retain: perToken },
      ),
  },
  "ttt-mlp": {
    title: "TTT-MLP",
    columns: { memory: "2-layer network", bias: "l2", retention: "none", algorithm: "gradient descent" },
    update: "W_t = W_{t-1} - n_t grad l2",
    where: "TTT-Linear with a network of two matrices for W",
    settings: () => testTimeTraining(2, 0.1),
  },
  "titans-lmm": {
    title: "Titans-LMM",
    columns: {
      memory: "network of any depth",
      bias: "l2",
      retention: "l2 (local and global)",
      algorithm: "gradient descent with momentum",
    },
    update: "S_t = m_t S_{t-1} - n_t grad l2, W_t = a_t W_{t-1} + S_t",
    note: "the table prints W_t = a_t W_{t-1} - S_t, which ascends",
    settings: () => ({
      ...plain,
      architecture: { kind: "mlp", depth: 2, expansion: 2, activation: "silu", residual: false, norm: false },
      bias: l2,
      retention: decay,
      algorithm: { kind: "momentum" },
      // A chunk's steps act together and are carried on: without the guard of the Titans layer, 0.1 diverged within 30 steps of training.
      maxStepSize: 0.02,
      normalizeValues: true,
      gates: { ...plain.gates, retain: { kind: "token", bias: 5 }, stepSize: { kind: "token", bias: -2 } },
    }),
  },
  moneta: {
    title: "Moneta",
    columns: {
      memory: "2-layer network",
      bias: "lp (p = 3)",
      retention: "lq (q = 4) and l2",
      algorithm: "gradient descent",
    },
    update: "A_t = a_t A_{t-1} - n_t grad lp, W_t = A_t / |A_t|_q^(q-2)",
    settings: () => monetaSettings,
  },
  yaad: {
    title: "Yaad",
    columns: {
      memory: "2-layer network",
      bias: "Huber",
      retention: "l2 (local and global)",
      algorithm: "gradient descent",
    },
    update: "W_t = a_t W_{t-1} - n_t (grad l2 if |r_t| <= d_t, else d_t grad l1)",
    settings: () => yaadSettings,
  },
  memora: {
    title: "Memora",
    columns: { memory: "2-layer network", bias: "l2", retention: "relative entropy", algorithm: "gradient descent" },
    update: "W_t = c softmax(a_t log W_{t-1} - n_t grad l2)",
    settings: () => memoraSettings,
  },
  "softmax-attention": {
    title: "Softmax attention",
    columns: {
      memory: "growing set",
      bias: "l2, weighted by a kernel",
      retention: "none",
      algorithm: "non-parametric",
    },
    update: "M_t = M_{t-1} with (k_t, v_t), y_t = sum_i softmax(q_t k_i) v_i",
    note: "as a layer it sees the window of the model's configuration; with a window as long as the text it is the row",
  },
  mesa: {
    title: "Mesa-layer",
    columns: { memory: "matrix", bias: "l2 over all tokens", retention: "l2", algorithm: "least squares" },
    update: "W_t = (sum v_i k_i^T) (sum k_i k_i^T + I)^-1",
    note: "from the text, not a row of the table",
    settings: () => ({ ...plain, bias: l2, algorithm: { kind: "leastSquares" } }),
  },
} as const satisfies Record<string, TableRow>;

/** A row whose memory has weights, so that a layer can be made of it. */
export type LayerRow = TableRow & Required<Pick<TableRow, "settings">>;
/** Rows by name. */
export type TableRowName = keyof typeof rows;
/** All rows by name, in the table's order. */
export const table1: { readonly [name in TableRowName]: name extends "softmax-attention" ? TableRow : LayerRow } = rows;
/** Names of all rows, in the table's order. */
export const tableRowNames = Object.keys(table1) as [TableRowName, ...TableRowName[]];

/**
 * A row by its name: an existing model, or one of the paper's own three, as settings of the four choices.
 *
 * @throws ConfigError if there is none, with the nearest name
 * @see MIRAS (arXiv:2504.13173) Table 1
 */
export function tableRow(name: string): TableRow {
  if (!Object.hasOwn(table1, name)) throw new ConfigError(unknownName("row of Table 1", name, tableRowNames));
  return table1[name as TableRowName];
}

/** What a row's chunks compute: the token rule itself, or the chunk-parallel one that differs from it above one token a chunk. */
export interface RowForm {
  /** `lowRank`, `triangular`, `boundary`, `recurrent`, or `set` for the row without weights. */
  readonly form: ReturnType<typeof associativeMemory>["form"] | "set";
  /** Whether a chunk equals its tokens one by one. If not, its gradients are frozen at the chunk's start: another function, and part of the model's definition. */
  readonly exact: boolean;
}

/**
 * How a row is computed.
 *
 * @param heads how many heads its layer would have
 */
export function rowForm(row: TableRow, heads = 1): RowForm {
  checkWhole("heads", heads);
  const settings = row.settings?.(heads);
  if (settings === undefined) return { form: "set", exact: true };
  const { form, choices } = associativeMemory({ ...settings, dim: 4 });
  const frozen = form === "boundary" || (form === "lowRank" && choices.bias.affine?.prediction !== 0);
  return { form, exact: !frozen };
}
