/** Compares exported files, run by onnxruntime, with the model that they were made from (Node only). */
import { namedLeaves, read, startEngine, type TensorData } from "../array/index.ts";
import { loadRuntime } from "../array/native/index.ts";
import { counterRandom } from "../data/index.ts";
import { type LanguageModel, type ModelParams, standingStill } from "../models/index.ts";
import { MissingPackageError } from "../utils/index.ts";
import type { ExportFiles } from "./export-files.ts";
import { ExportedSession } from "./exported-session.ts";
import { Reader } from "./session.ts";

/** Sequences with which a file of any batch is checked. */
const CHECKED_BATCH = 2;
/** How far apart numbers may be, as a part of the largest or of 1. */
const TOLERANCE = 1e-3;

/** The largest difference of two sets of numbers, and the largest number. */
export interface Difference {
  readonly difference: number;
  readonly largest: number;
}

/** How far exported files are from their model. */
export interface ExportCheck {
  /** Full calls made; after them came one that was half full. */
  readonly calls: number;
  readonly batch: number;
  readonly logits: Difference;
  readonly state: Difference;
  /** Whether the differences are rounding alone. */
  readonly passed: boolean;
}

/** What is read. */
export interface CheckOptions {
  /** Full calls to make. */
  readonly calls: number;
  /** Of the random tokens. */
  readonly seed: number;
  /** Called after each full call with how many there were. */
  readonly onCall?: (done: number) => void;
}

/**
 * Reads random tokens with exported files in onnxruntime, and with the model on the reference engine; compares the logits of every call and the state after it.
 *
 * @param files what `writeExport` wrote
 * @param params the model's; borrowed
 * @throws MissingPackageError if onnxruntime-node cannot be loaded
 */
export async function checkExport(
  files: ExportFiles,
  model: LanguageModel,
  params: ModelParams,
  { calls, seed, onCall }: CheckOptions,
): Promise<ExportCheck> {
  await loadRuntime().catch((cause) => {
    throw new MissingPackageError(
      "the check runs the exported files with the package onnxruntime-node, which cannot be loaded here; " +
        "install it with: npm install onnxruntime-node",
      { cause },
    );
  });
  const exported = await ExportedSession.open(files, CHECKED_BATCH);
  const engine = await startEngine("wasm");
  const reference = await new Reader(engine, standingStill(model), params).open(exported.batch);
  const { batch, description } = exported;
  let logits: Difference = { difference: 0, largest: 0 };
  let state: Difference = { difference: 0, largest: 0 };
  try {
    for (let call = 0; call <= calls; call++) {
      const count = call < calls ? description.tokens : Math.ceil(description.tokens / 2);
      const data = Int32Array.from({ length: batch * count }, (_, i) =>
        Math.floor(counterRandom(seed, call, i) * description.model.vocabularySize),
      );
      const found = await exported.call({ data, shape: [batch, count] });
      logits = wider(logits, found.data, (await reference.read(data)).data);
      // Where chunks are left open, the two keep them in different ways.
      if (call === calls) break;
      for (const [path, leaf] of namedLeaves(reference.memory.closed))
        state = wider(state, exported.state.get(`state.${path}`)!, await read(leaf));
      onCall?.(call + 1);
    }
  } finally {
    reference.close();
    await Promise.all([exported.close(), engine.dispose()]);
  }
  const passed = [logits, state].every(({ difference, largest }) => difference <= TOLERANCE * Math.max(1, largest));
  return { calls, batch, logits, state, passed };
}

/** A difference that holds those of two more lists; of what is no number it is infinite. */
function wider({ difference, largest }: Difference, actual: TensorData, expected: TensorData): Difference {
  let [widest, most] = [difference, largest];
  for (let i = 0; i < expected.length; i++) {
    const apart = Math.abs(actual[i]! - expected[i]!);
    widest = Math.max(widest, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart);
    most = Math.max(most, Math.abs(expected[i]!));
  }
  return { difference: widest, largest: most };
}
