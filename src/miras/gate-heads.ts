/** The nets that give a memory its gates: constants, one number a token and head, or one a channel through a narrow layer. */
import { type Key, nn, np, type Tensor } from "../array/index.ts";
import { dense, type GateParams, gateLogits, initDense, initGate, splitHeads } from "../common/index.ts";

/**
 * Where a gate's numbers come from.
 *
 * - `fixed`: not learned; one number for all heads, or one a head
 * - `token`: a linear map of the token, one number a head
 * - `channel`: a low-rank map of the token, one number a channel of each head
 */
export type GateSource =
  | { readonly kind: "fixed"; readonly value: number | readonly number[] }
  | { readonly kind: "token"; readonly bias: number }
  | { readonly kind: "channel"; readonly bias: number; readonly rank: number };

/** A low-rank gate net: down [dim, rank], up [rank, heads channels], bias [heads channels]. */
export type LowRankGateParams = { readonly down: Tensor; readonly up: Tensor; readonly bias: Tensor };

/** What the outer loop learns of a gate: nothing, a linear map, or a low-rank one. */
export type GateHeadParams = GateParams | LowRankGateParams;

/**
 * Fresh parameters of a gate; none where it is fixed. The last map starts at zero, so that every token begins with the gate that the bias gives.
 *
 * @param dim features of a token
 * @param heads gates a token, or for channels heads of `channels` gates each
 */
export function initGateHead(
  source: GateSource,
  key: Key,
  dim: number,
  heads: number,
  channels: number,
): GateHeadParams | undefined {
  switch (source.kind) {
    case "fixed":
      return undefined;
    case "token":
      return initGate(dim, heads, source.bias);
    case "channel":
      return {
        down: initDense(key, dim, source.rank),
        up: np.zeros([source.rank, heads * channels]),
        bias: np.full([heads * channels], source.bias, { dtype: "float32" }),
      };
  }
}

/**
 * The logits of a learned gate.
 *
 * $$z = x\,W_{down} W_{up} + b \quad\text{(channels)}, \qquad z = x w + b \quad\text{(tokens)}$$
 *
 * @param x [batch, tokens, dim]
 * @param heads of the memory
 * @returns [batch, heads, tokens, channels or 1]
 */
export function gateHeadLogits(params: GateHeadParams, x: Tensor, heads: number): Tensor {
  if ("down" in params) return splitHeads(np.add(dense(params.up, dense(params.down, x)), params.bias), heads);
  return np.expandDims(gateLogits(params, x), -1);
}

/** What a gate is computed from: its source, its parameters, and the tokens. */
export interface GateInput {
  readonly source: GateSource;
  readonly params: GateHeadParams | undefined;
  /** [batch, tokens, dim] */
  readonly x: Tensor;
  readonly heads: number;
}

function gateOf(
  { source, params, x, heads }: GateInput,
  ofFixed: (value: number) => number,
  ofLogits: (logits: Tensor) => Tensor,
): Tensor {
  if (source.kind !== "fixed") return ofLogits(gateHeadLogits(params!, x, heads));
  const { value } = source;
  const values = Array.from({ length: heads }, (_, head) => ofFixed(typeof value === "number" ? value : value[head]!));
  const column = np.array(values, { shape: [1, heads, 1, 1], dtype: x.dtype });
  return np.broadcastTo(column, [x.shape[0]!, heads, x.shape[1]!, 1]);
}

/** The logarithm of a gate in (0, 1): $\log\sigma(z) = -\mathrm{softplus}(-z)$, or of a fixed number. [batch, heads, tokens, 1 or channels] */
export function logGate(input: GateInput): Tensor {
  return gateOf(input, Math.log, (z) => np.negative(nn.softplus(np.negative(z))));
}

/** A gate in (0, max): $max\,\sigma(z)$, or a fixed number. [batch, heads, tokens, 1 or channels] */
export function boundedGate(input: GateInput, max: number): Tensor {
  return gateOf(
    input,
    (value) => value,
    (z) => np.multiply(nn.sigmoid(z), max),
  );
}

/** A positive gate: $\mathrm{softplus}(z)$, or a fixed number. [batch, heads, tokens, 1 or channels] */
export function positiveGate(input: GateInput): Tensor {
  return gateOf(input, (value) => value, nn.softplus);
}
