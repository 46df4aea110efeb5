/** Any associative memory as a layer: projections, convolution, gates, one memory a head, gated output. */
import { type Key, mapTree, nn, np, slice, splitKey, type Tensor, type Tree } from "../array/index.ts";
import {
  type CarriedRotation,
  carriedRotation,
  causalConvolution,
  checkSegment,
  dense,
  initDense,
  initialRotation,
  initTaps,
  joinDiagnostics,
  l2Normalize,
  type MemoryDiagnostics,
  type MemoryLayer,
  type MemoryWriting,
  mergeHeads,
  rmsNorm,
  rotate,
  type StepOptions,
  splitHeads,
} from "../common/index.ts";
import { type AssociativeMemory, associativeMemory } from "./associative-memory.ts";
import { type GateHeadParams, initGateHead } from "./gate-heads.ts";
import { type ChunkTokens, writingOf } from "./memory-choices.ts";
import { chunkDiagnostics, type ObservedChunk } from "./memory-diagnostics.ts";
import { type AssociativeState, copiedState, type OutputNorm } from "./memory-state.ts";
import {
  checkMirasConfig,
  type GateSources,
  type KeySource,
  type MirasMemoryConfig,
  pairsOf,
} from "./miras-memory-config.ts";
import { decoupledErase, type EraseParams, initErase, interleaved, writeGates } from "./token-inputs.ts";
import type { WriteGates } from "./write-gates.ts";

/** What the outer loop learns. */
export type MirasMemoryParams = {
  /** Queries, the keys of every pair, the values of every pair: [dim, heads (keyDim + pairs (keyDim + headDim))] */
  readonly projection: Tensor;
  /** [kernel, the same features] */
  readonly convolution: Tensor;
  /** Of the gates that are not fixed; left out where all are, as a checkpoint holds no empty parts. */
  readonly gates?: { readonly [gate in keyof GateSources]?: GateHeadParams };
  /** Where each memory starts: the retention's free parameters, [heads, out, in] each. */
  readonly initialMemory: readonly Tensor[];
  /** Scale and shift of the norm at the network's output: [heads, headDim] each. */
  readonly memoryNorm?: OutputNorm;
  /** Where erasing is apart from writing. */
  readonly erase?: EraseParams;
  /** Scale of the per-head norm of what was read: [heads, headDim] */
  readonly readScale: Tensor;
  /** [dim, heads headDim] */
  readonly outputGate: Tensor;
  /** [heads headDim, dim] */
  readonly output: Tensor;
};

/** What lives at test time, one row a sequence. */
export type MirasMemoryState = {
  /** Arrays [batch, heads, out, in]. */
  readonly memory: AssociativeState;
  /** The last inputs of the convolution: [batch, kernel - 1, features] */
  readonly tail: Tensor;
  /** With rotary positions: the next token's angles. */
  readonly rotation?: CarriedRotation;
};

/**
 * A layer around any associative memory, as the paper's Figure of the MIRAS layer has it.
 *
 * Order of operations: projection, causal depthwise convolution, SiLU, rotary positions where there are any, l2-normalised queries and keys, gates from the token, memory (read after write), per-head
 * RMSNorm, sigmoid gate, output projection. Pre-norm and residual belong to the block around it.
 *
 * @throws ConfigError if the choices cannot be combined or the sizes cannot work
 */
export class MirasMemory implements MemoryLayer<MirasMemoryParams, MirasMemoryState> {
  readonly config: MirasMemoryConfig;
  readonly memory: AssociativeMemory;

  constructor(config: MirasMemoryConfig) {
    this.config = config;
    this.memory = associativeMemory({ ...config, dim: config.headDim });
    checkMirasConfig(config, this.memory);
  }

  get gridUnit(): number {
    return this.config.chunkSize;
  }

  get writing(): MemoryWriting {
    return writingOf(this.memory.choices, this.config.chunkSize);
  }

