/** The streaming sliding-window attention layer: the last tokens' keys and values are its state. */
import { type Key, mapTree, np, splitKey, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import { initQkv, mergeHeads, projectQkv, type QkvParams } from "./attention.ts";
import { prefixWindowMask, slidingWindowMask } from "./attention-masks.ts";
import { type AttentionPattern, attentionPattern } from "./attention-pattern.ts";
import { checkHeads, checkSegment, checkWhole } from "./checks.ts";
import { dense, initDense } from "./dense.ts";
import type { SequenceLayer, StepOptions } from "./layer.ts";
import { type RotaryTable, rotaryTable } from "./rotary.ts";
import { type AttentionPrefix, rotaryAttention } from "./rotary-attention.ts";
import { appendEntries, countValid, lastEntries, lastValidSelector, selectEntries } from "./valid-entries.ts";

/** Tokens of a pattern for people, as a multiple of the window: enough to see that it slides. */
const PATTERN_WINDOWS = 1.5;
/** Tokens of a pattern at most: more could not be told apart. */
const MOST_PATTERN_TOKENS = 512;

/** Shape of a window attention layer. */
export interface WindowAttentionConfig {
  /** Features of a token. */
  readonly dim: number;
  /** Attention heads; each has dim / heads features, an even number. */
  readonly heads: number;
  /** How many tokens one sees: itself and window - 1 predecessors. */
  readonly window: number;
}

/** Projections: query, key, value and output, [dim, dim] each. */
export type WindowAttentionParams = QkvParams & { readonly output: Tensor };

/** The last window - 1 tokens, the newest last. Keys are kept unrotated: their angle depends on who looks at them. */
export type WindowAttentionState = {
  /** [batch, window - 1, heads, headDim] */
  readonly keys: Tensor;
  /** [batch, window - 1, heads, headDim] */
  readonly values: Tensor;
  /** 1 where an entry holds a token, 0 where the stream had none yet: [batch, window - 1]. */
  readonly validity: Tensor;
};

/** What a step of window attention may be told. */
export interface WindowAttentionOptions extends StepOptions {
  /** Tokens that every token sees, however far it is from the stream's start, and that have no position: [1 or batch, N_p, dim]. None by default. */
  readonly prefix?: Tensor;
}

/** Window attention as a layer; a step may be given a prefix. */
export interface WindowAttentionLayer extends SequenceLayer<WindowAttentionParams, WindowAttentionState> {
  readonly attends: string;
  step(
    params: WindowAttentionParams,
    state: WindowAttentionState,
    x: Tensor,
    options?: WindowAttentionOptions,
  ): [y: Tensor, state: WindowAttentionState];
  /**
   * Who sees whom at the beginning of a stream.
   *
   * @param persistent tokens before the stream's first one, none by default
   */
  attentionPattern(persistent?: PersistentRows): AttentionPattern;
}

/** Persistent tokens before a stream, as window attention meets them. */
export interface PersistentRows {
  readonly tokens: number;
  /** Whether every token sees them (SW-Attn*), or they are the stream's first positions, which the window leaves behind. */
  readonly alwaysVisible: boolean;
}

interface Positions {
  /** [T], or [batch, T] where empty slots make rows differ. */
  readonly queries: Tensor;
  /** [past + T], or [batch, past + T]. */
  readonly keys: Tensor;
}

/**
 * Positions inside one call, counted from the oldest of the `past` entries before it: bounded however long the stream is. Empty slots do
 * not count, so that a token is as far from its predecessors as if they were not there.
 */
function positionsOf(past: number, tokens: number, mask?: Tensor): Positions {
  if (mask === undefined) {
    return { queries: np.arange(past, past + tokens), keys: np.arange(0, past + tokens) };
  }
  const queries = np.add(np.astype(countValid(mask), "int32"), past - 1);
  const before = np.broadcastTo(np.arange(0, past), [mask.shape[0] ?? 0, past]);
  return { queries, keys: np.concatenate([before, queries], 1) };
}

function anglesAt(table: RotaryTable, positions: Tensor): RotaryTable {
  const rows = (values: Tensor) => {
    const taken = np.take(values, positions, 0);
    return positions.ndim === 1 ? taken : np.expandDims(taken, 1); // [batch, 1, T, headDim / 2]
  };
  return { cos: rows(table.cos), sin: rows(table.sin) };
}

/** Validity of a prefix, which is always there, and of the entries after it: [batch, prefix + entries]. */
function prefixed(prefixTokens: number, validity: Tensor): Tensor {
  const [batch = 0] = validity.shape;
  return prefixTokens === 0
    ? validity
    : np.concatenate([np.ones([batch, prefixTokens], { dtype: validity.dtype }), validity], 1);
}

/** [batch, T, heads, headDim] as [batch, heads, T, headDim] */
function headsFirst(x: Tensor): Tensor {
  return np.swapaxes(x, 1, 2);
}

/**
 * Multi-head softmax attention over a sliding window, with rotary positions.
 *
 * Each token attends to itself and its `window - 1` predecessors, also those of earlier calls. Positions are relative to the call, so a
 * stream of any length works. Empty slots are neither attended nor remembered, do not count as distance, and have output zero.
 *
 * A prefix given to a step (the persistent tokens of SW-Attn*) is seen by every token besides its window.
 *
 * @throws ConfigError if the sizes cannot work
 */
export function windowAttentionLayer(config: WindowAttentionConfig): WindowAttentionLayer {
  const { dim, heads, window } = config;
  checkHeads("window attention", dim, heads);
  checkWhole("window attention window", window, 2);
  const headDim = dim / heads;
  if (headDim % 2 !== 0) {
    throw new ConfigError(
      `window attention with dim ${dim} and ${heads} heads has heads of ${headDim} features; rotary positions need an even number`,
    );
  }
  const past = window - 1;

  function init(key: Key): WindowAttentionParams {
    const [projections, output] = splitKey(key, 2);
    return { ...initQkv(projections!, dim, dim), output: initDense(output!, dim, dim) };
  }

  function initialState(params: WindowAttentionParams, batch: number): WindowAttentionState {
    const dtype = params.key.dtype;
    return {
      keys: np.zeros([batch, past, heads, headDim], { dtype }),
      values: np.zeros([batch, past, heads, headDim], { dtype }),
      validity: np.zeros([batch, past], { dtype }),
    };
  }

  function step(
    params: WindowAttentionParams,
    state: WindowAttentionState,
    x: Tensor,
    options: WindowAttentionOptions = {},
  ): [y: Tensor, state: WindowAttentionState] {
    const { mask, prefix } = options;
    const [batch = 0, tokens = 0] = x.shape;
    const prefixTokens = prefix?.shape[1] ?? 0;
    checkSegment("window attention", x, dim, state.keys.shape[0] ?? 0, mask);
    const projected = projectQkv(params, x);
    const inHeads = (features: Tensor) => np.reshape(features, [batch, tokens, heads, headDim]);
    const present = mask ?? np.ones([batch, tokens], { dtype: state.validity.dtype });
    const keys = appendEntries(state.keys, inHeads(projected.keys)); // [batch, entries, heads, headDim]
    const values = appendEntries(state.values, inHeads(projected.values));
    const validity = appendEntries(state.validity, present); // [batch, entries]
    const entries = validity.shape[1] ?? 0;

    const positions = positionsOf(entries - tokens, tokens, mask);
    const bothValid = np.logicalAnd(
      np.expandDims(np.greater(present, 0), -1),
      np.expandDims(np.greater(prefixed(prefixTokens, validity), 0), -2),
    );
    const visible = np.logicalAnd(visibleFrom(positions, prefixTokens), bothValid); // [batch, T, prefix + entries]

    const table = rotaryTable(entries, headDim, x.dtype);
    const attended = rotaryAttention(
      {
        queries: headsFirst(inHeads(projected.queries)),
        keys: headsFirst(keys),
        values: headsFirst(values),
      },
      { queries: anglesAt(table, positions.queries), keys: anglesAt(table, positions.keys) },
      np.expandDims(visible, 1),
      prefix && projectPrefix(params, prefix, batch),
    );
    return [dense(params.output, mergeHeads(attended)), remember({ keys, values, validity }, mask !== undefined)];
  }

  /** Where the window and the prefix are visible, the prefix before the entries: [T, prefix + entries], or [batch, T, prefix + entries]. */
  function visibleFrom(positions: Positions, prefixTokens: number): Tensor {
    if (prefixTokens === 0) return slidingWindowMask(positions.queries, positions.keys, window);
    const queries = np.add(positions.queries, prefixTokens);
    const keys = np.add(positions.keys, prefixTokens);
    const before = np.astype(np.arange(prefixTokens), keys.dtype);
    const rows = np.broadcastTo(before, [...keys.shape.slice(0, -1), prefixTokens]);
    return prefixWindowMask(queries, np.concatenate([rows, keys], -1), window, prefixTokens);
  }

  function projectPrefix(params: WindowAttentionParams, prefix: Tensor, batch: number): AttentionPrefix {
    const [rows = 0, tokens = 0] = prefix.shape;
    const inHeads = (weight: Tensor) => {
      const features = headsFirst(np.reshape(dense(weight, prefix), [rows, tokens, heads, headDim]));
      return np.broadcastTo(features, [batch, heads, tokens, headDim]);
    };
    return { keys: inHeads(params.key), values: inHeads(params.value) };
  }

  /** The newest entries that hold tokens. Without empty slots in the call they are simply the last ones. */
  function remember(all: WindowAttentionState, gaps: boolean): WindowAttentionState {
    if (!gaps) return mapTree(all, (leaf) => lastEntries(leaf, past));
    const selector = lastValidSelector(all.validity, past, all.keys);
    return {
      keys: selectEntries(selector, all.keys),
      values: selectEntries(selector, all.values),
      validity: np.sum(selector, -1),
    };
  }

  function pattern(persistent: PersistentRows = { tokens: 0, alwaysVisible: false }): AttentionPattern {
    const tokens = Math.min(Math.ceil(PATTERN_WINDOWS * window), MOST_PATTERN_TOKENS);
    const ofTokens = { name: `tokens 1 to ${tokens}`, size: tokens };
    const ofPersistent = persistent.tokens === 0 ? [] : [{ name: "persistent", size: persistent.tokens }];
    const before = window === 2 ? "token" : `${window - 1} tokens`;
    const always = persistent.alwaysVisible && persistent.tokens > 0 ? ", and every persistent token" : "";
    const summary = `a token sees itself and the ${before} before it${always}`;
    return attentionPattern({ summary, queries: [ofTokens], keys: [...ofPersistent, ofTokens] }, () =>
      persistent.alwaysVisible
        ? visibleFrom(positionsOf(0, tokens), persistent.tokens)
        : visibleFrom(positionsOf(persistent.tokens, tokens), 0),
    );
  }

  return { attends: `a window of ${window} tokens`, init, initialState, step, attentionPattern: pattern };
}
