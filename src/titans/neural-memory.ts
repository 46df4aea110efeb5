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
  l2Normalize,
  type MemoryArchitecture,
  type MemoryWeights,
  mergeHeads,
  rmsNorm,
  type SequenceLayer,
  type StepOptions,
  splitHeads,
} from "../common/index.ts";
import { ConfigError, ShapeError, unknownName } from "../utils/index.ts";
import { chunkDiagnostics, joinDiagnostics, type MemoryDiagnostics, type ObservedChunk } from "./diagnostics.ts";
import { gatesFromLogits } from "./gates.ts";
import { memoryChunk } from "./memory-chunk.ts";
import type { MemoryState } from "./memory-update.ts";
import type { ChunkGates } from "./parallel.ts";
import { type StepGuard, stepGuards } from "./step-guard.ts";

/** Everything about a neural memory layer that is fixed when it is made. */
export interface NeuralMemoryConfig {
  /** Features of a token. */
  readonly dim: number;
  /** Independent memories a sequence. */
  readonly heads: number;
  /** Features of a key, value and query in one head. */
  readonly headDim: number;
  /** Weight matrices of each memory (L_M); 1 is a linear memory. */
  readonly depth: number;
  /** Width inside a memory, as a multiple of `headDim`. */
  readonly expansion: number;
  readonly activation: MemoryArchitecture["activation"];
  /** Adds the key to the memory's output. */
  readonly residual: boolean;
  /** LayerNorm on the memory's output, its scale and shift written at test time too. */
  readonly norm: boolean;
  /** Tokens that share one gradient point (b). */
  readonly chunkSize: number;
  /** Taps of the causal convolution on queries, keys and values. */
  readonly convolutionKernel: number;
  /** Upper bound of the step size. 0 makes a memory that is never written. */
  readonly maxStepSize: number;
  /** Upper bound of the momentum gate. The `curvature` guard makes steps smaller by 1 / (1 - maxMomentum), so it must be below 1; without it, 1 leaves the gate to the sigmoid. */
  readonly maxMomentum: number;
  /** Biases of the gate heads at the start: the memory remembers when `forget` is very negative. */
  readonly gateBiases: { readonly forget: number; readonly momentum: number; readonly stepSize: number };
  readonly stepGuard: StepGuard;
  /** l2-normalises values as well as queries and keys. */
  readonly normalizeValues: boolean;
}

/** Defaults of a layer; `dim`, `heads` and `headDim` have none. */
export const neuralMemoryDefaults = {
  depth: 2,
  expansion: 2,
  activation: "silu",
  residual: false,
  norm: false,
  chunkSize: 16,
  convolutionKernel: 4,
  maxStepSize: 1,
  maxMomentum: 0.9,
  gateBiases: { forget: -5, momentum: 0, stepSize: 0 },
  stepGuard: "curvature",
  normalizeValues: false,
} as const satisfies Omit<NeuralMemoryConfig, "dim" | "heads" | "headDim">;

/** What the outer loop learns. */
export type NeuralMemoryParams = {
  /** Queries, keys and values at once: [dim, 3 heads headDim] */
  readonly projection: Tensor;
  /** [kernel, 3 heads headDim] */
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
};

/** What lives at test time, one row a sequence. */
export type NeuralMemoryState = {
  /** M_t: matrices [batch, heads, out, in] */
  readonly memory: MemoryWeights;
  /** S_t, same shapes. */
  readonly surprise: MemoryWeights;
  /** The last inputs of the convolution: [batch, kernel - 1, 3 heads headDim] */
  readonly tail: Tensor;
};

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
export class NeuralMemory implements SequenceLayer<NeuralMemoryParams, NeuralMemoryState> {
  readonly config: NeuralMemoryConfig;
  readonly architecture: MemoryArchitecture;

  constructor(config: Pick<NeuralMemoryConfig, "dim" | "heads" | "headDim"> & Partial<NeuralMemoryConfig>) {
    this.config = { ...neuralMemoryDefaults, ...config };
    checkConfig(this.config);
    const { depth, headDim, expansion, activation, residual, norm } = this.config;
    this.architecture = { depth, dim: headDim, hiddenDim: Math.round(headDim * expansion), activation, residual, norm };
    checkArchitecture(this.architecture);
  }

  init(key: Key): NeuralMemoryParams {
    const { dim, heads, headDim, convolutionKernel, gateBiases } = this.config;
    const inner = heads * headDim;
    const [projectionKey, convolutionKey, memoryKey, gateKey, outputKey] = splitKey(key, 5) as [
      Key,
      Key,
      Key,
      Key,
      Key,
    ];
    return {
      projection: initDense(projectionKey, dim, 3 * inner),
      convolution: initTaps(convolutionKey, convolutionKernel, 3 * inner),
      gates: {
        forget: initGate(dim, heads, gateBiases.forget),
        momentum: initGate(dim, heads, gateBiases.momentum),
        stepSize: initGate(dim, heads, gateBiases.stepSize),
      },
      initialMemory: initMemoryWeights(this.architecture, memoryKey, heads),
      readScale: np.ones([heads, headDim]),
      outputGate: initDense(gateKey, dim, inner),
      output: initDense(outputKey, inner, dim),
    };
  }