  init(key: Key): MirasMemoryParams {
    const { dim, heads, headDim, convolutionKernel, keySource } = this.config;
    const { keyDim } = this.memory;
    const projected = this.queryFeatures + this.pairs * heads * (keyDim + headDim);
    const keys = splitKey(key, 7);
    return {
      projection: initDense(keys[0]!, dim, projected),
      convolution: initTaps(keys[1]!, convolutionKernel, projected),
      ...this.initGates(keys[2]!),
      initialMemory: this.memory.init(keys[3]!, heads),
      ...(this.memory.hasNorm
        ? { memoryNorm: { scale: np.ones([heads, headDim]), shift: np.zeros([heads, headDim]) } }
        : {}),
      ...(keySource === "decoupledErase" ? { erase: initErase(keys[4]!, dim, heads, keyDim) } : {}),
      readScale: np.ones([heads, headDim]),
      outputGate: initDense(keys[5]!, dim, heads * headDim),
      output: initDense(keys[6]!, heads * headDim, dim),
    };
  }

  initialState(params: MirasMemoryParams, batch: number): MirasMemoryState {
    const memory = copiedState(this.memory.start(params.initialMemory), batch);
    const shape = [batch, this.config.convolutionKernel - 1, params.projection.shape[1]!];
    const tail = np.zeros(shape, { dtype: params.projection.dtype });
    if (!this.config.rotary) return { memory, tail };
    return { memory, tail, rotation: initialRotation(batch, this.memory.keyDim, tail) };
  }

  step(
    params: MirasMemoryParams,
    state: MirasMemoryState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MirasMemoryState] {
    return this.run(params, state, x, options);
  }

  diagnose(
    params: MirasMemoryParams,
    state: MirasMemoryState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, MirasMemoryState, MemoryDiagnostics] {
    const initial = copiedState(this.memory.start(params.initialMemory), x.shape[0]!);
    const parts: MemoryDiagnostics[] = [];
    const [y, next] = this.run(params, state, x, options, (chunk) => {
      parts.push(chunkDiagnostics(this.memory, { ...chunk, initial, norm: params.memoryNorm }));
    });
    return [y, next, joinDiagnostics(parts)];
  }

  mapMemory(state: MirasMemoryState, f: <M extends Tree>(memory: M) => M): MirasMemoryState {
    return { ...state, memory: f(state.memory) };
  }

  private get pairs(): number {
    return pairsOf(this.config);
  }

  /** Features of all heads' queries. */
  private get queryFeatures(): number {
    return this.config.heads * this.memory.keyDim;
  }

  private get hasThreshold(): boolean {
    return this.memory.choices.bias.thresholded;
  }

  /** Learned gates that the choices have a use for. */
  private initGates(key: Key): Pick<MirasMemoryParams, "gates"> {
    const { dim, heads, headDim, gates, algorithm, gateAxis } = this.config;
    const { keyDim } = this.memory;
    const uses: [name: keyof GateSources, heads: number, isUsed: boolean][] = [
      ["retain", heads, true],
      ["retainKeys", heads, gates.retainKeys !== undefined],
      ["stepSize", heads * this.pairs, true],
      ["momentum", heads, algorithm.kind === "momentum"],
      ["threshold", heads, this.hasThreshold],
    ];
    const channelsOf = (name: keyof GateSources) =>
      name === "retainKeys" || (gateAxis === "keys" && name !== "threshold") ? keyDim : headDim;
    const keys = splitKey(key, uses.length);
    const learned = uses.flatMap(([name, of, isUsed], i) => {
      const params = isUsed && initGateHead(gates[name]!, keys[i]!, dim, of, channelsOf(name));
      return params ? [[name, params] as const] : [];
    });
    return learned.length === 0 ? {} : { gates: Object.fromEntries(learned) };
  }

