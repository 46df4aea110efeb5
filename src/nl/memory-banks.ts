/** Memories side by side in one array a matrix, written together, and segments cut into chunks. */
import { mapTree, np, slice, type Tensor, zipTrees } from "../array/index.ts";
import {
  curvatureKernel,
  type MemoryArchitecture,
  type MemoryFactors,
  type MemoryWeights,
  memoryForward,
  type StepOptions,
} from "../common/index.ts";
import type { AssociativeState } from "../miras/index.ts";
import { curvatureGuardedStepSize } from "../titans/index.ts";
import { type SelfModifyingChunk, selfModifyingChunk } from "./self-modifying-chunk.ts";
import type { ProjectionName, SelfModifyingConfig } from "./self-modifying-config.ts";
import type { ObservedWrites } from "./self-modifying-diagnostics.ts";
import { gatesOf, type ProjectedTokens } from "./self-modifying-tokens.ts";

/** Memories [heads, ...] as one array a matrix: [heads, memories, ...]. */
export function stackMemories(memories: readonly MemoryWeights[]): MemoryWeights {
  const [{ layers }] = memories as [MemoryWeights];
  return {
    layers: layers.map((_, layer) =>
      np.stack(
        memories.map((memory) => memory.layers[layer]!),
        1,
      ),
    ),
  };
}

/** Memories that project and the main memory, as one: [batch, heads, memories + 1, ...]. */
export function joinMemories(projections: AssociativeState, memory: AssociativeState): AssociativeState {
  return zipTrees((many, one) => np.concatenate([many, np.expandDims(one, 2)], 2), projections, memory);
}

/** What `joinMemories` joined. */
export function splitMemories(
  memories: AssociativeState,
  count: number,
): [projections: AssociativeState, memory: AssociativeState] {
  return [mapTree(memories, (w) => slice(w, [], [], [0, count])), mapTree(memories, (w) => slice(w, [], [], count))];
}

/**
 * A chunk's writes into memories that stand side by side.
 *
 * @param memories [batch, heads, memories, out, in] a matrix, the main memory the last of them where it is observed
 */
export function writeMemories(
  { architecture, config }: { readonly architecture: MemoryArchitecture; readonly config: SelfModifyingConfig },
  memories: AssociativeState,
  tokens: ProjectedTokens,
  { mask, storeMask }: StepOptions,
  observe?: (writes: ObservedWrites) => void,
): SelfModifyingChunk {
  const shared = (u: Tensor) => np.expandDims(u, 2);
  const keys = shared(tokens.key!);
  const values = shared(tokens.value!);
  const targets = config.targets === "self" ? memoryForward(architecture, memories, values) : values;
  const gates = gatesOf(config, tokens, mask, storeMask);
  const ofAll = mapTree({ ...gates }, shared);
  const slots = mask && np.expandDims(mask, [1, 2]);
  const bound =
    config.stepGuard === "off"
      ? undefined
      : (factors: MemoryFactors) => guardedSteps(ofAll.stepSize, memories, factors, config.momentum);
  const written = selfModifyingChunk(architecture, config, memories, { keys, targets }, ofAll, slots, bound);
  if (observe !== undefined) {
    const last = memories.layers[0]!.shape[2]! - 1;
    const ofMain = (u: Tensor) => slice(u, [], [], u.shape[2] === 1 ? 0 : last);
    observe({
      before: mapTree(memories, ofMain),
      after: mapTree(written.atEnd(), ofMain),
      keys: tokens.key!,
      targets: ofMain(targets),
      errors: ofMain(written.errors),
      gates: { ...gates, stepSize: np.squeeze(written.stepSize, 2) },
      mask: mask && np.expandDims(mask, 1),
    });
  }
  return written;
}

/**
 * Steps that keep every memory of a bank from overshooting within a chunk, all of whose gradients are taken at its start. Memories share their steps, so the
 * one that bends most decides.
 *
 * @param stepSize [batch, heads, 1, C, 1]
 * @param factors of gradients [batch, heads, memories, C, ...]
 */
function guardedSteps(stepSize: Tensor, memories: AssociativeState, factors: MemoryFactors, momentum: number): Tensor {
  const kernel = np.max(curvatureKernel(memories, factors), 2, { keepdims: true });
  return np.expandDims(curvatureGuardedStepSize(np.squeeze(stepSize, -1), kernel, momentum), -1);
}

/** Where chunks begin and end, the last one ragged. */
export function chunkRanges(length: number, size: number): [start: number, end: number][] {
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => [i * size, Math.min((i + 1) * size, length)]);
}

/** Tokens `start` to `end` of a segment. */
export function cutTokens(tokens: ProjectedTokens, start: number, end: number): ProjectedTokens {
  return mapTree({ ...tokens }, (u: Tensor) => slice(u, [], [], [start, end]));
}

/** The tokens of consecutive chunks as those of a segment. */
export function joinTokens(parts: readonly ProjectedTokens[]): ProjectedTokens {
  const names = Object.keys(parts[0]!) as ProjectionName[];
  const whole = (name: ProjectionName) =>
    np.concatenate(
      parts.map((part) => part[name]!),
      2,
    );
  return Object.fromEntries(names.map((name) => [name, whole(name)]));
}

/** What was said about tokens `start` to `end`. */
export function cutOptions({ mask, storeMask }: StepOptions, start: number, end: number): StepOptions {
  const cut = (x: Tensor) => slice(x, [], [start, end]);
  return { ...(mask ? { mask: cut(mask) } : {}), ...(storeMask ? { storeMask: cut(storeMask) } : {}) };
}
