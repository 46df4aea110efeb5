/** How a model is trained, as data: validated, and saved with every checkpoint. */
import { z } from "zod";
import { optimizerProblem, optimizerSchema } from "./optimizer-choice.ts";

const whole = z.int().min(1);

/** A training run's numbers. Lengths are in tokens. */
export const trainingSchema = z
  .strictObject({
    /** Optimiser steps in the whole run. */
    steps: whole,
    /** Sequences a step and micro-batch. */
    batch: whole.default(8),
    /** Tokens of each sequence; memory and gradients reach through all of them. */
    length: whole.default(256),
    /** Tokens of one compiled program; a multiple of the memory's chunk size that divides `length`. */
    segment: whole.default(64),
    /** Micro-batches whose gradients are added before a step. */
    accumulate: whole.default(1),
    /** The optimiser's name and settings, such as `{ name: "muon", momentum: 0.9 }`. */
    optimizer: optimizerSchema,
    /** The highest learning rate. The default is for AdamW; a run's configuration gives other optimisers the rate of their own. */
    learningRate: z.number().positive().default(3e-3),
    /** Steps over which the learning rate rises from zero. */
    warmupSteps: z.int().min(0).default(20),
    /** Learning rate at the end, as a fraction of the highest. */
    finalFraction: z.number().min(0).max(1).default(0.1),
    /** For every optimiser that has it; left out, each has its own default (AdamW: 0.9). The same entry in `optimizer` wins. */
    beta1: z.number().min(0).lt(1).optional(),
    /** As `beta1` (AdamW: 0.95). */
    beta2: z.number().min(0).lt(1).optional(),
    /** As `beta1` (AdamW: 0.1); all optimisers have it, decoupled from the gradient. */
    weightDecay: z.number().min(0).optional(),
    /** Largest global norm of the gradient; larger ones are scaled down. */
    clipNorm: z.number().positive().default(1),
    /** Steps between validations; the last step is always validated. */
    evaluateEvery: whole.default(50),
    /** Validation tokens read each time. */
    evaluationTokens: whole.default(16_384),
    /** Steps between checkpoints; the last step is always saved. */
    checkpointEvery: whole.default(50),
    /** Seed of the initial weights and of the order of the data. */
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(0),
  })
  .refine((training) => training.length % training.segment === 0, {
    path: ["segment"],
    error: "length must be a whole multiple of segment",
  })
  .refine((training) => training.warmupSteps <= training.steps, {
    path: ["warmupSteps"],
    error: "warmupSteps must not exceed steps",
  })
  .superRefine((training, context) => {
    const problem = optimizerProblem(training);
    if (problem !== undefined)
      context.addIssue({ code: "custom", path: [problem.path], message: problem.sentence, input: training });
  });

/** A validated training configuration. */
export type TrainingConfig = z.output<typeof trainingSchema>;
/** A training configuration as written, defaults left out. */
export type TrainingInput = z.input<typeof trainingSchema>;
