/** Reading sequences in several calls: the strategies by which a layer may be cut. */
import { type Engine, read, release, scope, type Tensor, type Tree } from "../../src/array/index.ts";
import { type Block, concatenateTokens, sliceTokens } from "../../src/common/block.ts";
import type { SequenceLayer } from "../../src/common/layer.ts";
import { Stream, type StreamGrid } from "../../src/common/stream.ts";
import { tensorOf } from "./blocks.ts";

/** Reads sequences in consecutive calls of the given sizes, from a fresh state. */
export type Reader<P> = (params: P, x: Block, sizes: readonly number[]) => Promise<Block>;

/** Cuts are calls of `step`. */
export function stepReader<P extends Tree, S extends Tree>(engine: Engine, layer: SequenceLayer<P, S>): Reader<P> {
  const program = engine.compile("step", (params: P, state: S, x: Tensor) => layer.step(params, state, x));
  return async (params, x, sizes) => {
    let state = scope(() => layer.initialState(params, x.shape[0]!));
    const outputs: Block[] = [];
    let done = 0;
    for (const size of sizes) {
      const input = tensorOf(sliceTokens(x, done, done + size));
      const [y, next] = await program(params, state, input);
      outputs.push({ data: await read(y), shape: y.shape });
      release(input, y, state);
      state = next;
      done += size;
    }
    release(state);
    return concatenateTokens(outputs);
  };
}

/** Cuts are calls of the host driver, which keeps the grid. */
export function streamReader<P extends Tree, S extends Tree>(
  engine: Engine,
  layer: SequenceLayer<P, S>,
  grid: StreamGrid,
): Reader<P> {
  const stream = new Stream(engine, layer, grid);
  return async (params, x, sizes) => {
    let state = await stream.start(params, x.shape[0]!);
    const outputs: Block[] = [];
    let done = 0;
    for (const size of sizes) {
      const [y, next] = await stream.push(params, state, sliceTokens(x, done, done + size));
      outputs.push(y);
      stream.release(state);
      state = next;
      done += size;
    }
    stream.release(state);
    return concatenateTokens(outputs);
  };
}
