/** A model reading one or more streams: tokens in, next-token logits out, memory kept between calls. */
import { type Engine, retain } from "../array/index.ts";
import { type Block, Stream, type StreamState } from "../common/index.ts";
import type { LanguageModel, ModelParams, ModelState } from "../models/index.ts";

/** Slots of the program for long stretches, in chunks. */
const CHUNKS_A_SEGMENT = 4;

/** The compiled programs with which a model reads: at most two a batch size, whatever the calls' lengths, and one that makes fresh memories. */
export class Reader {
  readonly model: LanguageModel;
  readonly params: ModelParams;
  private readonly stream: Stream<ModelParams, ModelState>;

  /** @param params the model's; borrowed */
  constructor(engine: Engine, model: LanguageModel, params: ModelParams) {
    this.model = model;
    this.params = params;
    const grid = { chunk: model.chunkSize, segment: model.chunkSize * CHUNKS_A_SEGMENT };
    this.stream = new Stream(engine, model, grid, "inference");
  }

  /** Opens a session of `batch` streams, each with a fresh memory. */
  async open(batch = 1): Promise<Session> {
    return new Session(this.stream, this.params, await this.stream.start(this.params, batch), batch);
  }

  /** Opens a session that goes on from a saved memory; the session takes over its arrays. */
  resume(memory: StreamState<ModelState>, batch: number): Session {
    return new Session(this.stream, this.params, memory, batch);
  }
}

/** What reading may do to the memories. */
export interface ReadOptions {
  /** Whether the tokens are written to memory; true by default. */
  readonly write?: boolean;
  /** Whether they are learned from, as what came after the tokens before them; as `write` by default. */
  readonly learn?: boolean;
}

/** Streams being read. Close it to free its memory. */
export class Session {
  readonly batch: number;
  private readonly stream: Stream<ModelParams, ModelState>;
  private readonly params: ModelParams;
  private state: StreamState<ModelState>;

  /** @internal Use `Reader.open`. */
  constructor(
    stream: Stream<ModelParams, ModelState>,
    params: ModelParams,
    state: StreamState<ModelState>,
    batch: number,
  ) {
    this.stream = stream;
    this.params = params;
    this.state = state;
    this.batch = batch;
  }

  /** Tokens read since the stream began. */
  get position(): number {
    return this.state.position;
  }

  /** What the streams have left behind: borrowed, valid until the next `read` or `close`. */
  get memory(): StreamState<ModelState> {
    return this.state;
  }

  /**
   * Reads the next tokens of every stream, learning from them.
   *
   * @param tokens row after row, `batch` rows of the same length
   * @param options `write: false` reads without writing to memory (step size 0; forgetting and momentum go on); `learn: false` lets the continuum memory of
   *   a model that has one learn nothing from these tokens, as is the default without writing
   * @returns logits of the token after each: [batch, tokens, vocabulary]
   */
  async read(tokens: Int32Array, options: ReadOptions = {}): Promise<Block> {
    const { write = true, learn = write } = options;
    const shape = [this.batch, tokens.length / this.batch];
    const all = (on: boolean): Block => ({ data: new Float32Array(tokens.length).fill(on ? 1 : 0), shape });
    const masks = { storeMask: all(write), learnMask: all(learn) };
    const [logits, next] = await this.stream.push(this.params, this.state, { data: tokens, shape }, masks);
    this.stream.release(this.state);
    this.state = next;
    return logits;
  }

  /** Another session that goes on from here by itself: what it reads leaves this one as it is. */
  fork(): Session {
    return new Session(this.stream, this.params, { ...this.state, closed: retain(this.state.closed) }, this.batch);
  }

  /** Frees the memory. */
  close(): void {
    this.stream.release(this.state);
  }
}
