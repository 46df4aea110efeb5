/** The neural memory as a layer: projections, convolution, gates, one deep memory a head, gated output. */
import { type Key, nn, np, slice, splitKey, type Tensor, zipTrees } from "../array/index.ts";
import {
  causalConvolution,
  checkArchitecture,
  dense,
  type GateParams,
  gateLogits,
  initDense,
  initGate,
  initMemoryWeights,
  initTaps,
  joinDiagnostics,
  l2Normalize,
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
import { ShapeError } from "../utils/index.ts";
import { chunkDiagnostics, type ObservedChunk } from "./diagnostics.ts";
import { gatesFromLogits } from "./gates.ts";
import { chunkOptionsOf } from "./layer-options.ts";
import { memoryChunk } from "./memory-chunk.ts";
import { type MemoryState, stateOf } from "./memory-update.ts";
import {
  checkConfig,
  type NeuralMemoryConfig,
  type NeuralMemoryInput,
  neuralMemoryDefaults,
} from "./neural-memory-config.ts";
import { interleaved } from "./pairs.ts";
import type { ChunkGates } from "./parallel.ts";
import { normalizeQueryOrKey } from "./query-key-norm.ts";

/** What the outer loop learns. */
export type NeuralMemoryParams = {
  /** Queries, the keys of every pair, the values of every pair: [dim, (1 + 2 pairs) heads headDim] */
  readonly projection: Tensor;
  /** [kernel, (1 + 2 pairs) heads headDim] */
  readonly convolution: Tensor;
  /** One logit a head and token each: weight [dim, heads], bias [heads] */
  readonly gates: { readonly forget: GateParams; readonly momentum: GateParams; readonly stepSize: GateParams };
  /** M_0: matrices [heads, out, in] */
  readonly initialMemory: MemoryWeights;
  /** Scale of the per-head norm of what was read: [heads, headDim] */
  readonly readScale: Tensor;
  /** [dim, heads headDim] */
  readonly outputGate: Tensor;
  /** [heads headDim, dim] */
  readonly output: Tensor;
  /** With `gatedTransition`: the logit of how far each head's memory moves at a chunk's end: [heads] */
  readonly transitionGate?: Tensor;
};

/** What lives at test time, one row a sequence: M_t and S_t, matrices [batch, heads, out, in], and with `momentumOrder` n the n - 1 surprises below S_t. */
export type NeuralMemoryState = MemoryState & {
  /** The last inputs of the convolution: [batch, kernel - 1, (1 + 2 pairs) heads headDim] */
  readonly tail: Tensor;
};

/** What a step of a neural memory may be told. */
export interface NeuralMemoryOptions extends StepOptions {
  /** Reads every token with the weights after the call's last one. Not causal: a token's output then depends on later tokens. */
  readonly readAtCallEnd?: boolean;
}

/** Size of a fresh memory's answers. Guarded writes are small at first: beside answers of size one nothing of them is heard, and recall is not learned. */
const INITIAL_ANSWER = 0.1;

/** Where the logits of a gated transition start: 0.7 % of the way. */
const CLOSED_TRANSITION = -5;

/**
 * The LMM layer: a deep memory a head, written by gradient descent with momentum and forgetting while the sequence is read.
 *
 * Order of operations: projection, causal depthwise convolution, SiLU, l2-normalised queries and keys, gates from the token, memory
 * (`memoryChunk`, read after write), per-head RMSNorm, sigmoid gate, output projection. Pre-norm and residual belong to the block around it.
 *
 * ```ts
 * const layer = new NeuralMemory({ dim: 64, heads: 2, headDim: 32 });
 * const params = layer.init(key(0));
 * let state = layer.initialState(params, 1);      // one memory a sequence, copied from the learned M_0
 * let y;
 * [y, state] = layer.step(params, state, x);      // x, y: [1, tokens, 64]; the state has learned from x
 * ```
 *
 * @see Titans (arXiv:2501.00663) Eq. 11-15
 */
export class NeuralMemory implements MemoryLayer<NeuralMemoryParams, NeuralMemoryState> {
  readonly config: NeuralMemoryConfig;
  readonly architecture: MemoryArchitecture;

  constructor(config: NeuralMemoryInput) {
    this.config = { ...neuralMemoryDefaults, ...config };
    checkConfig(this.config);
    const { depth, headDim, expansion, activation, residual, norm } = this.config;
    this.architecture = { depth, dim: headDim, hiddenDim: Math.round(headDim * expansion), activation, residual, norm };
    checkArchitecture(this.architecture);
  }

  get gridUnit(): number {
    return this.config.chunkSize;
  }

  get writing(): MemoryWriting {
    return { chunk: this.config.chunkSize, objective: "squared error of its answers" };
  }

  init(key: Key): NeuralMemoryParams {
    const { dim, heads, headDim, convolutionKernel, gateBiases, pairsPerToken } = this.config;
    const inner = heads * headDim;
    const projected = (1 + 2 * pairsPerToken) * inner;
    const [projectionKey, convolutionKey, memoryKey, gateKey, outputKey] = splitKey(key, 5) as [
      Key,
      Key,
      Key,
      Key,
      Key,
    ];
    return {
      projection: initDense(projectionKey, dim, projected),
      convolution: initTaps(convolutionKey, convolutionKernel, projected),
      gates: {
        forget: initGate(dim, heads, gateBiases.forget),
        momentum: initGate(dim, heads, gateBiases.momentum),
        stepSize: initGate(dim, heads, gateBiases.stepSize),
      },
      initialMemory: initMemoryWeights(this.architecture, memoryKey, heads, INITIAL_ANSWER),
      readScale: np.ones([heads, headDim]),
      outputGate: initDense(gateKey, dim, inner),
      output: initDense(outputKey, inner, dim),
      ...(this.config.gatedTransition
        ? { transitionGate: np.full([heads], CLOSED_TRANSITION, { dtype: "float32" }) }
        : {}),
    };
  }

  initialState(params: NeuralMemoryParams, batch: number): NeuralMemoryState {
    const { heads, headDim, convolutionKernel, momentumOrder, pairsPerToken } = this.config;
    const copied = (weights: MemoryWeights) =>
      zipTrees((w) => np.broadcastTo(np.expandDims(w, 0), [batch, ...w.shape]), weights);
    const memory = copied(params.initialMemory);
    const surprises = Array.from({ length: momentumOrder }, () => zipTrees((w) => np.zerosLike(w), memory));
    const channels = (1 + 2 * pairsPerToken) * heads * headDim;
    const tail = np.zeros([batch, convolutionKernel - 1, channels], { dtype: params.projection.dtype });
    return { ...stateOf(memory, surprises), tail };
  }

  step(
    params: NeuralMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: NeuralMemoryOptions = {},
  ): [Tensor, NeuralMemoryState] {
    const [y, next] = this.run(params, state, x, options);
    return [y, next];
  }

  /**
   * `step`, with what happened inside the memory: inner losses, surprises, norms, stability.
   *
   * @returns outputs, state, and diagnostics (see `MemoryDiagnostics`)
   */
  diagnose(
    params: NeuralMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: NeuralMemoryOptions = {},
  ): [Tensor, NeuralMemoryState, MemoryDiagnostics] {
    const parts: MemoryDiagnostics[] = [];
    const [y, next] = this.run(params, state, x, options, (before, chunk) => {
      parts.push(chunkDiagnostics(this.architecture, params.initialMemory, before, chunk));
    });
    return [y, next, joinDiagnostics(parts)];
  }

  mapMemory(state: NeuralMemoryState, f: (memory: MemoryState) => MemoryState): NeuralMemoryState {
    const { tail, ...memory } = state;
    return { ...f(memory), tail };
  }

  /**
   * The memory's queries alone: what `step` would read with, without the keys and values it would write.
   *
   * @param tail the last inputs of the convolution: [batch, kernel - 1, heads headDim]
   * @param x [batch, tokens, dim]
   * @returns queries [batch, heads, tokens, headDim], and the new tail
   */
  projectQueries(params: NeuralMemoryParams, tail: Tensor, x: Tensor, mask?: Tensor): [queries: Tensor, tail: Tensor] {
    const { heads, headDim, queryKeyNorm } = this.config;
    const ofQueries: [number, number] = [0, heads * headDim];
    const projected = dense(slice(params.projection, [], ofQueries), x);
    const [convolved, next] = causalConvolution(slice(params.convolution, [], ofQueries), tail, projected, mask);
    return [normalizeQueryOrKey(queryKeyNorm, splitHeads(nn.silu(convolved), heads)), next];
  }

  /**
   * What the memory answers as it is, normed a head; nothing is written.
   *
   * @param memory matrices [batch, heads, out, in]
   * @param queries [batch, heads, tokens, headDim]
   * @returns [batch, tokens, heads headDim]
   */
  retrieve(params: NeuralMemoryParams, memory: MemoryWeights, queries: Tensor): Tensor {
    return this.normed(params, memoryForward(this.architecture, memory, queries));
  }

  private run(
    params: NeuralMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: NeuralMemoryOptions,
    observe?: (before: MemoryState, chunk: ObservedChunk) => void,
  ): [Tensor, NeuralMemoryState] {
    const { dim, chunkSize, pairsPerToken } = this.config;
    if (x.ndim !== 3 || x.shape[2] !== dim) {
      throw new ShapeError(
        `tokens have shape [${x.shape}], the memory expects [batch, tokens, ${dim}]; set dim or project first`,
      );
    }
    const length = x.shape[1]!;
    const chunkOptions = chunkOptionsOf(this.config, params);
    const { queries, keys, values, tail } = this.project(params, state.tail, x, options.mask);
    const gates = this.gates(params, x, options.storeMask);
    const outputs: Tensor[] = [];
    let { tail: _, ...memory }: MemoryState & { tail: Tensor } = state;
    for (let start = 0; start < length; start += chunkSize) {
      const end = Math.min(start + chunkSize, length);
      const cut = (t: Tensor) => slice(t, [], [], [start, end]);
      const cutPairs = (t: Tensor) => slice(t, [], [], [start * pairsPerToken, end * pairsPerToken]);
      const tokens = { keys: cutPairs(keys), values: cutPairs(values), queries: cut(queries) };
      const cutGates = {
        logRetain: cut(gates.logRetain),
        logMomentum: cut(gates.logMomentum),
        stepSize: cut(gates.stepSize),
      };
      const masked = options.mask ? { mask: np.expandDims(slice(options.mask, [], [start, end]), 1) } : {};
      const result = memoryChunk(this.architecture, memory, tokens, cutGates, { ...chunkOptions, ...masked });
      observe?.(memory, { ...tokens, ...masked, ...chunkOptions, result });
      outputs.push(result.outputs);
      memory = result.state;
    }
    const readings = options.readAtCallEnd
      ? memoryForward(this.architecture, memory.memory, queries)
      : np.concatenate(outputs, 2);
    return [this.readOut(params, x, readings), { ...memory, tail }];
  }

  /** Queries [batch, heads, tokens, headDim], keys and values of every pair [batch, heads, tokens pairs, headDim], and the convolution's new tail. */
  private project(params: NeuralMemoryParams, tail: Tensor, x: Tensor, mask: Tensor | undefined) {
    const { heads, normalizeValues, queryKeyNorm, pairsPerToken } = this.config;
    const [convolved, nextTail] = causalConvolution(params.convolution, tail, dense(params.projection, x), mask);
    const parts = np.split(nn.silu(convolved), 1 + 2 * pairsPerToken, -1).map((part) => splitHeads(part, heads));
    const [queries, ...pairs] = parts as [Tensor, ...Tensor[]];
    const keys = interleaved(pairs.slice(0, pairsPerToken));
    const values = interleaved(pairs.slice(pairsPerToken));
    return {
      queries: normalizeQueryOrKey(queryKeyNorm, queries),
      keys: normalizeQueryOrKey(queryKeyNorm, keys),
      values: normalizeValues ? l2Normalize(values) : values,
      tail: nextTail,
    };
  }

  /** Gates of every token and head, [batch, heads, tokens] each. */
  private gates(params: NeuralMemoryParams, x: Tensor, storeMask: Tensor | undefined): ChunkGates {
    const { maxStepSize, maxMomentum } = this.config;
    const logits = {
      forget: gateLogits(params.gates.forget, x),
      momentum: gateLogits(params.gates.momentum, x),
      stepSize: gateLogits(params.gates.stepSize, x),
    };
    const gates = gatesFromLogits(logits, maxStepSize, maxMomentum);
    return storeMask ? { ...gates, stepSize: np.multiply(gates.stepSize, np.expandDims(storeMask, 1)) } : gates;
  }

  /** What was read, normed a head, gated by the token, and projected back. */
  private readOut(params: NeuralMemoryParams, x: Tensor, readings: Tensor): Tensor {
    const gate = nn.sigmoid(dense(params.outputGate, x));
    return dense(params.output, np.multiply(this.normed(params, readings), gate));
  }

  /** Readings [batch, heads, tokens, headDim] normed a head, heads merged. */
  private normed(params: NeuralMemoryParams, readings: Tensor): Tensor {
    return mergeHeads(rmsNorm(np.expandDims(params.readScale, 1), readings));
  }
}
