/** Self-modifying Titans as a layer: memories that project the token, a memory that is read, all learning from targets of their own. */
import { type Key, mapTree, nn, np, slice, splitKey, type Tensor, type Tree } from "../array/index.ts";
import {
  checkSegment,
  dense,
  initDense,
  initMemoryWeights,
  initTaps,
  joinDiagnostics,
  type MemoryArchitecture,
  type MemoryDiagnostics,
  type MemoryLayer,
  type MemoryWeights,
  type MemoryWriting,
  memoryForward,
  mergeHeads,
  rmsNorm,
  type StepOptions,
  splitHeads,
} from "../common/index.ts";
import type { AssociativeState } from "../miras/index.ts";
import {
  chunkRanges,
  cutOptions,
  cutTokens,
  joinMemories,
  joinTokens,
  splitMemories,
  stackMemories,
  writeMemories,
} from "./memory-banks.ts";
import { selfModifyingArchitecture } from "./residual-memory.ts";
import {
  checkSelfModifyingConfig,
  type ProjectionName,
  type SelfModifyingConfig,
  type SelfModifyingInput,
  selfModifyingDefaults,
} from "./self-modifying-config.ts";
import { type ObservedWrites, selfModifyingDiagnostics } from "./self-modifying-diagnostics.ts";
import {
  adaptiveProjectionNames,
  adaptiveTokens,
  type ConvolutionTails,
  joinConvolutions,
  type ProjectedTokens,
  splitTails,
  staticTokens,
  type TokenParams,
  usedProjections,
} from "./self-modifying-tokens.ts";

/** What the outer loop learns. */
export type SelfModifyingParams = TokenParams & {
  /** Where each memory starts, by what it makes: matrices [heads, out, in] */
  readonly initialMemories: { readonly [name in ProjectionName | "memory"]?: MemoryWeights };
  /** Scale of the per-head norm of what was read: [heads, headDim] */
  readonly readScale: Tensor;
  /** [dim, dim] each */
  readonly outputGate: Tensor;
  readonly output: Tensor;
};

/** What lives at test time, one row a sequence. */
export type SelfModifyingState = {
  /** The memories that project, in the order query, key, value, stepSize, retain: [batch, heads, memories, out, in]; none where all are static. */
  readonly projections?: AssociativeState;
  /** The main memory: [batch, heads, out, in] */
  readonly memory: AssociativeState;
  readonly tails: ConvolutionTails;
};

/** How far fresh networks are from the identity. */
const INITIAL_GAIN = 0.1;

/**
 * The layer of self-modifying Titans: every projection but the query is a memory, and each memory learns from what it makes itself of the token's value.
 *
 * Order of operations: projections by static matrices and by memories, causal depthwise convolution of queries, keys and values, l2 norms, gates from the
 * features' mean, main memory (read before write), per-head RMSNorm, sigmoid gate, output projection. Everything of a chunk comes from the memories before
 * it. The last three are those of the other memory layers here, the paper names none. Pre-norm and residual belong to the block around it.
 *
 * ```ts
 * const layer = new SelfModifyingTitans({ dim: 64, heads: 2 });
 * const params = layer.init(key(0));
 * let state = layer.initialState(params, 1);      // memories copied from the learned ones
 * let y;
 * [y, state] = layer.step(params, state, x);      // x, y: [1, tokens, 64]; keys, values and gates have changed with the memory
 * ```
 *
 * @throws ConfigError if the sizes or choices cannot work
 * @see Nested Learning (arXiv:2512.24695) Eq. 90
 */
export class SelfModifyingTitans implements MemoryLayer<SelfModifyingParams, SelfModifyingState> {
  readonly config: SelfModifyingConfig;
  /** Of every memory. */
  readonly architecture: MemoryArchitecture;
  private readonly adaptive: readonly ProjectionName[];

  constructor(config: SelfModifyingInput) {
    this.config = { ...selfModifyingDefaults, ...config };
    checkSelfModifyingConfig(this.config);
    const { memory, dim, heads, expansion, activation } = this.config;
    this.architecture = selfModifyingArchitecture(memory, dim / heads, expansion, activation);
    this.adaptive = adaptiveProjectionNames(this.config);
  }

  get gridUnit(): number {
    return this.adaptive.length === 0
      ? this.config.chunkSize
      : Math.max(this.config.chunkSize, this.config.projectionChunkSize);
  }

