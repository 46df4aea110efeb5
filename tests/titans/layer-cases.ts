/** The neural memory layer in two worlds: its parameters as tensors, and as the oracle's plain numbers. */
import { type Key, key, mapTree, np, scope, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import { NeuralMemory, type NeuralMemoryConfig, type NeuralMemoryParams } from "../../src/titans/index.ts";
import { type NumberTree, toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { networkOf, weightsOf } from "./memory-cases.ts";

/** A small layer with every choice that could change by default made here. */
export function layerOf(overrides: Partial<NeuralMemoryConfig> = {}): NeuralMemory {
  return new NeuralMemory({
    dim: 5,
    heads: 2,
    headDim: 3,
    depth: 2,
    expansion: 2,
    activation: "silu",
    residual: false,
    norm: false,
    chunkSize: 4,
    convolutionKernel: 4,
    maxStepSize: 0.7,
    maxMomentum: 0.99,
    gateBiases: { forget: -3, momentum: 0, stepSize: 0 },
    stepGuard: "off",
    normalizeValues: false,
    ...overrides,
  });
}

/** Fresh parameters with noise on every number: no gate is the same for all tokens, no scale is one. */
export function noisyParams<P extends Tree>(layer: { init(key: Key): P }, seed: number, deviation = 0.3): P {
  const random = oracle.randomSource(seed);
  return scope(() =>
    mapTree(layer.init(key(seed)), (leaf) =>
      np.add(leaf, tensor(random.normalVector(leaf.size, deviation), leaf.shape)),
    ),
  );
}

/** The library's parameters, read as numbers, in the oracle's form. */
export function layerParameters(params: NumberTree): oracle.LayerParameters {
  const { projection, convolution, gates, initialMemory, readScale, outputGate, output } = params as unknown as {
    projection: oracle.Matrix;
    convolution: oracle.Matrix;
    gates: Record<"forget" | "momentum" | "stepSize", { weight: oracle.Matrix; bias: oracle.Vector }>;
    initialMemory: NumberTree;
    readScale: oracle.Matrix;
    outputGate: oracle.Matrix;
    output: oracle.Matrix;
  };
  const inner = output.length;
  const third = (matrix: oracle.Matrix, part: number) => oracle.headColumns(matrix, part, inner);
  const kinds = [gates.forget, gates.momentum, gates.stepSize];
  return {
    query: third(projection, 0),
    key: third(projection, 1),
    value: third(projection, 2),
    convolution: { query: third(convolution, 0), key: third(convolution, 1), value: third(convolution, 2) },
    gateWeight: projection.map((_, row) => kinds.flatMap(({ weight }) => weight[row]!)),
    gateBias: kinds.flatMap(({ bias }) => bias),
    memory: readScale.map((_, head) => weightsOf(headOf(initialMemory, head))),
    readNorm: readScale,
    outputGate,
    output,
  };
}

/** The numbers of one head of a memory tree [heads, ...]. */
function headOf(memory: NumberTree, head: number): NumberTree {
  const { layers, norm } = memory as unknown as {
    layers: NumberTree[][];
    norm?: { scale: NumberTree[]; shift: NumberTree[] };
  };
  const matrices = layers.map((matrix) => matrix[head]!);
  if (norm === undefined) return { layers: matrices };
  return { layers: matrices, norm: { scale: norm.scale[head]!, shift: norm.shift[head]! } };
}

/** The layer's configuration for the oracle. */
export function layerOptions({ config, architecture }: NeuralMemory): oracle.LayerOptions {
  const { heads, chunkSize, maxStepSize, maxMomentum, stepGuard, normalizeValues } = config;
  return {
    heads,
    network: networkOf(architecture),
    kappa: 1,
    chunk: chunkSize,
    read: "after",
    maxStep: maxStepSize,
    maxMomentum,
    normaliseValues: normalizeValues,
    ...(stepGuard === "off" ? {} : { guard: stepGuard === "key" ? "keys" : "tangent" }),
  };
}

/** The oracle's layer from a fresh state, for one sequence [tokens, dim]. */
export function oracleLayer(
  layer: NeuralMemory,
  params: NeuralMemoryParams | NumberTree,
  x: oracle.Matrix,
  masks: { valid?: boolean[]; store?: boolean[] } = {},
  switches: Partial<oracle.LayerOptions> = {},
): oracle.LayerResult {
  const numbers = layerParameters(isNumbers(params) ? params : toNumbers(params));
  return oracle.memoryLayer(
    numbers,
    oracle.initialLayerState(numbers),
    x,
    { ...layerOptions(layer), ...switches },
    masks,
  );
}

function isNumbers(params: NeuralMemoryParams | NumberTree): params is NumberTree {
  return Array.isArray((params as { projection: unknown }).projection);
}

/** Several sequences through the oracle's layer. */
export function oracleRows(...[layer, params, x, masks, switches]: RowArguments): oracle.LayerResult[] {
  const numbers = toNumbers(params);
  return x.map((row, i) => oracleLayer(layer, numbers, row, masks?.[i], switches));
}

type RowArguments = [
  layer: NeuralMemory,
  params: NeuralMemoryParams,
  x: oracle.Matrix[],
  masks?: { valid?: boolean[]; store?: boolean[] }[],
  switches?: Partial<oracle.LayerOptions>,
];

/** A mask of booleans as the library takes it: [batch, tokens]. */
export function maskTensor(rows: readonly (readonly boolean[])[]): Tensor {
  return tensor(rows.flat().map(Number), [rows.length, rows[0]?.length ?? 0]);
}
