/** Projections that are memories themselves: with targets that all share, and with targets of their own. */
import { nn, np, type Tensor } from "../array/index.ts";
import { type MemoryArchitecture, type MemoryWeights, memoryPass, weightedGradient } from "../common/index.ts";
import { applied } from "./linear-maps.ts";
import { type ProjectedToken, perMatrix } from "./parametric-memory.ts";
import { memoryAnswer } from "./residual-memory.ts";
import {
  deltaDescentRule,
  type SelfModifyingRule,
  selfGeneratedTarget,
  selfModifyingWrite,
} from "./self-modifying-write.ts";

/** The memories of a block by what they make of a token; all map features to as many features. */
export type ProjectionMemories = {
  /** Left out where queries come from a static matrix. */
  readonly query?: MemoryWeights;
  readonly key: MemoryWeights;
  readonly value: MemoryWeights;
  readonly stepSize: MemoryWeights;
  readonly retain: MemoryWeights;
};

/** Projections and the main memory, which queries read. */
export type SelfModifyingMemories = ProjectionMemories & { readonly memory: MemoryWeights };

/** What a block is besides its memories. */
export interface SelfModifyingBlock {
  readonly architecture: MemoryArchitecture;
  /** W_q, where no memory makes the queries: [dim, dim] */
  readonly query?: Tensor;
  readonly gates: GateBounds;
  readonly rule?: SelfModifyingRule;
}

/** How a gate's features become one number in its range. */
export interface GateBounds {
  readonly maxStepSize: number;
  /** Logits added to the features' mean: numbers, or tensors that broadcast to [..., 1]. */
  readonly biases: { readonly stepSize: Tensor | number; readonly retain: Tensor | number };
}

/**
 * Gates of one number in their ranges, from the mean of what their projections make of a token.
 *
 * $$\eta_t = \eta_{max}\,\sigma\Big(\tfrac1d\sum_i \mathcal M_\eta(x_t)_i + b_\eta\Big), \qquad \alpha_t = \sigma\Big(\tfrac1d\sum_i \mathcal M_\alpha(x_t)_i + b_\alpha\Big)$$
 *
 * The paper leaves shape and range of the gates open.
 *
 * @param token gates of any number of features: [..., features]
 * @returns [..., 1] each
 */
export function boundedGates(
  token: Pick<ProjectedToken, "stepSize" | "retain">,
  { maxStepSize, biases }: GateBounds,
): { stepSize: Tensor; retain: Tensor } {
  const gate = (features: Tensor, bias: Tensor | number) =>
    nn.sigmoid(np.add(np.mean(features, -1, { keepdims: true }), bias));
  return {
    stepSize: np.multiply(maxStepSize, gate(token.stepSize, biases.stepSize)),
    retain: gate(token.retain, biases.retain),
  };
}

/**
 * Projects a token by memories as they are before the token.
 *
 * $$k_t = \mathcal M_{k,t-1}(x_t), \quad v_t = \mathcal M_{v,t-1}(x_t), \quad q_t = \mathcal M_{q,t-1}(x_t) \text{ or } W_q x_t, \quad \eta_t = \mathcal M_{\eta,t-1}(x_t), \quad \alpha_t = \mathcal M_{\alpha,t-1}(x_t)$$
 *
 * @param memories [..., out, in] a matrix
 * @param x x_t: [..., dim]
 * @param query W_q, used where no memory makes the queries: [dim, dim]
 * @returns [..., dim] each, gates without bounds
 * @see Nested Learning (arXiv:2512.24695) Eq. 79, 83, 86
 */
export function adaptiveProjections(
  architecture: MemoryArchitecture,
  memories: ProjectionMemories,
  x: Tensor,
  query?: Tensor,
): ProjectedToken {
  const answer = (memory: MemoryWeights) => memoryAnswer(architecture, memory, x);
  return {
    query: memories.query ? answer(memories.query) : query ? applied(query, x) : x,
    key: answer(memories.key),
    value: answer(memories.value),
    stepSize: answer(memories.stepSize),
    retain: answer(memories.retain),
  };
}

