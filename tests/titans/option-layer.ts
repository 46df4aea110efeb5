/** The neural memory layer with its options in plain numbers, for one sequence from a fresh state. */
import type { NeuralMemory } from "../../src/titans/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { networkOf, weightsOf } from "./memory-cases.ts";

/** Gate heads, one a kind. */
type Gates = Record<"forget" | "momentum" | "stepSize", { weight: oracle.Matrix; bias: oracle.Vector }>;

interface Numbers {
  readonly projection: oracle.Matrix;
  readonly convolution: oracle.Matrix;
  readonly gates: Gates;
  readonly initialMemory: { layers: NumberTree[][]; norm?: { scale: NumberTree[]; shift: NumberTree[] } };
  readonly readScale: oracle.Matrix;
  readonly outputGate: oracle.Matrix;
  readonly output: oracle.Matrix;
  readonly transitionGate?: oracle.Vector;
}

/** The epsilon of every norm in the layer. */
const epsilon = 1e-6;

function initialWeights({ initialMemory: { layers, norm } }: Numbers, head: number): oracle.MemoryWeights {
  const matrices = layers.map((matrix) => matrix[head]!);
  return weightsOf({
    layers: matrices,
    ...(norm ? { norm: { scale: norm.scale[head]!, shift: norm.shift[head]! } } : {}),
  });
}

/** Outputs [tokens, dim] of a sequence x [tokens, dim]; the layer must have no guard. */
export function oracleOptionLayer(
  { config, architecture }: NeuralMemory,
  params: NumberTree,
  x: oracle.Matrix,
): oracle.Matrix {
  const numbers = params as unknown as Numbers;
  const { heads, headDim, pairsPerToken, queryKeyNorm } = config;
  const inner = heads * headDim;
  const projected = oracle.project(x, numbers.projection);
  const tail = oracle.zeroMatrix(numbers.convolution.length - 1, numbers.convolution[0]!.length);
  const { outputs: mixed } = oracle.causalConvolution(projected, numbers.convolution, tail);
  const active = mixed.map((row) => row.map((z) => oracle.activate("silu", z)));
  const branch = (part: number, head: number) =>
    oracle.headColumns(oracle.headColumns(active, part, inner), head, headDim);
  const ones = new Array<number>(headDim).fill(1);
  const normalised = (row: oracle.Vector) =>
    queryKeyNorm === "l2" ? oracle.l2Normalise(row, epsilon) : oracle.rmsNorm(row, ones, epsilon);
  const gate = (kind: keyof Gates, head: number) =>
    oracle
      .project(x, numbers.gates[kind].weight)
      .map((row) => oracle.sigmoid(row[head]! + numbers.gates[kind].bias[head]!));

  const reads = Array.from({ length: heads }, (_, head) => {
    const pairs = Array.from({ length: pairsPerToken }, (_unused, pair) => pair);
    const sequence: oracle.PairSequence = {
      queries: branch(0, head).map(normalised),
      keys: x.map((_token, t) => pairs.map((pair) => normalised(branch(1 + pair, head)[t]!))),
      values: x.map((_token, t) =>
        pairs.map((pair) => {
          const value = branch(1 + pairsPerToken + pair, head)[t]!;
          return config.normalizeValues ? oracle.l2Normalise(value, epsilon) : value;
        }),
      ),
      forget: gate("forget", head),
      momentum: gate("momentum", head).map((eta) => Math.min(eta, config.maxMomentum)),
      stepSize: gate("stepSize", head).map((share) => config.maxStepSize * share),
    };
    const options: oracle.StableOptions = {
      network: networkOf(architecture),
      // A sum over features for unit keys, a mean for keys of length sqrt(headDim).
      kappa: queryKeyNorm === "l2" ? config.lossScale : config.lossScale / headDim,
      chunk: config.chunkSize,
      read: "after",
      decayToInitial: config.forgetTowards === "initial",
      orthogonaliseSurprise: config.orthogonalizeSurprise,
      renormaliseWeights: config.renormalizeWeights,
      ...(config.maxSurpriseNorm === null ? {} : { maxGradientNorm: config.maxSurpriseNorm }),
      ...(config.gatedTransition ? { transitionLogit: numbers.transitionGate![head]! } : {}),
    };
    const start = oracle.initialStableState(initialWeights(numbers, head), config.momentumOrder);
    const { outputs } = oracle.pairRecurrence(sequence, start, options);
    return outputs.map((row) => oracle.rmsNorm(row, numbers.readScale[head]!, epsilon));
  });

  const gated = oracle.project(x, numbers.outputGate).map((row, t) =>
    oracle.hadamard(
      row.map(oracle.sigmoid),
      reads.flatMap((read) => read[t]!),
    ),
  );
  return oracle.project(gated, numbers.output);
}