  initialState(params: NeuralMemoryParams, batch: number): NeuralMemoryState {
    const { heads, headDim, convolutionKernel } = this.config;
    const copied = (weights: MemoryWeights) =>
      zipTrees((w) => np.broadcastTo(np.expandDims(w, 0), [batch, ...w.shape]), weights);
    const memory = copied(params.initialMemory);
    return {
      memory,
      surprise: zipTrees((w) => np.zerosLike(w), memory),
      tail: np.zeros([batch, convolutionKernel - 1, 3 * heads * headDim], { dtype: params.projection.dtype }),
    };
  }

  step(
    params: NeuralMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: StepOptions = {},
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
    options: StepOptions = {},
  ): [Tensor, NeuralMemoryState, MemoryDiagnostics] {
    const parts: MemoryDiagnostics[] = [];
    const [y, next] = this.run(params, state, x, options, (before, chunk) => {
      parts.push(chunkDiagnostics(this.architecture, params.initialMemory, before, chunk));
    });
    return [y, next, joinDiagnostics(parts)];
  }

  private run(
    params: NeuralMemoryParams,
    state: NeuralMemoryState,
    x: Tensor,
    options: StepOptions,
    observe?: (before: MemoryState, chunk: ObservedChunk) => void,
  ): [Tensor, NeuralMemoryState] {
    const { dim, chunkSize, stepGuard, maxMomentum } = this.config;
    if (x.ndim !== 3 || x.shape[2] !== dim) {
      throw new ShapeError(
        `tokens have shape [${x.shape}], the memory expects [batch, tokens, ${dim}]; set dim or project first`,
      );
    }
    const length = x.shape[1]!;
    const { queries, keys, values, tail } = this.project(params, state.tail, x, options.mask);
    const gates = this.gates(params, x, options.storeMask);
    const outputs: Tensor[] = [];
    let memory: MemoryState = { memory: state.memory, surprise: state.surprise };
    for (let start = 0; start < length; start += chunkSize) {
      const range: [number, number] = [start, Math.min(start + chunkSize, length)];
      const cut = (t: Tensor) => slice(t, [], [], range);
      const tokens = { keys: cut(keys), values: cut(values), queries: cut(queries) };
      const cutGates = {
        logRetain: cut(gates.logRetain),
        logMomentum: cut(gates.logMomentum),
        stepSize: cut(gates.stepSize),
      };
      const masked = options.mask ? { mask: np.expandDims(slice(options.mask, [], range), 1) } : {};
      const result = memoryChunk(this.architecture, memory, tokens, cutGates, { stepGuard, maxMomentum, ...masked });
      observe?.(memory, { ...tokens, ...masked, result });
      outputs.push(result.outputs);
      memory = result.state;
    }
    return [this.readOut(params, x, np.concatenate(outputs, 2)), { ...memory, tail }];
  }

  /** Queries, keys and values [batch, heads, tokens, headDim], and the convolution's new tail. */
  private project(params: NeuralMemoryParams, tail: Tensor, x: Tensor, mask: Tensor | undefined) {
    const { heads, normalizeValues } = this.config;
    const [convolved, nextTail] = causalConvolution(params.convolution, tail, dense(params.projection, x), mask);
    const [queries, keys, values] = np.split(nn.silu(convolved), 3, -1).map((part) => splitHeads(part, heads)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return {
      queries: l2Normalize(queries),
      keys: l2Normalize(keys),
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
    const normed = mergeHeads(rmsNorm(np.expandDims(params.readScale, 1), readings));
    const gate = nn.sigmoid(dense(params.outputGate, x));
    return dense(params.output, np.multiply(normed, gate));
  }
}

function checkConfig(config: NeuralMemoryConfig): void {
  const wholes = { dim: config.dim, heads: config.heads, headDim: config.headDim, chunkSize: config.chunkSize };
  for (const [name, value] of Object.entries(wholes)) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`neural memory ${name} is ${value}; it must be a whole number of at least 1`);
  }
  if (!(config.maxStepSize >= 0))
    throw new ConfigError(`maxStepSize is ${config.maxStepSize}; it must be 0 (never write) or more`);
  if (!(config.maxMomentum > 0 && config.maxMomentum <= 1))
    throw new ConfigError(`maxMomentum is ${config.maxMomentum}; it must be above 0 and at most 1`);
  if (config.stepGuard !== "off" && config.maxMomentum === 1)
    throw new ConfigError("maxMomentum is 1; a step guard needs a bound below 1 (0.9 is the default)");
  if (!stepGuards.includes(config.stepGuard))
    throw new ConfigError(unknownName("step guard", config.stepGuard, stepGuards));
}
