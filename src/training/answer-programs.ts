/** What a language model answers: which targets it predicts, with one compiled program a segment. */
import { detached, type Engine, np, type Program, read, release, type Tensor } from "../array/index.ts";
import { isPredicted, type LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "../models/index.ts";
import { readSegment, type Segment } from "./segment-programs.ts";

/** What reading windows gave. */
export interface WindowAnswers {
  /** Weighted sum of the targets' losses, in nats. */
  readonly loss: number;
  /** 1 where a target was predicted, else 0: [batch, length]. */
  readonly right: Float32Array;
}

/** Reads segments as training does, learning of weights while reading included. */
export class AnswerPrograms {
  private readonly start: Program<[ModelParams, Tensor], ModelState>;
  private readonly forward: Program<
    [ModelParams, ModelState, Segment],
    { loss: Tensor; right: Tensor; state: ModelState }
  >;

  constructor(engine: Engine, model: LanguageModel) {
    this.start = engine.compile("answers start", (params: ModelParams, tokens: Tensor) =>
      model.initialState(params, tokens.shape[0]!),
    );
    this.forward = engine.compile("answers segment", (params: ModelParams, state: ModelState, segment: Segment) => {
      const [logits, next] = readSegment(model, params, state, segment);
      const loss = np.sum(np.multiply(nextTokenLoss(logits, segment.targets), segment.weights));
      return { loss, right: isPredicted(logits, segment.targets), state: next };
    });
  }

  /** Reads consecutive segments of the same sequences from a fresh memory. */
  async read(params: ModelParams, segments: readonly Segment[]): Promise<WindowAnswers> {
    const [batch, width] = segments[0]!.tokens.shape as [number, number];
    const length = width * segments.length;
    const right = new Float32Array(batch * length);
    let loss = 0;
    let state = await this.start(params, segments[0]!.tokens);
    for (const [s, segment] of segments.entries()) {
      const found = await this.forward(params, state, segment);
      release(state);
      state = found.state;
      const ofSegment = await read(found.right);
      for (let row = 0; row < batch; row++)
        right.set(ofSegment.subarray(row * width, (row + 1) * width), row * length + s * width);
      loss += (await read(found.loss))[0]!;
      detached(() => release(found.loss, found.right));
    }
    release(state);
    return { loss, right };
  }
}
