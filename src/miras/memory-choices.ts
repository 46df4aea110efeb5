/** The four choices that make a memory, and which form of computation they allow. */
import { np, type Tensor } from "../array/index.ts";
import type { MemoryArchitecture, MemoryWriting } from "../common/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { AttentionalBias } from "./attentional-bias.ts";
import type { NonlinearRetention } from "./retention-gate.ts";
import type { GateAxis, WriteGates } from "./write-gates.ts";

/**
 * Retention that is linear in the weights: none, or decay by a gate, which is what l2 local and global retention come to.
 *
 * `gradientAt` says where the token's gradient is taken: at the weights it finds (`previous`: Titans, Moneta, Yaad), or after they have decayed
 * (`decayed`: Gated DeltaNet). The two are one where nothing decays.
 */
export interface LinearRetention {
  readonly kind: "linear";
  readonly gradientAt: "previous" | "decayed";
}

/** Retention through a non-linear map from an accumulator to weights. */
export interface MappedRetention {
  readonly kind: "nonlinear";
  readonly gate: NonlinearRetention;
  /**
   * The first token of each chunk takes a step of its own, and the gradients of the others are taken at the weights it leaves: Memora's lag token, without
   * which the softmax at a chunk's end and the logarithm at the next one's start cancel.
   */
  readonly lagToken: boolean;
}

/** How old weights enter the new ones: by a linear map, or through an accumulator that is mapped to weights. */
export type Retention = LinearRetention | MappedRetention;

/**
 * How the weights move against the gradient.
 *
 * - `gradientDescent`, with the gradient taken at the `chunk`'s start (the paper's chunk-parallel training: another function than the token rule, and the same
 *   at chunk 1), or at each `token`'s own weights (exact at any chunk, and solvable for a matrix memory with a quadratic bias)
 * - `momentum`: gradient descent with carried steps (Titans); gradients at the chunk's start
 * - `implicit`: the gradient is taken at the weights *after* the step, and so after they have decayed (Longhorn); a matrix memory with the l2 bias
 * - `leastSquares`: no step at all but the minimiser over all tokens so far (Mesa-layer), kept up to date token by token
 */
export type Algorithm =
  | { readonly kind: "gradientDescent"; readonly gradientPoint: "chunk" | "token" }
  | { readonly kind: "momentum" }
  | { readonly kind: "implicit" }
  | { readonly kind: "leastSquares" };

/** A memory as four choices. */
export interface MemoryChoices {
  readonly architecture: MemoryArchitecture;
  readonly bias: AttentionalBias;
  readonly retention: Retention;
  readonly algorithm: Algorithm;
  /** Which channels gates of several numbers belong to. */
  readonly gateAxis: GateAxis;
}

/**
 * How a chunk is computed.
 *
 * - `lowRank`: linear retention, gradients at the chunk's start: no token's weights are built
 * - `triangular`: a matrix memory whose tokens each erase from the weights they find: the chunk is solved
 * - `boundary`: non-linear retention: the accumulator is linear in the chunk, every token's weights are built from it
 * - `recurrent`: token by token
 */
export const chunkForms = ["lowRank", "triangular", "boundary", "recurrent"] as const;
/** One of `chunkForms`. */
export type ChunkForm = (typeof chunkForms)[number];

/**
 * Which form the choices are computed in.
 *
 * @throws ConfigError if they cannot be combined, with the reason
 */
export function chunkFormOf(choices: MemoryChoices): ChunkForm {
  const { architecture, bias, retention, algorithm, gateAxis } = choices;
  const isPlain = isMatrix(choices);
  const isQuadratic = bias.affine !== undefined;
  const ignoresWeights = bias.affine?.prediction === 0 && isPlain;
  if (algorithm.kind === "momentum" && gateAxis !== "values")
    throw new ConfigError(
      `momentum carries steps whose rows may be gated, not their columns; use gateAxis "values" instead of "${gateAxis}"`,
    );
  if (algorithm.kind === "leastSquares") {
    if (!isPlain || bias.affine?.prediction !== 1 || retention.kind !== "linear")
      throw new ConfigError(
        'least squares are solved for a plain matrix memory with the l2 bias at scale "half" and without a retention map; use gradientDescent for others',
      );
    return "recurrent";
  }
  if (retention.kind === "nonlinear") {
    if (isTokenExact(choices))
      throw new ConfigError(
        `retention "${retention.gate.name}" maps an accumulator to weights once a chunk, so gradients are taken at chunk starts; use algorithm gradientDescent with gradientPoint "chunk" (chunk size 1 is the token rule)`,
      );
    if (algorithm.kind === "momentum" && retention.lagToken)
      throw new ConfigError("a lag token takes a plain gradient step; use it without momentum");
    return "boundary";
  }
  if (ignoresWeights) {
    if (algorithm.kind === "implicit")
      throw new ConfigError(
        'the dot product bias has the same gradient everywhere, so "implicit" is gradient descent; use that',
      );
    return "lowRank";
  }
  if (isTokenExact(choices)) {
    if (!isPlain || !isQuadratic)
      throw new ConfigError(
        `gradients at each token's own weights are solved for a plain matrix memory with the l2 bias, not for ${describe(architecture, bias)}; use gradientPoint "chunk" and gradientAt "previous" (chunk size 1 is the token rule)`,
      );
    if (algorithm.kind === "momentum")
      throw new ConfigError('momentum takes gradients at the chunk\'s start; use gradientAt "previous"');
    return "triangular";
  }
  return "lowRank";
}

