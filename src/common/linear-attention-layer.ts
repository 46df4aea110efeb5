/** The streaming linear attention layer: its whole past is one matrix a head. */
import { type Key, np, splitKey, type Tensor } from "../array/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";
import { initQkv, mergeHeads, projectQkv, type QkvParams, splitHeads } from "./attention.ts";
import { checkHeads, checkSegment } from "./checks.ts";
import { dense, initDense } from "./dense.ts";
import type { SequenceLayer, StepOptions } from "./layer.ts";
import {
  applyFeatureMap,
  type FeatureMap,
  featureMaps,
  linearAttention,
  normalizedLinearAttention,
} from "./linear-attention.ts";
import { zeroEmptySlots } from "./valid-entries.ts";

/** Shape and kind of a linear attention layer. */
export interface LinearAttentionConfig {
  /** Features of a token. */
  readonly dim: number;
  /** Heads; each has dim / heads features. */
  readonly heads: number;
  /** Applied to queries and keys. */
  readonly featureMap: FeatureMap;
  /** Divides by the sum of the weights (Titans Eq. 3); needs a positive feature map. */
  readonly normalized: boolean;
}

/** Projections: query, key, value and output, [dim, dim] each. */
export type LinearAttentionParams = QkvParams & { readonly output: Tensor };

/** Running sums over the stream: memory [batch, heads, headDim, headDim] and, if normalised, normalizer [batch, heads, headDim]. */
export type LinearAttentionState = { readonly memory: Tensor; readonly normalizer?: Tensor };

/**
 * Multi-head causal linear attention.
 *
 * Parallel inside a call, recurrent from call to call. Empty slots are not written and have output zero.
 *
 * @throws ConfigError if the sizes cannot work, or if the feature map cannot be normalised
 */
export function linearAttentionLayer(
  config: LinearAttentionConfig,
): SequenceLayer<LinearAttentionParams, LinearAttentionState> {
  const { dim, heads, featureMap, normalized } = config;
  checkHeads("linear attention", dim, heads);
  if (!featureMaps.includes(featureMap)) throw new ConfigError(unknownName("feature map", featureMap, featureMaps));
  if (normalized && featureMap === "identity") {
    throw new ConfigError(
      `normalised linear attention needs a positive feature map, and "identity" is not; use "elu-plus-one"`,
    );
  }
  const headDim = dim / heads;

  function init(key: Key): LinearAttentionParams {
    const [projections, output] = splitKey(key, 2);
    return { ...initQkv(projections!, dim, dim), output: initDense(output!, dim, dim) };
  }

  function initialState(params: LinearAttentionParams, batch: number): LinearAttentionState {
    const dtype = params.key.dtype;
    const memory = np.zeros([batch, heads, headDim, headDim], { dtype });
    return normalized ? { memory, normalizer: np.zeros([batch, heads, headDim], { dtype }) } : { memory };
  }

  function step(
    params: LinearAttentionParams,
    state: LinearAttentionState,
    x: Tensor,
    options: StepOptions = {},
  ): [y: Tensor, state: LinearAttentionState] {
    const { mask } = options;
    checkSegment("linear attention", x, dim, state.memory.shape[0] ?? 0, mask);
    const projected = projectQkv(params, x);
    const queries = applyFeatureMap(featureMap, splitHeads(projected.queries, heads)); // [batch, heads, T, headDim]
    const features = applyFeatureMap(featureMap, splitHeads(projected.keys, heads));
    // A slot whose features are zero adds nothing to either sum.
    const keys = mask === undefined ? features : np.multiply(features, np.expandDims(mask, [1, 3]));
    const values = splitHeads(projected.values, heads);
    const [read, next] = attend(state, queries, keys, values);
    return [zeroEmptySlots(dense(params.output, mergeHeads(read)), mask), next];
  }

  function attend(
    state: LinearAttentionState,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
  ): [Tensor, LinearAttentionState] {
    const { memory, normalizer } = state;
    if (normalizer !== undefined) return normalizedLinearAttention({ memory, normalizer }, queries, keys, values);
    const [read, written] = linearAttention(memory, queries, keys, values);
    return [read, { memory: written }];
  }

  return { init, initialState, step };
}