  private run(
    params: MirasMemoryParams,
    state: MirasMemoryState,
    x: Tensor,
    { mask, storeMask }: StepOptions,
    observe?: (chunk: Omit<ObservedChunk, "initial" | "norm">) => void,
  ): [Tensor, MirasMemoryState] {
    const { dim, chunkSize } = this.config;
    checkSegment("MIRAS memory", x, dim, state.tail.shape[0] ?? 0, mask);
    const gates = writeGates(this.config, params.gates ?? {}, x, this.hasThreshold, storeMask);
    const { tokens, tail, rotation } = this.project(params, state, x, gates, mask);
    const writeMask = mask && np.repeat(np.expandDims(mask, 1), this.pairs, -1); // [batch, 1, T n]
    const length = x.shape[1]!;
    const outputs: Tensor[] = [];
    let { memory } = state;
    for (let start = 0; start < length; start += chunkSize) {
      const end = Math.min(start + chunkSize, length);
      const chunk = {
        before: memory,
        tokens: cutTokens(tokens, start, end, this.pairs),
        gates: mapTree({ ...gates }, (gate) => cut(gate, start * this.pairs, end * this.pairs)),
        mask: writeMask && slice(writeMask, [], [], [start * this.pairs, end * this.pairs]),
      };
      const result = this.memory.chunk(memory, chunk.tokens, chunk.gates, {
        ...(params.memoryNorm ? { norm: params.memoryNorm } : {}),
        ...(chunk.mask ? { mask: chunk.mask } : {}),
      });
      observe?.({ ...chunk, result });
      outputs.push(result.outputs);
      memory = result.state;
    }
    const next = { memory, tail, ...(rotation ? { rotation } : {}) };
    return [this.readOut(params, x, np.concatenate(outputs, 2)), next];
  }

  /** Keys and values of every pair, queries, [batch, heads, T n or T, features] each, and what the next call begins with. */
  private project(
    params: MirasMemoryParams,
    { tail, rotation }: MirasMemoryState,
    x: Tensor,
    gates: WriteGates,
    mask: Tensor | undefined,
  ): { tokens: ChunkTokens; tail: Tensor; rotation: CarriedRotation | undefined } {
    const { heads, headDim, keySource, normalizeKeys, normalizeValues } = this.config;
    const [convolved, nextTail] = causalConvolution(params.convolution, tail, dense(params.projection, x), mask);
    const features = nn.silu(convolved);
    const widths = [this.queryFeatures, ...pairsOfWidths(this.pairs, this.queryFeatures, heads * headDim)];
    let from = 0;
    const [queries, ...pairs] = widths.map((width) => {
      from += width;
      return splitHeads(slice(features, [], [], [from - width, from]), heads);
    }) as [Tensor, ...Tensor[]];
    const turn = rotation && carriedRotation(rotation, x.shape[1]!, mask);
    const placed = (u: Tensor) => {
      const turned = turn ? rotate(u, turn.angles) : u;
      return normalizeKeys ? l2Normalize(turned) : turned;
    };
    const projected = interleaved(pairs.slice(0, this.pairs).map(placed));
    const values = interleaved(pairs.slice(this.pairs));
    return {
      tokens: {
        queries: placed(queries),
        values: normalizeValues ? l2Normalize(values) : values,
        ...this.keysOf(params, keySource, projected, x, gates),
      },
      tail: nextTail,
      rotation: turn?.next,
    };
  }

  private keysOf(
    params: MirasMemoryParams,
    source: KeySource,
    projected: Tensor,
    x: Tensor,
    gates: WriteGates,
  ): Pick<ChunkTokens, "keys" | "erase"> {
    switch (source) {
      case "projected":
        return { keys: projected };
      case "tiedToRetain":
        return { keys: np.negative(np.expm1(gates.logRetain)) };
      case "decoupledErase":
        return decoupledErase(params.erase!, projected, x);
    }
  }

  /** What was read, normed a head, gated by the token, and projected back. */
  private readOut(params: MirasMemoryParams, x: Tensor, readings: Tensor): Tensor {
    const normed = mergeHeads(rmsNorm(np.expandDims(params.readScale, 1), readings));
    return dense(params.output, np.multiply(normed, nn.sigmoid(dense(params.outputGate, x))));
  }
}

function pairsOfWidths(pairs: number, keys: number, values: number): number[] {
  return [...Array<number>(pairs).fill(keys), ...Array<number>(pairs).fill(values)];
}

/** Tokens `start` to `end` of [batch, heads, T, n]. */
function cut(x: Tensor, start: number, end: number): Tensor {
  return slice(x, [], [], [start, end]);
}

function cutTokens(
  { keys, values, queries, erase }: ChunkTokens,
  start: number,
  end: number,
  pairs: number,
): ChunkTokens {
  return {
    keys: cut(keys, start * pairs, end * pairs),
    values: cut(values, start * pairs, end * pairs),
    queries: cut(queries, start, end),
    ...(erase ? { erase: mapTree(erase, (u) => cut(u, start, end)) } : {}),
  };
}