/** Whether each token's gradient is taken at its own weights, whatever the chunk. */
export function isTokenExact(choices: MemoryChoices): boolean {
  const { algorithm } = choices;
  return isAfterDecay(choices) || (algorithm.kind === "gradientDescent" && algorithm.gradientPoint === "token");
}

/** Whether each token's gradient is taken at weights that have decayed. */
export function isAfterDecay({ retention, algorithm }: MemoryChoices): boolean {
  return algorithm.kind === "implicit" || (retention.kind === "linear" && retention.gradientAt === "decayed");
}

/** How a memory of these choices is written, where `chunkSize` tokens are computed at once. */
export function writingOf(choices: MemoryChoices, chunkSize: number): MemoryWriting {
  const { algorithm, bias } = choices;
  const form = chunkFormOf(choices);
  const isSolved = form === "triangular" || form === "recurrent";
  const ignoresWeights = form === "lowRank" && isMatrix(choices) && bias.affine?.prediction === 0;
  return {
    chunk: isSolved || ignoresWeights ? 1 : chunkSize,
    objective:
      algorithm.kind === "leastSquares" ? "squared error over all its tokens" : `${bias.name} bias of its answers`,
  };
}

/** Whether the memory is one plain matrix. */
function isMatrix({ architecture }: MemoryChoices): boolean {
  return architecture.depth === 1 && !architecture.residual && !architecture.norm;
}

/** Gates that the choices have a use for. @throws ConfigError otherwise */
export function checkGates({ algorithm }: MemoryChoices, { logRetainKeys }: WriteGates): void {
  if (algorithm.kind === "momentum" && logRetainKeys !== undefined)
    throw new ConfigError(
      "momentum carries steps whose rows may be gated, not their columns; leave out the gate of the key channels",
    );
}

/** A chunk in which every token writes one pair, and erases where it writes. @throws ConfigError otherwise */
export function checkPlainTokens({ keys, queries, erase }: ChunkTokens, form: ChunkForm): void {
  if (keys.shape.at(-2) !== queries.shape.at(-2) || erase !== undefined)
    throw new ConfigError(
      `several pairs a token, and erasing elsewhere than where is written, need gradients at each token's own weights (form "triangular"); these choices are computed in form "${form}"`,
    );
}

/**
 * The gates that a chunk is written with: what the retention makes of them, and what an implicit step makes of the step size.
 *
 * $$\epsilon_t = \frac{\eta_t}{1 + a\,\eta_t\,\|k_t\|^2}$$
 *
 * is the step whose gradient at the old weights equals a step of size $\eta$ along the gradient at the new ones, for an error $a\,(W k - v)$. With step sizes
 * of key channels the denominator has $k_t^\top \mathrm{Diag}(\eta_t)\,k_t$.
 *
 * @param keys [..., C, in]
 */
export function gatesInUse(choices: MemoryChoices, keys: Tensor, gates: WriteGates): WriteGates {
  const { algorithm, bias, retention, gateAxis } = choices;
  const mapped =
    retention.kind === "nonlinear" && retention.gate.gates
      ? { ...gates, ...retention.gate.gates({ ...gates, retain: np.exp(gates.logRetain) }) }
      : gates;
  if (algorithm.kind !== "implicit") return mapped;
  const summed = (x: Tensor) => np.sum(x, -1, { keepdims: true });
  const squares = np.square(keys);
  const moved =
    gateAxis === "keys" ? summed(np.multiply(mapped.stepSize, squares)) : np.multiply(mapped.stepSize, summed(squares));
  const growth = np.multiply(moved, bias.affine?.prediction ?? 0);
  return { ...mapped, stepSize: np.divide(mapped.stepSize, np.add(growth, 1)) };
}

function describe({ depth }: MemoryArchitecture, bias: AttentionalBias): string {
  return `${depth === 1 ? "a matrix memory" : `a network of depth ${depth}`} with the ${bias.name} bias`;
}

/** What a chunk's tokens bring. */
export interface ChunkTokens {
  /** [..., C n, in]; n pairs a token, written one after another, n = 1 but for `triangular` chunks. */
  readonly keys: Tensor;
  /** [..., C n, out] */
  readonly values: Tensor;
  /** What is read with after each token's writes: [..., C, in] */
  readonly queries: Tensor;
  /**
   * Where what is erased is not what is written (RWKV-7): the direction that is asked for and erased along, and how much of each of its channels. The step size
   * is that of both; 1 in the model. [..., C, in] each
   */
  readonly erase?: { readonly keys: Tensor; readonly gate: Tensor };
}
