/** Exact back-propagation through time, one segment at a time: two compiled programs, however long the sequence. */
import {
  detached,
  type Engine,
  np,
  type Program,
  readScalar,
  release,
  type Tensor,
  type Tree,
  vjp,
  zerosLike,
  zipTrees,
} from "../array/index.ts";
import type { SequenceLayer } from "../common/index.ts";
import type { TokenLoss } from "../models/index.ts";

/** One segment of a batch: what the model reads, what it should have put out at each token, and how much that counts. */
export interface Segment {
  /** int32 tokens [batch, segment], or float32 vectors [batch, segment, features] */
  readonly tokens: Tensor;
  /** What the loss takes: [batch, segment, ...] */
  readonly targets: Tensor;
  /** float32 [batch, segment]; 0 leaves a target out of the loss. */
  readonly weights: Tensor;
  /** How much a model that learns while it reads learns from each target: [batch, segment], float32; as `weights` by default. */
  readonly observed?: Tensor;
  /** 1 where a slot holds a token: [batch, segment], float32. All slots by default; all segments of a sequence have one, or none has. */
  readonly mask?: Tensor;
}

/** Loss and gradients of a batch of sequences. The caller releases the gradients. */
export interface SequenceGradients<P extends Tree> {
  /** Weighted sum of the targets' losses. */
  readonly loss: number;
  readonly gradients: P;
}

/**
 * Outputs for a segment, [batch, segment, ...], and the state after it; a model that learns while it reads learns from the targets that are observed.
 *
 * @param segment tokens [batch, segment] and what came next
 */
export function readSegment<P extends Tree, S extends Tree>(
  model: SequenceLayer<P, S>,
  params: P,
  state: S,
  { tokens, targets, weights, observed = weights, mask }: Segment,
): [Tensor, S] {
  const options = mask && { mask };
  return model.learn
    ? model.learn(params, state, tokens, { targets, weights: observed }, options)
    : model.step(params, state, tokens, options);
}

type Start<P, S> = Program<[P, Tensor], S>;
type Finish<P, S> = Program<[P, Tensor, S, P], P>;
type Forward<P, S> = Program<[P, S, Segment], { loss: Tensor; state: S }>;
type Backward<P, S> = Program<[P, S, Segment, Tensor, S, P], { loss: Tensor; stateGradient: S; gradients: P }>;

/**
 * The compiled forward and backward of one segment, and the loop over a sequence around them.
 *
 * The forward runs left to right and keeps the states at the boundaries; the backward runs right to left, recomputes its segment and passes the
 * gradient with respect to the state on. Compile time is that of one segment, memory is one state a boundary, and the result is the exact gradient of
 * the whole sequence.
 */
export class SegmentPrograms<P extends Tree, S extends Tree> {
  private readonly start: Start<P, S>;
  private readonly forward: Forward<P, S>;
  private readonly backward: Backward<P, S>;
  private readonly finish: Finish<P, S>;

  /** @param loss what each token costs, such as `nextTokenLoss` */
  constructor(engine: Engine, model: SequenceLayer<P, S>, loss: TokenLoss) {
    const initialState = (params: P, tokens: Tensor) => model.initialState(params, tokens.shape[0]!);
    this.start = engine.compile("training start", initialState);
    const segmentLoss = (params: P, state: S, segment: Segment) => {
      const [outputs, next] = readSegment(model, params, state, segment);
      return { loss: np.sum(np.multiply(loss(outputs, segment.targets), segment.weights)), state: next };
    };
    this.forward = engine.compile("training forward", segmentLoss);
    this.backward = engine.compile(
      "training backward",
      (params: P, state: S, segment: Segment, scale: Tensor, stateGradient: S, accumulated: P) =>
        vjp(
          (p: P, s: S) => segmentLoss(p, s, segment),
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
    this.finish = engine.compile("training finish", (params: P, tokens: Tensor, stateGradient: S, gradients: P) =>
      vjp(
        (p: P) => initialState(p, tokens),
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
    params: P,
    segments: readonly Segment[],
    scale: number,
    accumulated: P,
  ): Promise<SequenceGradients<P>> {
    const first = segments[0]!.tokens;
    const states: S[] = [await this.start(params, first)];
    for (const segment of segments.slice(0, -1)) {
      const { loss, state } = await this.forward(params, states.at(-1)!, segment);
      release(loss);
      states.push(state);
    }
    const scaleTensor = detached(() => np.array(scale, { dtype: "float32" }));
    let stateGradient = zerosLike(states[0]!);
    let gradients = accumulated;
    const losses: Tensor[] = [];
    for (const [i, segment] of [...segments.entries()].reverse()) {
      const state = states[i]!;
      const result = await this.backward(params, state, segment, scaleTensor, stateGradient, gradients);
      release(stateGradient, gradients, state);
      ({ stateGradient, gradients } = result);
      losses.push(result.loss);
    }
    const total = await this.finish(params, first, stateGradient, gradients);
    const loss = await sumOf(losses);
    release(scaleTensor, stateGradient, gradients, losses);
    return { loss, gradients: total };
  }

  /** Summed loss of a batch of sequences, each starting from a fresh memory. */
  async loss(params: P, segments: readonly Segment[]): Promise<number> {
    let state = await this.start(params, segments[0]!.tokens);
    const losses: Tensor[] = [];
    for (const segment of segments) {
      const result = await this.forward(params, state, segment);
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
