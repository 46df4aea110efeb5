/** Architectures that stand for all of them where a test takes seconds for each; the contract tests run every one. */
import {
  type ArchitectureName,
  architectureNames,
  isHopeArchitecture,
  isMirasArchitecture,
  type ModelInput,
} from "../../src/models/index.ts";

/** Every architecture that is not a row of MIRAS's table. */
export const titansArchitectures = architectureNames.filter((name) => !isMirasArchitecture(name));

/** Titans and the transformer, the three models of MIRAS, and rows whose chunks are computed in each other form. */
export const representatives: readonly ArchitectureName[] = [
  ...titansArchitectures,
  "moneta",
  "yaad",
  "memora",
  "miras:gla",
  "miras:deltaproduct",
  "miras:rwkv7",
  "miras:mesa",
];

/** Chunks of a few tokens in the memories of every architecture, and levels that learn every chunk and every second one where there are any. */
export function smallChunks(architecture: ArchitectureName, chunkSize: number): Partial<ModelInput> {
  return {
    memory: { chunkSize, normalizeValues: true },
    miras: { chunkSize },
    selfModifying: { chunkSize, projectionChunkSize: chunkSize },
    ...(isHopeArchitecture(architecture) && { continuum: { periods: [2 * chunkSize, 4 * chunkSize] } }),
  };
}

/** Whether all blocks of an architecture are attention. */
export function isAttention(architecture: ArchitectureName): boolean {
  return ["transformer", "hope-attention", "miras:softmax-attention"].includes(architecture);
}