/**
 * One token of the intermediate design, in which every projection learns and all share the token's value as their target.
 *
 * $$\min_{\mathcal M_\square}\mathcal L(\mathcal M_\square; \square_t, v_t), \qquad \min_{\mathcal M_{mem}}\mathcal L(\mathcal M_{mem}; k_t, v_t), \qquad y_t = \mathcal M_{mem,t}(q_t)$$
 *
 * The key of a projection is its own answer, before a gate is reduced to one number. Descent with decay; the read comes after the write. The paper discards
 * this design, as the values are shared and nothing is self-modified.
 *
 * @param x x_t: [..., dim]
 * @returns y_t [..., dim] and the memories after the token
 * @see Nested Learning (arXiv:2512.24695) Eq. 79-82
 */
export function sharedTargetStep(
  block: SelfModifyingBlock,
  memories: SelfModifyingMemories,
  x: Tensor,
): [y: Tensor, memories: SelfModifyingMemories] {
  const { architecture } = block;
  const token = adaptiveProjections(architecture, memories, x, block.query);
  const { stepSize, retain } = boundedGates(token, block.gates);
  const written = mapMemories(memories, (memory, name) => {
    const key = np.expandDims(name === "memory" ? token.key : token[name], -2);
    const pass = memoryPass(architecture, memory, key);
    const residual = np.subtract(pass.output, np.expandDims(token.value, -2));
    const gradient = weightedGradient({ ...pass.pullBack(residual), residual }, stepSize);
    const kept = (matrix: Tensor) => np.multiply(perMatrix(retain), matrix);
    return { layers: memory.layers.map((matrix, layer) => np.subtract(kept(matrix), gradient.layers[layer]!)) };
  });
  return [memoryAnswer(architecture, written.memory, token.query), written];
}

/**
 * One token of a self-modifying block: each memory learns from a target that it generates itself.
 *
 * $$y_t = \mathcal M_{memory,t-1}(q_t), \qquad \hat v_{\square,t} = \mathcal M_{\square,t-1}(v_t), \qquad \mathcal M_{\square,t} = \mathcal M_{\square,t-1}\big(\alpha_t I - \eta_t k_t k_t^\top\big) - \eta_t\nabla\mathcal L\big(\mathcal M_{\square,t-1}; k_t, \hat v_{\square,t}\big)$$
 *
 * Everything is read before anything is written. Keys are taken as they are projected.
 *
 * @param x x_t: [..., dim]
 * @returns y_t [..., dim] and the memories after the token
 * @see Nested Learning (arXiv:2512.24695) Eq. 83-88
 */
export function selfModifyingStep(
  block: SelfModifyingBlock,
  memories: SelfModifyingMemories,
  x: Tensor,
): [y: Tensor, memories: SelfModifyingMemories] {
  const { architecture, rule = deltaDescentRule } = block;
  const token = adaptiveProjections(architecture, memories, x, block.query);
  const gates = boundedGates(token, block.gates);
  const written = mapMemories(memories, (memory) => {
    const target = selfGeneratedTarget(architecture, memory, token.value);
    return selfModifyingWrite(architecture, memory, { key: token.key, target, ...gates }, rule);
  });
  return [memoryAnswer(architecture, memories.memory, token.query), written];
}

function mapMemories(
  memories: SelfModifyingMemories,
  f: (memory: MemoryWeights, name: keyof SelfModifyingMemories) => MemoryWeights,
): SelfModifyingMemories {
  const entries = Object.entries(memories) as [keyof SelfModifyingMemories, MemoryWeights][];
  return Object.fromEntries(entries.map(([name, memory]) => [name, f(memory, name)])) as SelfModifyingMemories;
}
