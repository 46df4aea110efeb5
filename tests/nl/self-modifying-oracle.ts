/** The layer of self-modifying Titans around the oracle of its memories, which knows one head and stores every token. */
import type { SelfModifyingTitans } from "../../src/nl/index.ts";
import * as oracle from "../oracles/index.ts";
import type { PlainParams } from "./plain-self-modifying.ts";

/** Outputs for the tokens x, and the main memory after them. */
export function selfModifyingOracle(
  { config }: SelfModifyingTitans,
  params: PlainParams,
  x: oracle.Matrix,
): { y: oracle.Matrix; memory: oracle.Matrix[] } {
  const { projections = {}, initialMemories, convolutions } = params;
  const memoryOf = (name: string): oracle.SelfModifyingMemory => {
    const fixed = projections[name];
    // A static matrix is a memory that is never written.
    if (fixed) return { kind: "matrix", weight: oracle.transpose(fixed) };
    const [first, second] = initialMemories[name]?.layers.map(([layer]) => layer!) ?? [oracle.identity(config.dim)];
    return second ? { kind: "mlp", inward: first!, outward: second } : { kind: "matrix", weight: first! };
  };
  const names = ["key", "value", "stepSize", "retain", "memory"] as const;
  const memories = Object.fromEntries(names.map((name) => [name, memoryOf(name)]));
  const all = config.adaptiveQuery ? { ...memories, query: memoryOf("query") } : memories;
  const mix = (branch: oracle.SelfModifyingBranch, window: oracle.Matrix) => {
    const taps = convolutions[branch]!.slice(-window.length);
    const mixed = window[0]!.map((_, j) => window.reduce((sum, u, n) => sum + u[j]! * taps[n]![j]!, 0));
    return branch === "value" && config.normalizeValues ? oracle.l2Normalise(mixed, 1e-6) : mixed;
  };
  const result = oracle.selfModifyingTitans(
    oracle.initialSelfModifyingState(all as unknown as oracle.SelfModifyingMemories),
    { x, ...(config.adaptiveQuery ? {} : { queryWeight: oracle.transpose(projections.query!) }) },
    {
      ...config,
      activation: "silu",
      memoryChunk: config.chunkSize,
      projectionChunk: config.projectionChunkSize,
      stepSizeBias: params.gateBiases.stepSize![0]!,
      retainBias: params.gateBiases.retain?.[0] ?? 0,
      normaliseEpsilon: 1e-6,
      frozen: [...config.staticProjections, ...(config.decay ? [] : (["retain"] as const))],
      convolution: { length: config.convolutionKernel, mix },
    },
  );
  const y = result.outputs.map((read, t) => {
    const rms = Math.sqrt(oracle.dot(read, read) / config.dim + 1e-6);
    const gate = oracle.vecMat(x[t]!, params.outputGate).map(oracle.sigmoid);
    return oracle.vecMat(
      read.map((u, j) => (u / rms) * params.readScale[0]![j]! * gate[j]!),
      params.output,
    );
  });
  const { memory } = result.state.memories;
  return { y, memory: memory.kind === "mlp" ? [memory.inward, memory.outward] : [memory.weight] };
}
