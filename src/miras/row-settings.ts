/** What the settings of Table 1's rows are made of. */
import type { GateSource } from "./gate-heads.ts";
import type { MirasSettings } from "./miras-memory-config.ts";

/** A gate that keeps, or takes in, everything. */
export const one: GateSource = { kind: "fixed", value: 1 };
/** Gates that keep some 98 % of a token. */
export const perToken: GateSource = { kind: "token", bias: 4 };
/** The same for every channel by itself. */
export const perChannel: GateSource = { kind: "channel", bias: 4, rank: 16 };
/** Half of the largest step. */
const halfStep: GateSource = { kind: "token", bias: 0 };

/** Where a row says nothing else: a matrix, written with the whole value, keeping everything. */
export const plain: MirasSettings = {
  architecture: { kind: "matrix" },
  bias: { kind: "dotProduct" },
  retention: { kind: "none" },
  algorithm: { kind: "gradientDescent", gradientPoint: "chunk" },
  gateAxis: "values",
  gates: { retain: one, stepSize: one, momentum: { kind: "token", bias: 0 }, threshold: { kind: "token", bias: 0.5 } },
  maxStepSize: 1,
  maxMomentum: 0.9,
  keySource: "projected",
  rotary: false,
  normalizeKeys: true,
  normalizeValues: false,
  chunkSize: 16,
  convolutionKernel: 4,
};
const tokenExact = { kind: "gradientDescent", gradientPoint: "token" } as const;
/** The l2 bias without a factor in its gradient. */
export const l2 = { kind: "l2", scale: "half" } as const;
/** Decay by the retain gate, gradients at the weights before it. */
export const decay = { kind: "l2", gradientAt: "previous" } as const;

/** What free combinations start from: a matrix memory with the l2 bias, a learned step size and a learned decay, gradients at chunk starts. */
export const plainSettings: MirasSettings = {
  ...plain,
  bias: l2,
  retention: decay,
  gates: { ...plain.gates, retain: perToken, stepSize: { kind: "token", bias: -2 } },
};

/** A row with the dot product bias and decay. */
export function hebbian(gates: Partial<MirasSettings["gates"]>, changes: Partial<MirasSettings> = {}): MirasSettings {
  return { ...plain, retention: decay, ...changes, gates: { ...plain.gates, ...gates } };
}

/** A row with the l2 bias whose tokens each erase from what they find, with half of the largest step to begin with. */
export function delta(changes: Partial<MirasSettings>, gates: Partial<MirasSettings["gates"]> = {}): MirasSettings {
  return {
    ...plain,
    bias: l2,
    algorithm: tokenExact,
    ...changes,
    gates: { ...plain.gates, stepSize: halfStep, ...gates },
  };
}

/** The decay of RetNet's heads: $1 - 2^{-5-h}$. */
export function retNetDecays(heads: number): readonly number[] {
  return Array.from({ length: heads }, (_, head) => 1 - 2 ** (-5 - head));
}

/** The decay of Lightning Attention's heads: $e^{-s_h}$ with the slopes $s_h = 2^{-8(h+1)/H}$. */
export function lightningDecays(heads: number): readonly number[] {
  return Array.from({ length: heads }, (_, head) => Math.exp(-(2 ** ((-8 * (head + 1)) / heads))));
}

/** The network of TTT: residual and norm around one or two matrices. */
export function testTimeTraining(depth: number, largestStep: number): MirasSettings {
  return {
    ...plain,
    architecture: { kind: "mlp", depth, expansion: 4, activation: "exactGelu", residual: true, norm: true },
    bias: l2,
    maxStepSize: largestStep,
    gates: { ...plain.gates, stepSize: halfStep },
  };
}