  get writing(): MemoryWriting {
    const { chunkSize, projectionChunkSize } = this.config;
    const objective = "squared error of its answers to what it makes of the value";
    if (this.adaptive.length === 0 || projectionChunkSize === chunkSize) return { chunk: chunkSize, objective };
    return { chunk: chunkSize, objective: `${objective}; those that project every ${projectionChunkSize} tokens` };
  }

  init(key: Key): SelfModifyingParams {
    const { dim, heads, convolutionKernel, gateBiases, decay } = this.config;
    const keys = splitKey(key, 4);
    const named = <N extends string, T>(names: readonly N[], of: Key, make: (key: Key) => T) => {
      const own = splitKey(of, names.length);
      return Object.fromEntries(names.map((name, i) => [name, make(own[i]!)])) as Record<N, T>;
    };
    const fixed = usedProjections(this.config).filter((name) => !this.adaptive.includes(name));
    const bias = (value: number) => np.full([heads], value, { dtype: "float32" });
    const [gateKey, outputKey] = splitKey(keys[3]!, 2) as [Key, Key];
    return {
      ...(fixed.length > 0 ? { projections: named(fixed, keys[0]!, (own) => initDense(own, dim, dim)) } : {}),
      convolutions: named(["query", "key", "value"], keys[1]!, (own) => initTaps(own, convolutionKernel, dim)),
      gateBiases: { stepSize: bias(gateBiases.stepSize), ...(decay ? { retain: bias(gateBiases.retain) } : {}) },
      initialMemories: named([...this.adaptive, "memory"], keys[2]!, (own) => this.initMemory(own)),
      readScale: np.ones([heads, dim / heads]),
      outputGate: initDense(gateKey, dim, dim),
      output: initDense(outputKey, dim, dim),
    };
  }

  initialState(params: SelfModifyingParams, batch: number): SelfModifyingState {
    const { dim, convolutionKernel } = this.config;
    const tail = ({ dtype }: Tensor) => np.zeros([batch, convolutionKernel - 1, dim], { dtype });
    const started = (weights: MemoryWeights): AssociativeState => {
      const layers = weights.layers.map((w) => np.broadcastTo(np.expandDims(w, 0), [batch, ...w.shape]));
      return this.config.momentum > 0 ? { layers, steps: layers.map((w) => np.zerosLike(w)) } : { layers };
    };
    const projections = this.adaptive.map((name) => params.initialMemories[name]!);
    return {
      ...(projections.length > 0 ? { projections: started(stackMemories(projections)) } : {}),
      memory: started(params.initialMemories.memory!),
      tails: mapTree({ ...params.convolutions }, tail),
    };
  }

  step(
    params: SelfModifyingParams,
    state: SelfModifyingState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, SelfModifyingState] {
    return this.run(params, state, x, options);
  }

  /**
   * `step`, with what happened inside the main memory.
   *
   * @returns outputs, state, and diagnostics (see `MemoryDiagnostics`)
   */
  diagnose(
    params: SelfModifyingParams,
    state: SelfModifyingState,
    x: Tensor,
    options: StepOptions = {},
  ): [Tensor, SelfModifyingState, MemoryDiagnostics] {
    const parts: MemoryDiagnostics[] = [];
    const [y, next] = this.run(params, state, x, options, (writes) => {
      parts.push(selfModifyingDiagnostics(this.architecture, params.initialMemories.memory!, writes));
    });
    return [y, next, joinDiagnostics(parts)];
  }

  mapMemory(state: SelfModifyingState, f: <M extends Tree>(memory: M) => M): SelfModifyingState {
    const { tails, ...memories } = state;
    return { ...f(memories), tails };
  }

  /** Whether the main memory is written in one array with the projections, and read with the token's projections. */
  private get isJoined(): boolean {
    const { chunkSize, projectionChunkSize, readState, adaptiveQuery } = this.config;
    return this.adaptive.length > 0 && chunkSize === projectionChunkSize && readState === "chunk" && !adaptiveQuery;
  }

  private initMemory(key: Key): MemoryWeights {
    const { layers } = initMemoryWeights(this.architecture, key, this.config.heads);
    const isLastOfNetwork = (layer: number) => layer > 0 && layer === layers.length - 1;
    return { layers: layers.map((w, layer) => (isLastOfNetwork(layer) ? np.multiply(w, INITIAL_GAIN) : w)) };
  }

