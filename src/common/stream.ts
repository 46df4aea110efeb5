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
import { type Arrivals, arrivalsFrom, arrivalsOf, concatenateArrivals, sliceArrivals } from "./arrivals.ts";
import { type Block, concatenateTokens, emptyBlock, padTokens, sliceTokens } from "./block.ts";
import type { SequenceLayer } from "./layer.ts";

/**
 * The state of a stream between calls. Time is a grid of slots counted from the start of the stream; the chunk that is open when a call ends is kept as raw
 * inputs, because its gradient point must stay the chunk's start.
 */
export interface StreamState<S extends Tree> {
  /** The layer's state at the last closed chunk. */
  readonly closed: S;
  /** The open chunk, if one is open. In a stream that learns it may be full: what came after its last token is not known yet. */
  readonly open: Arrivals | undefined;
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
  /** 1 where a token may be learned from as what came after the one before it, 0 where it is only read: [batch, tokens]. All ones by default. */
  readonly learnMask?: Block;
}

/**
 * Cuts calls of any length into aligned segments and masked chunks, so that every cut of a sequence gives the same outputs. A third program makes the state
 * that a stream starts from, which may take a computation: persistent tokens are read there.
 *
 * Where the layer learns, a chunk is closed when the token after it arrives: only then is it known what came after each of its tokens. The program that
 * learns from closed chunks takes the place of the one for segments.
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
  private readonly onLearn: Program<[P, S, Tensor, Tensor, Tensor, Tensor], [Tensor, S]> | undefined;
  private readonly onChunk: Program<[P, S, Tensor, Tensor, Tensor], [Tensor, S]>;

  /** @throws ConfigError if a segment is not a whole number of chunks */
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
    const learn = layer.learn?.bind(layer);
    this.onLearn =
      learn &&
      engine.compile(
        `${name} learn`,
        (params: P, state: S, x: Tensor, storeMask: Tensor, targets: Tensor, weights: Tensor) =>
          learn(params, state, x, { targets, weights }, { storeMask }),
      );
    this.onChunk = engine.compile(`${name} chunk`, (params: P, state: S, x: Tensor, storeMask: Tensor, mask: Tensor) =>
      layer.step(params, state, x, { storeMask, mask }),
    );
  }

  /** The state before the first token of `batch` sequences. Release it with `release`. */
  async start(params: P, batch: number): Promise<StreamState<S>> {
    const rows = detached(() => tensor(new Float32Array(batch)));
    const closed = await this.onStart(params, rows).finally(() => release(rows));
    return { closed, open: undefined, position: 0 };
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
    const arriving = arrivalsOf(x, options);
    checkBatch(state, arriving);
    const [batch, tokens] = x.shape as [number, number];
    let now: StreamState<S> = { ...state, closed: retain(state.closed) };
    const outputs: Block[] = [];
    for (let done = 0; done < tokens; ) {
      try {
        const [y, next] = await this.advance(params, now, arrivalsFrom(arriving, done));
        if (y !== undefined) outputs.push(y);
        now = next;
        done += y?.shape[1] ?? 0;
      } catch (error) {
        this.release(now);
        throw error;
      }
    }
    return [outputs.length === 0 ? emptyBlock(batch) : concatenateTokens(outputs), now];
  }

  /** Frees a state. */
  release(state: StreamState<S>): void {
    release(state.closed);
  }

  /** One program's worth of what arrives, of which there is at least one token; without outputs where only an earlier chunk was closed. */
  private async advance(
    params: P,
    state: StreamState<S>,
    arriving: Arrivals,
  ): Promise<[y: Block | undefined, state: StreamState<S>]> {
    const { chunk, segment } = this.grid;
    const { open, position } = state;
    const filled = open?.inputs.shape[1] ?? 0;
    const left = arriving.inputs.shape[1]!;
    if (this.onLearn !== undefined && filled === chunk) {
      const [y, closed] = await this.runLearn(
        params,
        state.closed,
        concatenateArrivals([open!, sliceArrivals(arriving, 0, 1)]),
      );
      release(y, state.closed);
      return [undefined, { closed, open: undefined, position }];
    }
    if (this.onLearn !== undefined && filled === 0 && left > chunk) {
      const [y, closed] = await this.runLearn(params, state.closed, sliceArrivals(arriving, 0, chunk + 1));
      release(state.closed);
      return [await takenFrom(y), { closed, open: undefined, position: position + chunk }];
    }
    if (this.onLearn === undefined && filled === 0 && left >= segment) {
      const { inputs, stores } = sliceArrivals(arriving, 0, segment);
      const [y, closed] = await this.run(this.onSegment, params, state.closed, [inputs, stores]);
      release(state.closed);
      return [await takenFrom(y), { closed, open: undefined, position: position + segment }];
    }
    return this.runChunk(params, state, sliceArrivals(arriving, 0, Math.min(chunk - filled, left)));
  }

  /** Learns from a chunk and the token after it. */
  private runLearn(params: P, closed: S, { inputs, stores, learns }: Arrivals): Promise<[Tensor, S]> {
    const { chunk } = this.grid;
    const [read, written] = [inputs, stores].map((block) => sliceTokens(block, 0, chunk)) as [Block, Block];
    const [targets, weights] = [inputs, learns].map((block) => sliceTokens(block, 1, chunk + 1)) as [Block, Block];
    return this.run(this.onLearn!, params, closed, [read, written, targets, weights]);
  }

  private async runChunk(params: P, state: StreamState<S>, arriving: Arrivals): Promise<[Block, StreamState<S>]> {
    const { chunk } = this.grid;
    const filled = state.open?.inputs.shape[1] ?? 0;
    const count = arriving.inputs.shape[1]!;
    const open = state.open ? concatenateArrivals([state.open, arriving]) : arriving;
    const { inputs, stores } = open;
    const ones: Block = { data: new Float32Array(stores.data.length).fill(1), shape: stores.shape };
    const blocks = [inputs, stores, ones].map((block) => padTokens(block, chunk));
    const position = state.position + count;
    const [y, after] = await this.run(this.onChunk, params, state.closed, blocks);
    const outputs = sliceTokens(await takenFrom(y), filled, filled + count);
    if (filled + count === chunk && this.onLearn === undefined) {
      release(state.closed);
      return [outputs, { closed: after, open: undefined, position }];
    }
    release(after);
    return [outputs, { closed: state.closed, open, position }];
  }

  /** Runs a program on host numbers. */
  private run<A extends Tensor[]>(
    program: Program<[P, S, ...A], [Tensor, S]>,
    params: P,
    closed: S,
    blocks: readonly Block[],
  ): Promise<[Tensor, S]> {
    const inputs = blocks.map(tensorOf) as A;
    return program(params, closed, ...inputs).finally(() => release(inputs));
  }
}

function tensorOf(block: Block): Tensor {
  return detached(() => tensor(block.data, block.shape));
}

async function takenFrom(x: Tensor): Promise<Block> {
  const data = await read(x);
  release(x);
  return { data, shape: x.shape };
}

function checkBatch(state: StreamState<Tree>, { inputs, stores, learns }: Arrivals): void {
  const expected = state.open?.inputs.shape[0] ?? firstAxis(state.closed) ?? inputs.shape[0];
  if (inputs.shape[0] !== expected) {
    throw new ShapeError(
      `the stream holds ${expected} sequences, but ${inputs.shape[0]} were pushed; start a stream for that batch`,
    );
  }
  for (const [name, mask] of [
    ["store", stores],
    ["learn", learns],
  ] as const) {
    if (mask.shape[0] !== inputs.shape[0] || mask.shape[1] !== inputs.shape[1]) {
      throw new ShapeError(
        `the ${name} mask has shape [${mask.shape}], the tokens [${inputs.shape.slice(0, 2)}]; give one number a token`,
      );
    }
  }
}

function firstAxis(state: Tree): number | undefined {
  return leaves(state)[0]?.shape[0];
}
