/** Loss and gradients of windows of tokens: what the training loop needs of a language model, whoever computes it. */
import { type Engine, release, zerosLike } from "../array/index.ts";
import type { TokenWindows } from "../data/index.ts";
import { type LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "../models/index.ts";
import { AnswerPrograms, type WindowAnswers } from "./answer-programs.ts";
import { SegmentPrograms, type SequenceGradients } from "./segment-programs.ts";
import { segmentsOf } from "./segments.ts";

/** What computes the loss of windows. Every window starts from a fresh memory. */
export interface WindowPrograms {
  /**
   * The gradient of `scale` times the summed loss of batches of windows.
   *
   * @param params borrowed
   * @param batches one or more; those after the first add to its gradient
   */
  gradients(
    params: ModelParams,
    batches: readonly TokenWindows[],
    scale: number,
  ): Promise<SequenceGradients<ModelParams>>;
  /** Summed loss of a batch of windows. */
  loss(params: ModelParams, windows: TokenWindows): Promise<number>;
  /** The loss of a batch of windows, and which of its targets were predicted. */
  answers(params: ModelParams, windows: TokenWindows): Promise<WindowAnswers>;
  /** Gives back what it holds beside the engine's programs. */
  close(): Promise<void>;
}

/** The whole batch on one engine. */
export class EnginePrograms implements WindowPrograms {
  private readonly programs: SegmentPrograms<ModelParams, ModelState>;
  private readonly answering: AnswerPrograms;
  private readonly segment: number;

  /** @param segment tokens of a segment; divides the windows' length */
  constructor(engine: Engine, model: LanguageModel, segment: number) {
    this.programs = new SegmentPrograms(engine, model, nextTokenLoss);
    this.answering = new AnswerPrograms(engine, model);
    this.segment = segment;
  }

  async gradients(params: ModelParams, batches: readonly TokenWindows[], scale: number) {
    let gradients = zerosLike(params);
    let loss = 0;
    for (const windows of batches) {
      const segments = segmentsOf(windows, this.segment);
      const result = await this.programs.gradients(params, segments, scale, gradients);
      release(segments);
      gradients = result.gradients;
      loss += result.loss;
    }
    return { loss, gradients };
  }

  async loss(params: ModelParams, windows: TokenWindows): Promise<number> {
    const segments = segmentsOf(windows, this.segment);
    const loss = await this.programs.loss(params, segments);
    release(segments);
    return loss;
  }

  async answers(params: ModelParams, windows: TokenWindows): Promise<WindowAnswers> {
    const segments = segmentsOf(windows, this.segment);
    const answers = await this.answering.read(params, segments);
    release(segments);
    return answers;
  }

  async close(): Promise<void> {}
}