  private run(
    params: SelfModifyingParams,
    state: SelfModifyingState,
    x: Tensor,
    options: StepOptions,
    observe?: (writes: ObservedWrites) => void,
  ): [Tensor, SelfModifyingState] {
    checkSegment("self-modifying Titans", x, this.config.dim, state.tails.query.shape[0] ?? 0, options.mask);
    const fixed = staticTokens(this.config, params, state.tails, x, options.mask);
    const projected = this.project(params, state, x, fixed.tokens, options, observe);
    const main = projected.main ?? this.readAndWrite(state.memory, projected.tokens, options, observe);
    const next = {
      ...(projected.memories ? { projections: projected.memories } : {}),
      memory: main.memory,
      tails: { ...state.tails, ...fixed.tails, ...projected.tails },
    };
    return [this.readOut(params, x, main.readings), next];
  }

  /** Chunks of the memories that project; with the main memory among them where both have the same chunks. */
  private project(
    params: SelfModifyingParams,
    state: SelfModifyingState,
    x: Tensor,
    fixed: ProjectedTokens,
    options: StepOptions,
    observe?: (writes: ObservedWrites) => void,
  ): {
    tokens: ProjectedTokens;
    memories?: AssociativeState;
    main?: MainMemory;
    tails: Partial<ConvolutionTails>;
  } {
    const { adaptive, isJoined } = this;
    if (state.projections === undefined) return { tokens: fixed, tails: {} };
    const count = adaptive.length;
    const inputs = np.expandDims(splitHeads(x, this.config.heads), 2); // [batch, heads, 1, T, headDim]
    const asked = isJoined
      ? np.concatenate([...adaptive.map(() => inputs), np.expandDims(fixed.query!, 2)], 2)
      : inputs;
    let memories = isJoined ? joinMemories(state.projections, state.memory) : state.projections;
    let convolution = joinConvolutions(adaptive, params, state.tails);
    const readings: Tensor[] = [];
    const tokens: ProjectedTokens[] = [];
    for (const [start, end] of chunkRanges(x.shape[1]!, this.config.projectionChunkSize)) {
      const slots = cutOptions(options, start, end);
      const answers = memoryForward(this.architecture, memories, slice(asked, [], [], [], [start, end]));
      const own = adaptiveTokens(this.config, params, adaptive, convolution, answers, slots.mask);
      const chunk = { ...cutTokens(fixed, start, end), ...own.tokens };
      const after = writeMemories(this, memories, chunk, slots, isJoined ? observe : undefined);
      if (isJoined) readings.push(slice(answers, [], [], count));
      tokens.push(chunk);
      memories = after.atEnd();
      convolution = convolution && { ...convolution, tail: own.tail! };
    }
    const tails = convolution ? splitTails(adaptive, convolution.tail) : {};
    if (!isJoined) return { tokens: joinTokens(tokens), memories, tails };
    const [projections, memory] = splitMemories(memories, count);
    return { tokens: {}, memories: projections, main: { memory, readings: np.concatenate(readings, 2) }, tails };
  }

  /** Chunks of the main memory alone. */
  private readAndWrite(
    before: AssociativeState,
    tokens: ProjectedTokens,
    options: StepOptions,
    observe?: (writes: ObservedWrites) => void,
  ): MainMemory {
    let memory = mapTree(before, (w) => np.expandDims(w, 2));
    const readings: Tensor[] = [];
    for (const [start, end] of chunkRanges(tokens.query!.shape[2]!, this.config.chunkSize)) {
      const slots = cutOptions(options, start, end);
      const chunk = cutTokens(tokens, start, end);
      const queries = np.expandDims(chunk.query!, 2);
      const written = writeMemories(this, memory, chunk, slots, observe);
      const answers =
        this.config.readState === "running"
          ? written.beforeTokens(queries)
          : memoryForward(this.architecture, memory, queries);
      readings.push(np.squeeze(answers, 2));
      memory = written.atEnd();
    }
    return { memory: mapTree(memory, (w) => np.squeeze(w, 2)), readings: np.concatenate(readings, 2) };
  }

  /** What was read, normed a head, gated by the token, and projected back. */
  private readOut(params: SelfModifyingParams, x: Tensor, readings: Tensor): Tensor {
    const normed = mergeHeads(rmsNorm(np.expandDims(params.readScale, 1), readings));
    return dense(params.output, np.multiply(normed, nn.sigmoid(dense(params.outputGate, x))));
  }
}

/** The main memory after a segment, and what was read of it: [batch, heads, T, headDim]. */
interface MainMemory {
  readonly memory: AssociativeState;
  readonly readings: Tensor;
}
