/** Exact back-propagation through time, one segment at a time: two compiled programs, however long the sequence. */
import {
  detached,
  type Engine,
  np,
  type Program,
  readScalar,
  release,
  type Tensor,
  vjp,
  zerosLike,
  zipTrees,
} from "../array/index.ts";
import { type LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "../models/index.ts";

/** One segment of a batch: inputs, what came next, and how much each target counts; [batch, segment] each. */
export interface Segment {
  /** int32 */
  readonly tokens: Tensor;
  /** int32 */
  readonly targets: Tensor;
  /** float32; 0 leaves a target out of the loss. */
  readonly weights: Tensor;
}

/** Loss and gradients of a batch of sequences. The caller releases the gradients. */
export interface SequenceGradients {
  /** Weighted sum of the targets' losses, in nats. */
  readonly loss: number;
  readonly gradients: ModelParams;
}

type Start = Program<[ModelParams, Tensor], ModelState>;
type Finish = Program<[ModelParams, Tensor, ModelState, ModelParams], ModelParams>;
type Forward = Program<[ModelParams, ModelState, Tensor, Tensor, Tensor], { loss: Tensor; state: ModelState }>;
type Backward = Program<
  [ModelParams, ModelState, Tensor, Tensor, Tensor, Tensor, ModelState, ModelParams],
  { loss: Tensor; stateGradient: ModelState; gradients: ModelParams }
>;

/**
 * The compiled forward and backward of one segment, and the loop over a sequence around them.
 *
 * The forward runs left to right and keeps the states at the boundaries; the backward runs right to left, recomputes its segment and passes the
 * gradient with respect to the state on. Compile time is that of one segment, memory is one state a boundary, and the result is the exact gradient of
 * the whole sequence.
 */
export class SegmentPrograms {
  private readonly start: Start;
  private readonly forward: Forward;
  private readonly backward: Backward;
  private readonly finish: Finish;

  constructor(engine: Engine, model: LanguageModel) {
    const initialState = (params: ModelParams, tokens: Tensor) => model.initialState(params, tokens.shape[0]!);
    this.start = engine.compile("training start", initialState);
    const segmentLoss = (params: ModelParams, state: ModelState, tokens: Tensor, targets: Tensor, weights: Tensor) => {
      const [logits, next] = model.step(params, state, tokens);
      return { loss: np.sum(np.multiply(nextTokenLoss(logits, targets), weights)), state: next };
    };
    this.forward = engine.compile("training forward", segmentLoss);
    this.backward = engine.compile(
      "training backward",
      (
        params: ModelParams,
        state: ModelState,
        tokens: Tensor,
        targets: Tensor,
        weights: Tensor,
        scale: Tensor,
        stateGradient: ModelState,
        accumulated: ModelParams,
      ) =>
        vjp(
          (p: ModelParams, s: ModelState) => segmentLoss(p, s, tokens, targets, weights),
          [params, state],
          (value, pullback) => {
            const [gradients, earlier] = pullback({ loss: scale, state: stateGradient });
            return {
              loss: value.loss,
              stateGradient: earlier,
              gradients: zipTrees((sum, g) => np.add(sum, g), accumulated, gradients),
            };
          },
        ),
    );
    // What the parameters owe through the state that every sequence starts from (the learned initial memory).
    this.finish = engine.compile(
      "training finish",
      (params: ModelParams, tokens: Tensor, stateGradient: ModelState, gradients: ModelParams) =>
        vjp(
          (p: ModelParams) => initialState(p, tokens),
          [params],
          (_, pullback) => zipTrees((sum, g) => np.add(sum, g), gradients, pullback(stateGradient)[0]),
        ),
    );
  }

  /**
   * The gradient of `scale` times the summed loss of a batch of sequences, each starting from a fresh memory.
   *
   * @param params the model's
   * @param segments consecutive segments of the same sequences
   * @param scale what the summed loss is multiplied by: one over the number of targets for a mean
   * @param accumulated gradients to add to; consumed
   */
  async gradients(
    params: ModelParams,
    segments: readonly Segment[],
    scale: number,
    accumulated: ModelParams,
  ): Promise<SequenceGradients> {
    const first = segments[0]!.tokens;
    const states: ModelState[] = [await this.start(params, first)];
    for (const { tokens, targets, weights } of segments.slice(0, -1)) {
      const { loss, state } = await this.forward(params, states.at(-1)!, tokens, targets, weights);
      release(loss);
      states.push(state);
    }
    const scaleTensor = detached(() => np.array(scale, { dtype: "float32" }));
    let stateGradient = zerosLike(states[0]!);
    let gradients = accumulated;
    const losses: Tensor[] = [];
    for (const [i, { tokens, targets, weights }] of [...segments.entries()].reverse()) {
      const state = states[i]!;
      const result = await this.backward(
        params,
        state,
        tokens,
        targets,
        weights,
        scaleTensor,
        stateGradient,
        gradients,
      );
      release(stateGradient, gradients, state);
      ({ stateGradient, gradients } = result);
      losses.push(result.loss);
    }
    const total = await this.finish(params, first, stateGradient, gradients);
    const loss = await sumOf(losses);
    release(scaleTensor, stateGradient, gradients, losses);
    return { loss, gradients: total };
  }

  /** Summed loss of a batch of sequences in nats, each starting from a fresh memory. */
  async loss(params: ModelParams, segments: readonly Segment[]): Promise<number> {
    let state = await this.start(params, segments[0]!.tokens);
    const losses: Tensor[] = [];
    for (const { tokens, targets, weights } of segments) {
      const result = await this.forward(params, state, tokens, targets, weights);
      release(state);
      state = result.state;
      losses.push(result.loss);
    }
    const loss = await sumOf(losses);
    release(state, losses);
    return loss;
  }
}

async function sumOf(losses: readonly Tensor[]): Promise<number> {
  let total = 0;
  for (const loss of losses) total += await readScalar(loss);
  return total;
}
