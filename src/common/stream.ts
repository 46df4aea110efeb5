/** Streams any layer or model over calls of any length, with two compiled programs that read and no more. */
import {
  detached,
  type Engine,
  leaves,
  type Program,
  read,
  release,
  retain,
  type Tensor,
  type Tree,
  tensor,
} from "../array/index.ts";
import { ConfigError, ShapeError } from "../utils/index.ts";
import { type Block, concatenateTokens, emptyBlock, padTokens, sliceTokens } from "./block.ts";
import type { SequenceLayer } from "./layer.ts";

/**
 * The state of a stream between calls. Time is a grid of slots counted from the start of the stream; the chunk that is open when a call ends is kept as raw
 * inputs, because its gradient point must stay the chunk's start.
 */
export interface StreamState<S extends Tree> {
  /** The layer's state at the last closed chunk. */
  readonly closed: S;
  /** Inputs of the open chunk, if one is open: [batch, filled, ...features]. */
  readonly open: Block | undefined;
  /** 1 where a token of the open chunk may be written to memory: [batch, filled]. */
  readonly openStores: Block | undefined;
  /** Tokens seen since the start of the stream. */
  readonly position: number;
}

/** The grid of a stream, in tokens. */
export interface StreamGrid {
  /** Slots of the program for open chunks; a multiple of every chunk size in the layer. */
  readonly chunk: number;
  /** Slots of the program for long stretches; a multiple of `chunk`. */
  readonly segment: number;
}

/** What may be said about the tokens of one call. */
export interface PushOptions {
  /** 1 where a token may be written to memory, 0 where it is only read with: [batch, tokens]. All ones by default. */
  readonly storeMask?: Block;
}

/**
 * Cuts calls of any length into aligned segments and masked chunks, so that every cut of a sequence gives the same outputs. A third program makes the state
 * that a stream starts from, which may take a computation: persistent tokens are read there.
 *
 * ```ts
 * const stream = new Stream(engine, layer, { chunk: 16, segment: 64 });
 * let state = await stream.start(params, 1);
 * let y;
 * [y, state] = await stream.push(params, state, { data, shape: [1, 5, dim] });   // any number of tokens, one included
 * stream.release(state);
 * ```
 */
export class Stream<P extends Tree, S extends Tree> {
  readonly grid: StreamGrid;
  private readonly onStart: Program<[P, Tensor], S>;
  private readonly onSegment: Program<[P, S, Tensor, Tensor], [Tensor, S]>;
  private readonly onChunk: Program<[P, S, Tensor, Tensor, Tensor], [Tensor, S]>;

  constructor(engine: Engine, layer: SequenceLayer<P, S>, grid: StreamGrid, name = "stream") {
    if (grid.segment % grid.chunk !== 0) {
      throw new ConfigError(
        `a segment of ${grid.segment} tokens is not a whole number of chunks of ${grid.chunk}; choose a multiple`,
      );
    }
    this.grid = grid;
    this.onStart = engine.compile(`${name} start`, (params: P, rows: Tensor) =>
      layer.initialState(params, rows.shape[0]!),
    );
    this.onSegment = engine.compile(`${name} segment`, (params: P, state: S, x: Tensor, storeMask: Tensor) =>
      layer.step(params, state, x, { storeMask }),
    );
    this.onChunk = engine.compile(`${name} chunk`, (params: P, state: S, x: Tensor, storeMask: Tensor, mask: Tensor) =>
      layer.step(params, state, x, { storeMask, mask }),
    );
  }

  /** The state before the first token of `batch` sequences. Release it with `release`. */
  async start(params: P, batch: number): Promise<StreamState<S>> {
    const rows = detached(() => tensor(new Float32Array(batch)));
    const closed = await this.onStart(params, rows).finally(() => release(rows));
    return { closed, open: undefined, openStores: undefined, position: 0 };
  }

