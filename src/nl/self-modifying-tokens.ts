/** What a layer of self-modifying Titans makes of its tokens: convolved and normed queries, keys and values, and gates in their ranges. */
import { nn, np, slice, type Tensor } from "../array/index.ts";
import { causalConvolution, dense, l2Normalize, splitHeads } from "../common/index.ts";
import { maskedGates } from "../miras/index.ts";
import type { SelfModifyingGates } from "./self-modifying-chunk.ts";
import { type ProjectionName, projectionNames, type SelfModifyingConfig } from "./self-modifying-config.ts";

/** Projections that a convolution follows. */
export type ConvolvedName = "query" | "key" | "value";

/** Queries, keys and values of a stretch of tokens, [batch, heads, T, headDim], and the logits of its gates, [batch, heads, T, 1]. */
export type ProjectedTokens = { readonly [name in ProjectionName]?: Tensor };

/** What the projections need of the outer loop, by name. */
export type TokenParams = {
  /** Those that are no memories: [dim, dim] */
  readonly projections?: { readonly [name in ProjectionName]?: Tensor };
  /** [kernel, dim] */
  readonly convolutions: { readonly [name in ConvolvedName]: Tensor };
  /** What is added to the gates' logits: [heads] */
  readonly gateBiases: { readonly stepSize: Tensor; readonly retain?: Tensor };
};

/** The last inputs of the convolutions: [batch, kernel - 1, dim] */
export type ConvolutionTails = { readonly [name in ConvolvedName]: Tensor };

/** The projections that a layer has, those that a convolution follows first. */
export function usedProjections({ decay }: SelfModifyingConfig): ProjectionName[] {
  return projectionNames.filter((name) => name !== "retain" || decay);
}

/** Those of them that are memories. */
export function adaptiveProjectionNames(config: SelfModifyingConfig): ProjectionName[] {
  const isStatic = (name: ProjectionName) =>
    name === "query" ? !config.adaptiveQuery : config.staticProjections.includes(name);
  return usedProjections(config).filter((name) => !isStatic(name));
}

function isConvolved(name: ProjectionName): name is ConvolvedName {
  return name !== "stepSize" && name !== "retain";
}

/**
 * What static matrices make of a segment.
 *
 * @param x [batch, T, dim]
 * @returns tokens of the static projections, and their tails
 */
export function staticTokens(
  config: SelfModifyingConfig,
  params: TokenParams,
  tails: ConvolutionTails,
  x: Tensor,
  mask: Tensor | undefined,
): { tokens: ProjectedTokens; tails: Partial<ConvolutionTails> } {
  const names = Object.keys(params.projections ?? {}) as ProjectionName[];
  const after: [ConvolvedName, Tensor][] = [];
  const entries = names.map((name) => {
    const features = dense(params.projections![name]!, x);
    if (!isConvolved(name))
      return [name, gateLogits(config, params, name, splitHeads(features, config.heads))] as const;
    const [convolved, tail] = causalConvolution(params.convolutions[name], tails[name], features, mask);
    after.push([name, tail]);
    return [name, normed(config, name, splitHeads(convolved, config.heads))] as const;
  });
  return { tokens: Object.fromEntries(entries), tails: Object.fromEntries(after) };
}

/** Convolutions of projections that are memories, kept as one over the chunks of a segment. */
export interface AdaptiveConvolution {
  /** [kernel, names dim] */
  readonly taps: Tensor;
  /** [batch, kernel - 1, names dim] */
  readonly tail: Tensor;
}

/** The convolutions of projections that are memories, as one; none where no convolution follows them. */
export function joinConvolutions(
  names: readonly ProjectionName[],
  { convolutions }: TokenParams,
  tails: ConvolutionTails,
): AdaptiveConvolution | undefined {
  const convolved = names.filter(isConvolved);
  if (convolved.length === 0) return undefined;
  const together = (parts: { readonly [name in ConvolvedName]: Tensor }) =>
    np.concatenate(
      convolved.map((name) => parts[name]),
      -1,
    );
  return { taps: together(convolutions), tail: together(tails) };
}

/** The tails of joined convolutions, by name. */
export function splitTails(names: readonly ProjectionName[], tail: Tensor): Partial<ConvolutionTails> {
  const convolved = names.filter(isConvolved);
  const dim = tail.shape.at(-1)! / convolved.length;
  return Object.fromEntries(convolved.map((name, i) => [name, slice(tail, [], [], [i * dim, (i + 1) * dim])]));
}

/**
 * What memories made of a chunk, as tokens.
 *
 * @param names of the memories, in the order of their answers
 * @param answers [batch, heads, names or more, C, headDim]
 */
export function adaptiveTokens(
  config: SelfModifyingConfig,
  params: TokenParams,
  names: readonly ProjectionName[],
  convolution: AdaptiveConvolution | undefined,
  answers: Tensor,
  mask: Tensor | undefined,
): { tokens: ProjectedTokens; tail: Tensor | undefined } {
  const convolved = names.filter(isConvolved);
  const gates = names.slice(convolved.length) as ("stepSize" | "retain")[];
  const tokens: [ProjectionName, Tensor][] = gates.map((name, i) => {
    const features = slice(answers, [], [], convolved.length + i);
    return [name, gateLogits(config, params, name, features)];
  });
  if (convolution === undefined) return { tokens: Object.fromEntries(tokens), tail: undefined };
  const byToken = np.swapaxes(slice(answers, [], [], [0, convolved.length]), 1, 3); // [batch, C, names, heads, headDim]
  const [batch = 0, size = 0] = byToken.shape;
  const flat = np.reshape(byToken, [batch, size, convolved.length * config.dim]);
  const [mixed, tail] = causalConvolution(convolution.taps, convolution.tail, flat, mask);
  const byHead = np.swapaxes(np.reshape(mixed, [...byToken.shape]), 1, 3);
  convolved.forEach((name, i) => {
    tokens.push([name, normed(config, name, slice(byHead, [], [], i))]);
  });
  return { tokens: Object.fromEntries(tokens), tail };
}

/** Gates of a stretch as memories take them, from its logits. */
export function gatesOf(
  { decay, maxStepSize, normalizedStep, momentum }: SelfModifyingConfig,
  { stepSize: logits, retain }: ProjectedTokens,
  mask: Tensor | undefined,
  storeMask: Tensor | undefined,
): SelfModifyingGates {
  const perToken = (x: Tensor) => np.expandDims(x, [1, 3]);
  const bounded = np.multiply(maxStepSize, nn.sigmoid(logits!));
  const step = normalizedStep ? np.divide(bounded, np.add(1, bounded)) : bounded;
  const gates = {
    stepSize: storeMask ? np.multiply(step, perToken(storeMask)) : step,
    logRetain: decay ? np.negative(nn.softplus(np.negative(retain!))) : np.zerosLike(step),
    ...(momentum > 0 ? { logMomentum: np.full([...step.shape], Math.log(momentum), { dtype: step.dtype }) } : {}),
  };
  return mask ? maskedGates(gates, np.expandDims(mask, 1)) : gates;
}

function normed({ normalizeValues }: SelfModifyingConfig, name: ConvolvedName, x: Tensor): Tensor {
  return name !== "value" || normalizeValues ? l2Normalize(x) : x;
}

/** The mean of a gate's features and its bias: [batch, heads, T, 1]. */
function gateLogits(
  { heads }: SelfModifyingConfig,
  { gateBiases }: TokenParams,
  name: "stepSize" | "retain",
  features: Tensor,
): Tensor {
  return np.add(np.mean(features, -1, { keepdims: true }), np.reshape(gateBiases[name]!, [heads, 1, 1]));
}
