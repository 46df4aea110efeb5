/** A chunk of self-modifying writes without a loop over its tokens: gradients at the chunk's start, erasing from the running weights. */
import { np, type Tensor } from "../array/index.ts";
import { forwardThrough, type MemoryArchitecture, type MemoryFactors, memoryPass } from "../common/index.ts";
import {
  type AssociativeState,
  deltaChunk,
  eraseShares,
  type MatrixChunk,
  matrixChunk,
  matrixDecay,
  type WriteGates,
} from "../miras/index.ts";
import { inputLengths, type SelfModifyingRule } from "./self-modifying-write.ts";

/** Gates of a chunk, [..., C, 1] each; `logMomentum` where steps are carried. */
export type SelfModifyingGates = Pick<WriteGates, "logRetain" | "stepSize" | "logMomentum">;

/** What a chunk writes: [..., C, dim] each. */
export interface SelfModifyingPairs {
  readonly keys: Tensor;
  readonly targets: Tensor;
}

/** A chunk of one memory, or of many along a leading axis; what is not asked for is not computed. */
export interface SelfModifyingChunk {
  /** The loss's derivative with respect to each answer, at the chunk's start: [..., C, dim] */
  readonly errors: Tensor;
  /** The step sizes that were taken: [..., C, 1] */
  readonly stepSize: Tensor;
  /** What the memory before each token's own write, $\mathcal M_{t-1}$, makes of a vector a token: [..., C, dim] to [..., C, dim] */
  beforeTokens(queries: Tensor): Tensor;
  /** The memory after the last token. */
  atEnd(): AssociativeState;
}

/**
 * A chunk of writes into self-modifying memories.
 *
 * $$\mathcal M_{\square,t} = \mathcal M_{\square,t-1}\big(\alpha_t I - \eta_t k_t k_t^\top\big) - \eta_t\nabla\mathcal L\big(\mathcal M_{\square,\tau}; k_t, \hat v_{\square,t}\big)$$
 *
 * All gradients are taken at the memory before the chunk, $\mathcal M_\tau$, as everything else that the chunk's tokens are made of; only erasing works on the running
 * weights. With one token it is `selfModifyingWrite`. The paper prints the index of the chunk's end, which does not exist yet when it is needed. A network
 * decays and erases matrix by matrix, each along its own inputs as they are at the chunk's start.
 *
 * @param memory before the chunk: [..., out, in] a matrix, and steps where momentum carries them
 * @param pairs keys and targets; leading axes broadcast, so that memories may share keys
 * @param gates leading axes broadcast
 * @param mask 1 for tokens, 0 for empty slots, [..., C]: of use where steps are carried, whose gates must let empty slots pass
 * @param bound makes smaller step sizes, [..., C, 1], of what the chunk's gradients are made of; the paper has none
 * @see Nested Learning (arXiv:2512.24695) Eq. 90
 */
export function selfModifyingChunk(
  architecture: MemoryArchitecture,
  rule: SelfModifyingRule,
  memory: AssociativeState,
  { keys, targets }: SelfModifyingPairs,
  { logRetain, stepSize: asked, logMomentum }: SelfModifyingGates,
  mask?: Tensor,
  bound?: (factors: MemoryFactors) => Tensor,
): SelfModifyingChunk {
  const pass = memoryPass(architecture, memory, keys);
  const errors = rule.rule === "delta" ? np.negative(targets) : np.subtract(pass.output, targets);
  const factors = { ...pass.pullBack(errors), residual: errors };
  const stepSize = bound ? bound(factors) : asked;
  const decay = matrixDecay({ rows: { logRetain } });
  const ofSteps = logMomentum && matrixDecay({ rows: { logRetain } }, logMomentum, mask);
  const descent = np.negative(stepSize);
  const shares = eraseShares(decay, stepSize);
  const chunks: MatrixChunk[] = factors.layers.map(({ input, error }, layer) => {
    const start = memory.layers[layer]!;
    const writes = np.multiply(descent, error);
    const erases = rule.erase && (layer === 0 || rule.eraseLayers === "all");
    const carried = ofSteps && { decay: ofSteps, step: memory.steps![layer]! };
    if (!erases) return matrixChunk(decay, start, { keys: input, writes }, undefined, carried);
    const length = layer === 0 ? undefined : inputLengths(input);
    const keys = length ? np.divide(input, length) : input;
    const added = { keys, writes: length ? np.multiply(writes, length) : writes };
    if (carried === undefined) return deltaChunk(decay, shares, start, added);
    return matrixChunk(decay, start, added, { probes: keys, erase: keys, eraseSize: stepSize }, carried);
  });
  return {
    errors,
    stepSize,
    beforeTokens: (queries) =>
      forwardThrough(architecture, chunks.length, (layer, h) => chunks[layer]!.beforeTokens(h), queries),
    atEnd: () => {
      const ends = chunks.map((chunk) => chunk.atEnd());
      const layers = ends.map(({ matrix }) => matrix);
      return memory.steps === undefined ? { layers } : { layers, steps: ends.map(({ step }) => step!) };
    },
  };
}