  /**
   * Reads the next tokens of every sequence in the batch.
   *
   * @param params the layer's
   * @param state from `start` or an earlier `push`; it stays valid, and the caller releases it
   * @param x [batch, tokens, ...features], any number of tokens
   * @returns outputs [batch, tokens, ...], and the state after them
   * @throws ShapeError if the batch differs from the state's
   */
  async push(
    params: P,
    state: StreamState<S>,
    x: Block,
    options: PushOptions = {},
  ): Promise<[y: Block, state: StreamState<S>]> {
    const { chunk, segment } = this.grid;
    const [batch, tokens] = x.shape as [number, number];
    const stores = options.storeMask ?? { data: new Float32Array(batch * tokens).fill(1), shape: [batch, tokens] };
    checkBatch(state, x, stores);
    let now: StreamState<S> = { ...state, closed: retain(state.closed) };
    const outputs: Block[] = [];
    for (let done = 0; done < tokens; ) {
      const filled = now.open?.shape[1] ?? 0;
      const whole = filled === 0 && tokens - done >= segment;
      const count = whole ? segment : Math.min(chunk - filled, tokens - done);
      const piece = sliceTokens(x, done, done + count);
      const stored = sliceTokens(stores, done, done + count);
      try {
        const [y, next] = whole
          ? await this.runSegment(params, now, piece, stored)
          : await this.runChunk(params, now, piece, stored);
        outputs.push(y);
        now = next;
      } catch (error) {
        this.release(now);
        throw error;
      }
      done += count;
    }
    return [outputs.length === 0 ? emptyBlock(batch) : concatenateTokens(outputs), now];
  }

  /** Frees a state. */
  release(state: StreamState<S>): void {
    release(state.closed);
  }

  private async runSegment(
    params: P,
    state: StreamState<S>,
    x: Block,
    stores: Block,
  ): Promise<[Block, StreamState<S>]> {
    const inputs = [tensorOf(x), tensorOf(stores)] as const;
    const [y, closed] = await this.onSegment(params, state.closed, ...inputs).finally(() => release(inputs));
    const outputs = await blockOf(y);
    release(y, state.closed);
    return [outputs, { closed, open: undefined, openStores: undefined, position: state.position + this.grid.segment }];
  }

  private async runChunk(params: P, state: StreamState<S>, x: Block, stores: Block): Promise<[Block, StreamState<S>]> {
    const { chunk } = this.grid;
    const filled = state.open?.shape[1] ?? 0;
    const count = x.shape[1]!;
    const open = state.open ? concatenateTokens([state.open, x]) : x;
    const openStores = state.openStores ? concatenateTokens([state.openStores, stores]) : stores;
    const ones: Block = {
      data: new Float32Array(open.shape[0]! * open.shape[1]!).fill(1),
      shape: open.shape.slice(0, 2),
    };
    const inputs = [open, openStores, ones].map((block) => tensorOf(padTokens(block, chunk))) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const [y, after] = await this.onChunk(params, state.closed, ...inputs).finally(() => release(inputs));
    const outputs = sliceTokens(await blockOf(y), filled, filled + count);
    release(y);
    const position = state.position + count;
    if (filled + count === chunk) {
      release(state.closed);
      return [outputs, { closed: after, open: undefined, openStores: undefined, position }];
    }
    release(after);
    return [outputs, { closed: state.closed, open, openStores, position }];
  }
}

function tensorOf(block: Block): Tensor {
  return detached(() => tensor(block.data, block.shape));
}

async function blockOf(x: Tensor): Promise<Block> {
  return { data: await read(x), shape: x.shape };
}

function checkBatch(state: StreamState<Tree>, x: Block, stores: Block): void {
  const expected = state.open?.shape[0] ?? firstAxis(state.closed) ?? x.shape[0];
  if (x.shape[0] !== expected) {
    throw new ShapeError(
      `the stream holds ${expected} sequences, but ${x.shape[0]} were pushed; start a stream for that batch`,
    );
  }
  if (stores.shape[0] !== x.shape[0] || stores.shape[1] !== x.shape[1]) {
    throw new ShapeError(
      `the store mask has shape [${stores.shape}], the tokens [${x.shape.slice(0, 2)}]; give one number a token`,
    );
  }
}

function firstAxis(state: Tree): number | undefined {
  return leaves(state)[0]?.shape[0];
}
