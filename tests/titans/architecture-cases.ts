/** The architectures in two worlds: small layers of the library, and the oracles that compute the same. */
import type { Tensor, Tree } from "../../src/array/index.ts";
import type { SequenceLayer } from "../../src/common/index.ts";
import {
  LongTermMemory,
  MemoryAsContext,
  type MemoryAsContextConfig,
  MemoryAsGate,
  type MemoryAsGateConfig,
  MemoryAsLayer,
  type MemoryAsLayerConfig,
  type NeuralMemoryConfig,
} from "../../src/titans/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { layerOf, layerOptions, layerParameters } from "./layer-cases.ts";

export const dim = 8;

/** Odd on purpose: the heads of the memory have other features than those of attention, and together fewer than a token. */
const sizes = { dim, heads: 2, headDim: 3, chunkSize: 2, maxMomentum: 0.9 } as const;

/** What a case changes of a small layer. */
type Overrides<C> = Partial<Omit<C, "memory">> & { readonly memory?: Partial<NeuralMemoryConfig> };

/** A small memory with every choice made. */
function memoryOf(memory: Partial<NeuralMemoryConfig> = {}): NeuralMemoryConfig {
  return layerOf({ ...sizes, stepGuard: "tangent", maxStepSize: 1, ...memory }).config;
}

export function contextLayer({ memory, ...overrides }: Overrides<MemoryAsContextConfig> = {}): MemoryAsContext {
  return new MemoryAsContext({
    memory: memoryOf(memory),
    attentionHeads: 2,
    segment: 4,
    persistentTokens: 3,
    gate: "sigmoid",
    read: "tokenExact",
    ...overrides,
  });
}

export function gateLayer({ memory, ...overrides }: Overrides<MemoryAsGateConfig> = {}): MemoryAsGate {
  return new MemoryAsGate({
    memory: memoryOf(memory),
    attentionHeads: 2,
    window: 3,
    persistentTokens: 3,
    gate: "sigmoid",
    ...overrides,
  });
}

export function layerLayer({ memory, ...overrides }: Overrides<MemoryAsLayerConfig> = {}): MemoryAsLayer {
  return new MemoryAsLayer({
    memory: memoryOf(memory),
    attentionHeads: 2,
    window: 3,
    persistentTokens: 3,
    visiblePrefix: false,
    ...overrides,
  });
}

export function memoryAlone(persistentTokens: number, memory: Partial<NeuralMemoryConfig> = {}): LongTermMemory {
  return new LongTermMemory({ memory: memoryOf(memory), persistentTokens });
}

/** A layer of one of the architectures. */
export type Architecture = MemoryAsContext | MemoryAsGate | MemoryAsLayer | LongTermMemory;

/** Which slots hold tokens, and which of them are written. */
export interface SlotMasks {
  readonly valid?: boolean[];
  readonly store?: boolean[];
}

/** What an oracle gives for one sequence. */
export interface ArchitectureResult {
  readonly outputs: oracle.Matrix;
  readonly layer: oracle.LayerState;
  /** Memory as context only. */
  readonly queryTail?: oracle.Matrix | null;
}

interface ParameterNumbers {
  readonly persistent?: oracle.Matrix;
  readonly memory: NumberTree;
  readonly retrieved: oracle.Matrix;
  readonly attention: oracle.AttentionParameters;
  readonly attentionNorm: oracle.Vector;
  readonly gate: oracle.BranchScales;
}

/**
 * The oracle of a layer on one sequence from its start.
 *
 * @param params the layer's parameters as numbers
 * @param x [tokens, dim]
 */
export function architectureOracle(
  layer: Architecture,
  params: NumberTree,
  x: oracle.Matrix,
  masks: SlotMasks = {},
): ArchitectureResult {
  const numbers = params as unknown as ParameterNumbers;
  const memory = layerParameters(numbers.memory);
  const options = layerOptions(layer.memory);
  const given = { ...numbers, memory, persistent: numbers.persistent ?? [] };
  if (layer instanceof MemoryAsContext) {
    const { attentionHeads, segment, gate, read } = layer.config;
    const all = { memory: options, attentionHeads, segment, gate, contextRead: read };
    const { outputs, state } = oracle.memoryAsContext(given, oracle.initialMemoryAsContextState(given), x, all, masks);
    return { outputs, layer: state.layer, queryTail: state.queryTail };
  }
  if (layer instanceof MemoryAsGate) {
    const { attentionHeads, window, gate } = layer.config;
    const all = { memory: options, attentionHeads, window, gate };
    const result = oracle.memoryAsGate(given, oracle.initialMemoryAsGateState(given, all), x, all, masks);
    return { outputs: result.outputs, layer: result.state.layer };
  }
  if (layer instanceof MemoryAsLayer) {
    const { attentionHeads, window, visiblePrefix } = layer.config;
    const all = { memory: options, attentionHeads, window, visiblePrefix };
    const result = oracle.memoryAsLayer(given, oracle.initialMemoryAsLayerState(given, all), x, all, masks);
    return { outputs: result.outputs, layer: result.state.layer };
  }
  const start = startAfter(memory, given.persistent, options);
  const { outputs, state } = oracle.memoryLayer(memory, start, x, options, masks);
  return { outputs, layer: state };
}

/** The memory after the persistent tokens, with the next token at slot 0 of the grid. */
function startAfter(
  memory: oracle.LayerParameters,
  persistent: oracle.Matrix,
  options: oracle.LayerOptions,
): oracle.LayerState {
  const { state } = oracle.memoryLayer(memory, oracle.initialLayerState(memory), persistent, options);
  return { ...state, memory: state.memory.map((head) => ({ ...head, position: 0 })) };
}

/** A layer as one function of parameters and tokens, from the first state on. */
export function fromStart(layer: Architecture) {
  const plain = layer as unknown as SequenceLayer<Tree, Tree>;
  return (params: Tree, x: Tensor, slots: { mask?: Tensor; storeMask?: Tensor }): { y: Tensor; state: Tree } => {
    const [y, state] = plain.step(params, plain.initialState(params, x.shape[0]!), x, slots);
    return { y, state };
  };
}
