/** Named models that are known to train, with the numbers they train with. */
import { ConfigError, unknownName } from "../utils/index.ts";
import { paperPresets } from "./paper-presets.ts";
import type { Preset } from "./preset.ts";

/**
 * Normalised values keep the errors, and with them the guarded steps, of order one; a step bias of -2 starts with small writes. Forgetting leads back to
 * the learned start: towards zero, the paper's rule, a memory that was trained on short windows loses that start in longer streams, and the model with it.
 */
const rememberingMemory = {
  chunkSize: 32,
  normalizeValues: true,
  forgetTowards: "initial",
  gateBiases: { forget: -5, momentum: 0, stepSize: -2 },
} as const;

/**
 * The guard allows for the strongest momentum there may be, so this bound makes early writes large enough for a memory alone to learn recall. Memory as context
 * does worse with it on text.
 */
const memoryAlone = { ...rememberingMemory, maxMomentum: 0.5 } as const;

/**
 * A matrix a layer, with which writing pays on text. Steps of up to a fifth with hardly any momentum are small enough for the guard to let the whole chunk
 * write: where they are larger it lets the first tokens of a chunk write much and the others little. A linear memory needs no normalised values to stay finite,
 * and learns more without. Forgetting starts at a thousandth a token: a window is remembered.
 */
const writingMemory = {
  depth: 1,
  chunkSize: 32,
  maxStepSize: 0.2,
  maxMomentum: 0.1,
  forgetTowards: "initial",
  gateBiases: { forget: -7, momentum: -2, stepSize: 0 },
} as const;

/** What the hybrids of laptop size share. A product of the branches, the default of `gate`, learns more slowly at this size than their sum. */
const smallHybrid = {
  dim: 64,
  layers: 2,
  heads: 2,
  persistentTokens: 4,
  gate: "sum",
  memory: rememberingMemory,
} as const;

/** Half a million bytes read: minutes on two cores with the native engine. */
const minutesOnABook = {
  steps: 500,
  batch: 4,
  length: 256,
  segment: 64,
  learningRate: 1e-2,
  evaluateEvery: 100,
  checkpointEvery: 100,
} as const;

/** All presets by name. */
export const presets: Readonly<Record<string, Preset>> = {
  "linear-small": {
    summary:
      "the default: memory alone, a matrix a layer; far below the trigram baseline on a book in minutes on two cores, with writes further than without",
    model: {
      architecture: "titans-lmm",
      dim: 64,
      layers: 2,
      heads: 1,
      memory: writingMemory,
    },
    training: { ...minutesOnABook, steps: 2000, length: 512, evaluateEvery: 250, checkpointEvery: 250 },
  },
  "lmm-small": {
    summary: "memory alone, laptop size: two layers of deep memory",
    model: {
      architecture: "titans-lmm",
      dim: 64,
      layers: 2,
      heads: 2,
      memory: memoryAlone,
    },
    training: minutesOnABook,
    compared: true,
  },
  "lmm-tiny": {
    summary: "one small memory layer: for tests and first steps, trained in seconds",
    model: {
      architecture: "titans-lmm",
      dim: 32,
      layers: 1,
      heads: 2,
      memory: { ...memoryAlone, chunkSize: 16 },
    },
    training: {
      steps: 20,
      batch: 2,
      length: 64,
      segment: 32,
      learningRate: 6e-3,
      warmupSteps: 5,
      evaluateEvery: 10,
      checkpointEvery: 10,
      evaluationTokens: 1024,
    },
  },
  "mac-small": {
    summary: "memory as context, laptop size: segments of 32 bytes attend to what the memory recalls",
    model: {
      architecture: "titans-mac",
      ...smallHybrid,
      contextSegment: 32,
    },
    training: minutesOnABook,
    compared: true,
  },
  "mag-small": {
    summary: "memory as gate, laptop size: attention over 32 bytes beside the memory",
    model: {
      architecture: "titans-mag",
      ...smallHybrid,
      window: 32,
    },
    training: minutesOnABook,
    compared: true,
  },
  "mal-small": {
    summary: "memory as layer, laptop size: attention over 32 bytes of what the memory puts out",
    model: {
      architecture: "titans-mal",
      ...smallHybrid,
      window: 32,
    },
    training: minutesOnABook,
    compared: true,
  },
  "transformer-small": {
    summary: "the baseline: sliding-window attention of about the same size as lmm-small",
    model: {
      architecture: "transformer",
      dim: 64,
      layers: 2,
      heads: 2,
      feedForwardExpansion: 3,
      window: 64,
      memory: { chunkSize: 32 },
    },
    training: minutesOnABook,
    compared: true,
  },
  "hope-small": {
    summary: "self-modifying Titans and a continuum memory of three levels, laptop size",
    model: {
      architecture: "hope",
      dim: 64,
      layers: 2,
      heads: 2,
      feedForwardExpansion: 1,
      selfModifying: { chunkSize: 32, projectionChunkSize: 32 },
      continuum: { periods: [64, 128, 256], stepSize: 0.003 },
    },
    training: minutesOnABook,
    compared: true,
  },
  "hope-attention-small": {
    summary: "attention over 64 bytes and a continuum memory of three levels, laptop size",
    model: {
      architecture: "hope-attention",
      dim: 64,
      layers: 2,
      heads: 2,
      feedForwardExpansion: 1,
      window: 64,
      continuum: { periods: [64, 128, 256], stepSize: 0.003 },
    },
    training: minutesOnABook,
    compared: true,
  },
  ...paperPresets,
};

/** The preset that `npm start` and `train` take unless another is named. */
export const defaultPreset = "linear-small";

/** The presets that `neural-memory compare` trains unless others are named. */
export const comparedPresets: readonly string[] = Object.keys(presets).filter((name) => presets[name]?.compared);

/**
 * A preset by name.
 *
 * @throws ConfigError if there is none, with the nearest valid name
 */
export function presetNamed(name: string): Preset {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) throw new ConfigError(unknownName("preset", name, Object.keys(presets)));
  return preset;
}
