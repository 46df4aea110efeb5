/** Tokens that arrive at a stream, with what may be done with them. */
import { type Block, concatenateTokens, sliceTokens } from "./block.ts";

/** Tokens on the host. */
export interface Arrivals {
  /** [batch, tokens, ...features] */
  readonly inputs: Block;
  /** 1 where a token may be written to memory: [batch, tokens] */
  readonly stores: Block;
  /** 1 where a token may be learned from, as what came after the one before it: [batch, tokens] */
  readonly learns: Block;
}

/** Tokens with masks that are all ones where they are left out. */
export function arrivalsOf(
  inputs: Block,
  { storeMask, learnMask }: { readonly storeMask?: Block; readonly learnMask?: Block },
): Arrivals {
  const [batch, tokens] = inputs.shape as [number, number];
  const ones: Block = { data: new Float32Array(batch * tokens).fill(1), shape: [batch, tokens] };
  return { inputs, stores: storeMask ?? ones, learns: learnMask ?? ones };
}

/** Those from one on. */
export function arrivalsFrom(arrivals: Arrivals, from: number): Arrivals {
  return sliceArrivals(arrivals, from, arrivals.inputs.shape[1]!);
}

/** Tokens `from` to `to` (exclusive) of every sequence. */
export function sliceArrivals({ inputs, stores, learns }: Arrivals, from: number, to: number): Arrivals {
  return {
    inputs: sliceTokens(inputs, from, to),
    stores: sliceTokens(stores, from, to),
    learns: sliceTokens(learns, from, to),
  };
}

/** The same sequences one after the other. */
export function concatenateArrivals(all: readonly Arrivals[]): Arrivals {
  return {
    inputs: concatenateTokens(all.map(({ inputs }) => inputs)),
    stores: concatenateTokens(all.map(({ stores }) => stores)),
    learns: concatenateTokens(all.map(({ learns }) => learns)),
  };
}
