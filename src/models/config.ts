/** What a model is made of, as data: validated, saved in checkpoints, and rebuilt from there. */
import { z } from "zod";
import { memoryActivations } from "../common/index.ts";
import {
  branchGates,
  contextReads,
  forgetTargets,
  neuralMemoryDefaults,
  queryKeyNorms,
  stepGuards,
} from "../titans/index.ts";
import { continuumSchema } from "./continuum-config.ts";
import { hopeArchitectureNames, selfModifyingSchema } from "./hope-config.ts";
import { mirasArchitectureNames, mirasSchema, rowArchitectures } from "./miras-config.ts";

const whole = z.int().min(1);

/** Sequence mixers a model can be built around. */
export const architectureNames = [
  "titans-lmm",
  "titans-mac",
  "titans-mag",
  "titans-mal",
  "transformer",
  ...hopeArchitectureNames,
  ...mirasArchitectureNames,
] as const;
/** One of `architectureNames`. */
export type ArchitectureName = (typeof architectureNames)[number];

/** The names as a person reads them: the rows of Table 1 in one entry. */
export const listedArchitectures: readonly string[] = [
  ...architectureNames.filter((name) => !name.startsWith("miras:")),
  `${rowArchitectures} (see: neural-memory miras)`,
];

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
  queryKeyNorm: z.enum(queryKeyNorms).default(neuralMemoryDefaults.queryKeyNorm),
  lossScale: z.number().positive().default(neuralMemoryDefaults.lossScale),
  maxSurpriseNorm: z.number().positive().nullable().default(neuralMemoryDefaults.maxSurpriseNorm),
  forgetTowards: z.enum(forgetTargets).default(neuralMemoryDefaults.forgetTowards),
  momentumOrder: whole.default(neuralMemoryDefaults.momentumOrder),
  pairsPerToken: whole.default(neuralMemoryDefaults.pairsPerToken),
  orthogonalizeSurprise: z.boolean().default(neuralMemoryDefaults.orthogonalizeSurprise),
  gatedTransition: z.boolean().default(neuralMemoryDefaults.gatedTransition),
  renormalizeWeights: z.boolean().default(neuralMemoryDefaults.renormalizeWeights),
});

/** Whether an architecture is window attention alone. */
function hasNoMemory(architecture: ArchitectureName): boolean {
  return ["transformer", "hope-attention", "miras:softmax-attention"].includes(architecture);
}

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
    /** Tokens a sliding-window attention layer sees, its own included. */
    window: whole.default(64),
    memory: memorySchema.prefault({}),
    /** What is changed of the settings of a MIRAS architecture's memory: `moneta`, `yaad`, `memora`, `miras`, `miras:<row>`. */
    miras: mirasSchema.optional(),
    /** The self-modifying memories of `hope`. */
    selfModifying: selfModifyingSchema.prefault({}),
    /** Networks that learn while they read, at several frequencies, in the place of each block's feed-forward network. */
    continuum: continuumSchema.optional(),
    /** Learned tokens before every sequence (in `titans-mac`, every segment) of each block with a memory (N_p). */
    persistentTokens: z.int().min(0).default(0),
    /** Numbers of the blocks that have a memory, from 0; the others are sliding-window attention. All blocks by default. */
    neuralMemoryLayers: z.array(z.int().min(0)).optional(),
    /** How attention and memory are joined: `titans-mac`, `titans-mag`. */
    gate: z.enum(branchGates).default("sigmoid"),
    /** Tokens of a segment of `titans-mac` (C), which attend to each other; a multiple of the memory's chunk. Not the training segment, which is a multiple of it. */
    contextSegment: whole.default(64),
    /** What a token of `titans-mac` may know of its own segment through the memory. `segmentEndNonCausal` shows it the future: for encoders only. */
    read: z.enum(contextReads).default("tokenExact"),
    /** Keeps the persistent tokens visible to the attention of every token: `titans-mal`. */
    visiblePrefix: z.boolean().default(false),
  })
  .refine((model) => model.dim % model.heads === 0, {
    path: ["heads"],
    error: "dim must be a whole multiple of heads, so that every head has the same number of features",
  })
  .refine((model) => Math.round(model.dim * model.feedForwardExpansion) >= 1, {
    path: ["feedForwardExpansion"],
    error: "dim times feedForwardExpansion must come to at least one feature",
  })
  .refine((model) => model.neuralMemoryLayers?.every((block) => block < model.layers) ?? true, {
    path: ["neuralMemoryLayers"],
    error: "a block with a memory does not exist: blocks are numbered from 0 to layers - 1",
  })
  .refine((model) => new Set(model.neuralMemoryLayers).size === (model.neuralMemoryLayers?.length ?? 0), {
    path: ["neuralMemoryLayers"],
    error: "a block is named twice; name each block with a memory once",
  })
  .refine((model) => !hasNoMemory(model.architecture) || (model.neuralMemoryLayers ?? []).length === 0, {
    path: ["neuralMemoryLayers"],
    error:
      "this architecture is attention alone and has no memory; use one that has, such as titans-lmm or moneta, for blocks with one",
  })
  .refine((model) => model.architecture !== "titans-mac" || model.contextSegment % model.memory.chunkSize === 0, {
    path: ["contextSegment"],
    error:
      "contextSegment must be a whole multiple of memory.chunkSize, so that every segment is written in whole chunks",
  })
  .refine(({ continuum, layers }) => continuum?.layout !== "oneABlock" || continuum.periods.length === layers, {
    path: ["continuum", "periods"],
    error: 'with the layout "oneABlock" there must be as many periods as layers',
  })
  .refine((model) => model.architecture === "titans-mac" || model.read === "tokenExact", {
    path: ["read"],
    error: "only titans-mac has a non-causal read; leave read out, or use titans-mac",
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
