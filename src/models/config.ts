/** What a model is made of, as data: validated, saved in checkpoints, and rebuilt from there. */
import { z } from "zod";
import { memoryActivations } from "../common/index.ts";
import { neuralMemoryDefaults, stepGuards } from "../titans/index.ts";

const whole = z.int().min(1);

/** Sequence mixers a model can be built around. */
export const architectureNames = ["titans-lmm", "transformer"] as const;
export type ArchitectureName = (typeof architectureNames)[number];

/** The neural memory inside a block; see `NeuralMemoryConfig` for what each entry means. */
export const memorySchema = z.strictObject({
  depth: whole.default(neuralMemoryDefaults.depth),
  expansion: z.number().positive().default(neuralMemoryDefaults.expansion),
  activation: z.enum(memoryActivations).default(neuralMemoryDefaults.activation),
  residual: z.boolean().default(neuralMemoryDefaults.residual),
  norm: z.boolean().default(neuralMemoryDefaults.norm),
  chunkSize: whole.default(neuralMemoryDefaults.chunkSize),
  convolutionKernel: whole.default(neuralMemoryDefaults.convolutionKernel),
  maxStepSize: z.number().min(0).default(neuralMemoryDefaults.maxStepSize),
  maxMomentum: z.number().gt(0).max(1).default(neuralMemoryDefaults.maxMomentum),
  gateBiases: z
    .strictObject({
      forget: z.number().default(neuralMemoryDefaults.gateBiases.forget),
      momentum: z.number().default(neuralMemoryDefaults.gateBiases.momentum),
      stepSize: z.number().default(neuralMemoryDefaults.gateBiases.stepSize),
    })
    .default(neuralMemoryDefaults.gateBiases),
  stepGuard: z.enum(stepGuards).default(neuralMemoryDefaults.stepGuard),
  normalizeValues: z.boolean().default(neuralMemoryDefaults.normalizeValues),
});

/** The blocks of a model, whatever it reads and puts out. */
export const stackSchema = z
  .strictObject({
    architecture: z.enum(architectureNames),
    /** Features of a token between blocks. */
    dim: whole,
    layers: whole,
    heads: whole,
    /** Width of the feed-forward network, as a multiple of `dim`. */
    feedForwardExpansion: z.number().positive().default(2),
    /** Tokens an attention layer sees, its own included. */
    window: whole.default(64),
    memory: memorySchema.prefault({}),
  })
  .refine((model) => model.dim % model.heads === 0, {
    path: ["heads"],
    error: "dim must be a whole multiple of heads, so that every head has the same number of features",
  })
  .refine((model) => Math.round(model.dim * model.feedForwardExpansion) >= 1, {
    path: ["feedForwardExpansion"],
    error: "dim times feedForwardExpansion must come to at least one feature",
  });

/** A language model: embedding, blocks, norm, head. */
export const modelSchema = stackSchema.safeExtend({
  /** Tokens the model knows; 256 for bytes. */
  vocabularySize: whole.default(256),
});

/** A classifier of sequences of vectors: projection, blocks, norm, mean, head. */
export const classifierSchema = stackSchema.safeExtend({
  /** Numbers of a token. */
  features: whole,
  classes: z.int().min(2),
});

/** A forecaster of series of vectors: projection, blocks, norm, head. */
export const forecasterSchema = stackSchema.safeExtend({
  /** Numbers of a token, all of which are forecast. */
  channels: whole,
  /** Tokens that are forecast after each one. */
  horizon: whole,
  /** Normalises each channel by the mean and the deviation of the context, and undoes it on the forecasts. */
  instanceNorm: z.boolean().default(false),
});

/** The validated configuration of a model's blocks. */
export type StackConfig = z.output<typeof stackSchema>;
/** A validated model configuration. */
export type ModelConfig = z.output<typeof modelSchema>;
/** A model configuration as written, defaults left out. */
export type ModelInput = z.input<typeof modelSchema>;
/** The validated configuration of a classifier. */
export type ClassifierConfig = z.output<typeof classifierSchema>;
/** The configuration of a classifier as written, defaults left out. */
export type ClassifierInput = z.input<typeof classifierSchema>;
/** The validated configuration of a forecaster. */
export type ForecasterConfig = z.output<typeof forecasterSchema>;
/** The configuration of a forecaster as written, defaults left out. */
export type ForecasterInput = z.input<typeof forecasterSchema>;
