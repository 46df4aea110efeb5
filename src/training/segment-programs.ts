/** Exact back-propagation through time, one segment at a time: two compiled programs, however long the sequence. */
import {
  type Engine,
  np,
  type Program,
  type Recurrence,
  release,
  type Tensor,
  type Tree,
  vjp,
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

/** The loss of a sequence and its exact gradient, segment by segment: a recurrence whose steps are segments, and the state that it starts from. */
export class SegmentPrograms<P extends Tree, S extends Tree> {
  private readonly start: Start<P, S>;
  private readonly segments: Recurrence<P, S, Segment>;
  private readonly finish: Finish<P, S>;

  /** @param loss what each token costs, such as `nextTokenLoss` */
  constructor(engine: Engine, model: SequenceLayer<P, S>, loss: TokenLoss) {
    const initialState = (params: P, tokens: Tensor) => model.initialState(params, tokens.shape[0]!);
    this.start = engine.compile("training start", initialState);
    const names = { forward: "training forward", backward: "training backward" };
    this.segments = engine.compileRecurrence(names, (params: P, state: S, segment: Segment) => {
      const [outputs, next] = readSegment(model, params, state, segment);
      return [np.sum(np.multiply(loss(outputs, segment.targets), segment.weights)), next];
    });
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
    const state = await this.start(params, first);
    const owed = await this.segments.gradients(params, state, segments, scale, accumulated);
    const gradients = await this.finish(params, first, owed.stateGradient, owed.gradients);
    release(state, accumulated, owed.stateGradient, owed.gradients);
    return { loss: owed.cost, gradients };
  }

  /** Summed loss of a batch of sequences, each starting from a fresh memory. */
  async loss(params: P, segments: readonly Segment[]): Promise<number> {
    const state = await this.start(params, segments[0]!.tokens);
    const loss = await this.segments.cost(params, state, segments);
    release(state);
    return loss;
  }
}
