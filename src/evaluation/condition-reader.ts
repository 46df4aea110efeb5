/** Reads segments of sequences as training does, or with something done to their memories first. */
import {
  detached,
  type Engine,
  mapTree,
  np,
  type Program,
  read,
  release,
  type Tensor,
  tensor,
} from "../array/index.ts";
import { isPredicted, type LanguageModel, type ModelParams, type ModelState } from "../models/index.ts";
import { readSegment, type Segment } from "../training/index.ts";
import { addWrites, countWrites, type MemoryWrites, noWrites } from "./memory-writes.ts";

/** Associative losses, summed over the chunks of every head of every memory of every sequence. */
export interface ChunkLosses {
  readonly chunks: number;
  /** Before each chunk was written. */
  readonly before: number;
  /** Of the same tokens after they were written. */
  readonly after: number;
}

/** No losses, as there were no chunks. */
export const noLosses: ChunkLosses = { chunks: 0, before: 0, after: 0 };

/** What reading a segment gave. The caller releases the state. */
export interface SegmentAnswers {
  /** 1 where a target was predicted, else 0: [batch, segment]. */
  readonly right: ArrayLike<number>;
  readonly state: ModelState;
}

/** What reading a segment gave, with what happened inside the memories. */
export interface WrittenSegment extends SegmentAnswers {
  readonly writes: MemoryWrites;
  readonly losses: ChunkLosses;
}

/** What is done to the memories before a segment is read. */
export interface Treatment {
  /** Whose memory each sequence gets: [batch]; its own by default. */
  readonly rows?: readonly number[];
  /** Whether all numbers of the memories become zero. */
  readonly emptied?: boolean;
  /** Whether the segment itself is written. */
  readonly write: boolean;
}

type Observed = { readonly stepSizes: Tensor; readonly before: Tensor; readonly after: Tensor };
type Given = { readonly rows: Tensor; readonly scale: Tensor; readonly storeMask: Tensor };

/**
 * Two compiled programs for each shape of a segment: one reads as training does, levels that learn while reading included, and tells what the memories did;
 * the other one serves all treatments, and nothing but memories changes in it.
 *
 * Where levels learn, a segment has to be a stretch in which they stand still: the model's `chunkSize`.
 */
export class ConditionReader {
  readonly model: LanguageModel;
  private readonly onStart: Program<[ModelParams, Tensor], ModelState>;
  private readonly onRead: Program<
    [ModelParams, ModelState, Segment],
    { right: Tensor; observed: Record<string, Observed>; state: ModelState }
  >;
  private readonly onTreated: Program<[ModelParams, ModelState, Segment, Given], { right: Tensor; state: ModelState }>;

  constructor(engine: Engine, model: LanguageModel) {
    this.model = model;
    this.onStart = engine.compile("task evaluation start", (params: ModelParams, rows: Tensor) =>
      model.initialState(params, rows.shape[0]!),
    );
    this.onRead = engine.compile("task evaluation", (params: ModelParams, state: ModelState, segment: Segment) => {
      const { tokens, targets } = segment;
      const [logits, read, diagnostics] = model.diagnose(params, state, tokens);
      const observed = Object.entries(diagnostics).map(([block, { stepSizes, lossBefore, lossAfter }]) => {
        return [block, { stepSizes, before: lossBefore, after: lossAfter }] as const;
      });
      const next = model.learn ? readSegment(model, params, state, segment)[1] : read;
      return { right: isPredicted(logits, targets), observed: Object.fromEntries(observed), state: next };
    });
    this.onTreated = engine.compile(
      "task evaluation with other memories",
      (params: ModelParams, state: ModelState, { tokens, targets }: Segment, { rows, scale, storeMask }: Given) => {
        const treated = model.mapMemories(state, (memory) =>
          mapTree(memory, (leaf) => np.multiply(np.take(leaf, rows, 0), scale)),
        );
        const [logits, next] = model.step(params, treated, tokens, { storeMask });
        return { right: isPredicted(logits, targets), state: next };
      },
    );
  }

  /** The state of `batch` sequences before their first token; the caller releases it. */
  async start(params: ModelParams, batch: number): Promise<ModelState> {
    const rows = detached(() => np.zeros([batch]));
    return this.onStart(params, rows).finally(() => release(rows));
  }

  /**
   * Reads a segment as training does.
   *
   * @param state before it; borrowed, as in `readTreated`
   */
  async read(params: ModelParams, state: ModelState, segment: Segment): Promise<WrittenSegment> {
    const result = await this.onRead(params, state, segment);
    let writes = noWrites;
    let losses = noLosses;
    for (const { stepSizes, before, after } of Object.values(result.observed)) {
      writes = addWrites(writes, countWrites(await read(stepSizes)));
      const [unwritten, written] = [await read(before), await read(after)];
      losses = addLosses(losses, { chunks: unwritten.length, before: sum(unwritten), after: sum(written) });
    }
    const right = await read(result.right);
    detached(() => release(result.right, result.observed));
    return { right, writes, losses, state: result.state };
  }

  /** Reads a segment after something was done to the memories; levels that learn while reading stand still. */
  async readTreated(
    params: ModelParams,
    state: ModelState,
    segment: Segment,
    { rows, emptied = false, write }: Treatment,
  ): Promise<SegmentAnswers> {
    const [batch] = segment.tokens.shape as [number, number];
    const given = detached(() => ({
      rows: tensor(Int32Array.from(rows ?? Array.from({ length: batch }, (_, row) => row))),
      scale: tensor(Float32Array.of(emptied ? 0 : 1)),
      storeMask: np.full([...segment.tokens.shape], write ? 1 : 0, { dtype: "float32" }),
    }));
    const result = await this.onTreated(params, state, segment, given);
    const right = await read(result.right);
    detached(() => release(given, result.right));
    return { right, state: result.state };
  }
}

/** The losses of both. */
export function addLosses(a: ChunkLosses, b: ChunkLosses): ChunkLosses {
  return { chunks: a.chunks + b.chunks, before: a.before + b.before, after: a.after + b.after };
}

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}
