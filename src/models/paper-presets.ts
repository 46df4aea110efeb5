/** The sizes of the Titans paper: 170M to 760M parameters, in shapes of ours, because the paper gives none. */
import type { Preset } from "./preset.ts";

/** The Llama 2 tokenizer's, as in the paper. */
const VOCABULARY = 32_000;

/**
 * One width, depth and feed-forward a size, with heads of 64 features. An embedding and a head of the whole vocabulary, 49 to 98 million parameters, are
 * counted in the name.
 */
const sizes = {
  "170m": { dim: 768, layers: 12, heads: 12, feedForwardExpansion: 5.75 },
  "340m": { dim: 1024, layers: 16, heads: 16, feedForwardExpansion: 5.5 },
  "400m": { dim: 1024, layers: 20, heads: 16, feedForwardExpansion: 5.25 },
  "760m": { dim: 1536, layers: 16, heads: 24, feedForwardExpansion: 6.125 },
} as const;

/**
 * What an architecture adds to the memory, as multiples of the feed-forward's expansion, which is made smaller by as much: attention is four matrices of
 * [dim, dim], the projection of what is retrieved is one, and an expansion of 1 is two.
 */
const architectures = {
  lmm: { name: "memory alone", added: 0 },
  mac: { name: "memory as context", added: 2.5 },
  mag: { name: "memory as gate", added: 2 },
  mal: { name: "memory as layer", added: 2 },
} as const;

/** Half a million tokens a step as in the paper; steps for 15 billion tokens, for the largest 30. */
const pretraining = {
  batch: 8,
  accumulate: 16,
  length: 4096,
  segment: 512,
  learningRate: 4e-4,
  weightDecay: 0.1,
  warmupSteps: 1000,
  evaluateEvery: 500,
  checkpointEvery: 500,
} as const;

function preset(size: keyof typeof sizes, kind: keyof typeof architectures): Preset {
  const { feedForwardExpansion, ...shape } = sizes[size];
  const { name, added } = architectures[kind];
  return {
    summary: `${name} with about ${size.toUpperCase()} parameters: the paper's size, in our shapes`,
    model: {
      architecture: `titans-${kind}`,
      vocabularySize: VOCABULARY,
      ...shape,
      feedForwardExpansion: feedForwardExpansion - added,
      persistentTokens: 16,
      contextSegment: 512,
      window: 512,
      memory: { chunkSize: 64, normalizeValues: true },
    },
    training: { ...pretraining, steps: size === "760m" ? 60_000 : 30_000 },
  };
}

/** `titans-{lmm,mac,mag,mal}-{170m,340m,400m,760m}`. */
export const paperPresets: Readonly<Record<string, Preset>> = Object.fromEntries(
  (Object.keys(sizes) as (keyof typeof sizes)[]).flatMap((size) =>
    (Object.keys(architectures) as (keyof typeof architectures)[]).map((kind) => [
      `titans-${kind}-${size}`,
      preset(size, kind),
    ]),
  ),
);
