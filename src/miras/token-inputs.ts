/** What a layer makes of its tokens for the memory: gates of every write, pairs in order, and where to erase. */
import { type Key, nn, np, type Tensor } from "../array/index.ts";
import { l2Normalize } from "../common/index.ts";
import {
  boundedGate,
  type GateHeadParams,
  gateHeadLogits,
  initGateHead,
  type LowRankGateParams,
  logGate,
  positiveGate,
} from "./gate-heads.ts";
import type { ChunkTokens } from "./memory-choices.ts";
import { type GateSources, type MirasMemoryConfig, pairsOf } from "./miras-memory-config.ts";
import type { WriteGates } from "./write-gates.ts";

/** Learned parts of a gate by its name. */
export type GateParamsByName = { readonly [gate in keyof GateSources]?: GateHeadParams };

/** Arrays of the pairs of a token, one an array, as one with the pairs of a token one after another: [..., C, d] each to [..., C n, d]. */
export function interleaved(pairs: readonly Tensor[]): Tensor {
  const [first] = pairs as [Tensor];
  if (pairs.length === 1) return first;
  const [tokens = 0, features = 0] = first.shape.slice(-2);
  return np.reshape(np.stack([...pairs], -2), [...first.shape.slice(0, -2), tokens * pairs.length, features]);
}

/** The same number for each pair of a token: [..., C, 1] to [..., C n, 1]. */
function perPair(gate: Tensor, pairs: number): Tensor {
  return pairs === 1 ? gate : np.repeat(gate, pairs, -2);
}

/**
 * Gates of every write, [batch, heads, T n, 1 or channels] each. Of several pairs a token, each has its own step size, and the first alone lets the memory fade.
 *
 * @param x [batch, T, dim]
 * @param storeMask 0 where a token is not written: [batch, T]
 */
export function writeGates(
  config: MirasMemoryConfig,
  params: GateParamsByName,
  x: Tensor,
  withThreshold: boolean,
  storeMask: Tensor | undefined,
): WriteGates {
  const { gates, heads, maxStepSize, maxMomentum, algorithm } = config;
  const pairs = pairsOf(config);
  const input = (name: keyof GateSources, of = heads) => ({ source: gates[name]!, params: params[name], x, heads: of });
  /** Of a token's pairs the first alone lets the memory fade. */
  const onFirst = (logGate: Tensor) => {
    const idle = np.zerosLike(logGate);
    return interleaved([logGate, ...Array.from({ length: pairs - 1 }, () => idle)]);
  };
  const steps = interleavedHeads(boundedGate(input("stepSize", heads * pairs), maxStepSize), pairs);
  const stored = storeMask && perPair(np.expandDims(np.expandDims(storeMask, 1), -1), pairs);
  return {
    logRetain: onFirst(logGate(input("retain"))),
    stepSize: stored ? np.multiply(steps, stored) : steps,
    ...(gates.retainKeys ? { logRetainKeys: onFirst(logGate(input("retainKeys"))) } : {}),
    ...(algorithm.kind === "momentum"
      ? { logMomentum: np.minimum(logGate(input("momentum")), Math.log(maxMomentum)) }
      : {}),
    ...(withThreshold ? { threshold: positiveGate(input("threshold")) } : {}),
  };
}

/** Gates of heads n times over, [batch, heads n, T, channels], as those of the heads' pairs: [batch, heads, T n, channels]. */
function interleavedHeads(gates: Tensor, pairs: number): Tensor {
  if (pairs === 1) return gates;
  const [batch = 0, all = 0, tokens = 0, channels = 0] = gates.shape;
  const byPair = np.reshape(gates, [batch, all / pairs, pairs, tokens, channels]);
  return np.reshape(np.swapaxes(byPair, 2, 3), [batch, all / pairs, tokens * pairs, channels]);
}

/** Learned parts of erasing apart from writing: a gate a key channel, the scale of the erased key, and how far the gate weakens the written one; [heads, keyDim]. */
export type EraseParams = { readonly gate: LowRankGateParams; readonly scale: Tensor; readonly mix: Tensor };

const ERASE_RANK = 16;

/** Fresh parameters: half of what is found is erased, along the key itself. */
export function initErase(key: Key, dim: number, heads: number, keyDim: number): EraseParams {
  const source = { kind: "channel", bias: 0, rank: ERASE_RANK } as const;
  return {
    gate: initGateHead(source, key, dim, heads, keyDim) as LowRankGateParams,
    scale: np.ones([heads, keyDim]),
    mix: np.ones([heads, keyDim]),
  };
}

/**
 * The keys of RWKV-7.
 *
 * $$\hat k_t = \frac{k_t \odot \xi}{\|k_t \odot \xi\|}, \qquad a_t = \sigma(\cdot), \qquad \tilde k_t = k_t \odot \big(1 + \nu \odot (a_t - 1)\big)$$
 *
 * @param keys k: [batch, heads, T, keyDim]
 * @param x [batch, T, dim]
 * @returns the written keys, and what is erased along with how much of it
 */
export function decoupledErase(
  params: EraseParams,
  keys: Tensor,
  x: Tensor,
): { keys: Tensor; erase: NonNullable<ChunkTokens["erase"]> } {
  const perToken = (p: Tensor) => np.expandDims(p, 1); // [heads, 1, keyDim]
  const gate = nn.sigmoid(gateHeadLogits(params.gate, x, keys.shape[1]!));
  const weakened = np.add(1, np.multiply(perToken(params.mix), np.subtract(gate, 1)));
  return {
    keys: np.multiply(keys, weakened),
    erase: { keys: l2Normalize(np.multiply(keys, perToken(params.scale))), gate },
  };
}
