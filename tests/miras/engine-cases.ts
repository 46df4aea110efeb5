/** Memories of every kind that the engine can make, with gates on every axis: small, and random. */
import type { AssociativeMemoryConfig, BiasChoice, GateAxis, RetentionChoice } from "../../src/miras/index.ts";
import { type Matrix, randomSource } from "../oracles/index.ts";
import { type EngineRun, type GateNumbers, randomGate, randomTokens } from "./engine-runs.ts";

/** Features, features inside a network, tokens. */
export const [dim, hidden, length] = [3, 4, 5];

export const algorithms = {
  chunk: { kind: "gradientDescent", gradientPoint: "chunk" },
  token: { kind: "gradientDescent", gradientPoint: "token" },
  momentum: { kind: "momentum" },
  implicit: { kind: "implicit" },
} as const;

export const matrix = { kind: "matrix" } as const;
export const network = {
  kind: "mlp",
  depth: 2,
  expansion: hidden / dim,
  activation: "silu",
  residual: false,
  norm: false,
} as const;

const smooth = { slope: 10, epsilon: 1e-6 };

export const biases = {
  "dot product": { kind: "dotProduct" },
  "l2 half": { kind: "l2", scale: "half" },
  "l2 full": { kind: "l2", scale: "full" },
  "lp 3": { kind: "lp", p: 3, smooth: false },
  "lp 1.5 smooth": { kind: "lp", p: 1.5, smooth },
  "huber coordinate": { kind: "huber", form: "coordinate", l1: "sign", smooth: false },
  "huber norm": { kind: "huber", form: "norm", l1: "sign", smooth: false },
  "huber mixture": { kind: "huber", form: "mixture", l1: "sign", smooth: false },
  "huber mixture smooth": { kind: "huber", form: "mixture", l1: "sign", smooth },
  "value shift": { kind: "valueShift", radius: 0.3 },
} as const satisfies Record<string, BiasChoice>;

export const l2Retentions = {
  none: { kind: "none" },
  previous: { kind: "l2", gradientAt: "previous" },
  decayed: { kind: "l2", gradientAt: "decayed" },
} as const satisfies Record<string, RetentionChoice>;

const elasticNet = { kind: "elasticNet", inverseL1: 3, threshold: 0.15, smooth: false } as const;
const fDivergence = { kind: "fDivergence", slice: "row", total: 1.5 } as const;

/** Every retention that maps an accumulator to weights. */
export const mappedRetentions = {
  "lq printed 4": { kind: "lq", qDual: 4, map: "printed" },
  "lq mirror 3": { kind: "lq", qDual: 3, map: "mirror" },
  "kl rows, lag token": { kind: "kl", slice: "row", total: "entries", lagToken: true },
  "kl whole matrix": { kind: "kl", slice: "matrix", total: 2, lagToken: false },
  "f-divergence kl": { ...fDivergence, divergence: "kl" },
  "f-divergence chi square": { ...fDivergence, divergence: "chiSquare" },
  "f-divergence reverse kl": { ...fDivergence, divergence: "reverseKl" },
  "f-divergence hellinger": { ...fDivergence, divergence: "hellinger" },
  "elastic net": { ...elasticNet, form: "learningRetaining" },
  "elastic net smooth": { ...elasticNet, form: "learningRetaining", smooth: true },
  "elastic net leader": { ...elasticNet, form: "ftrl" },
  "bregman logit": { kind: "bregman", generator: "logit" },
  "bregman quadratic": { kind: "bregman", generator: "quadratic" },
} as const satisfies Record<string, RetentionChoice>;

/** What a token's gates may look like. */
export const gateModes = ["scalar", "values", "keys", "model", "rank one"] as const;
export type GateMode = (typeof gateModes)[number];

export function axisOf(mode: GateMode): GateAxis {
  return mode === "keys" || mode === "model" ? mode : "values";
}

export function gatesOf(mode: GateMode, writes = length): GateNumbers {
  const channels = mode === "scalar" ? 1 : dim;
  return {
    retain: randomGate(801, writes, channels, 0.7, 0.98),
    stepSize: randomGate(802, writes, channels, 0.05, 0.4),
    threshold: randomGate(803, writes, 1, 0.4, 0.9),
    ...(mode === "rank one" ? { retainKeys: randomGate(804, writes, dim, 0.7, 0.98) } : {}),
  };
}

/** A run of the given choices: by default a matrix with the halved squared error, decay, gradients at chunk starts and a gate of one number. */
export function runWith(
  choices: Partial<AssociativeMemoryConfig> = {},
  { mode = "scalar", ...given }: Partial<EngineRun> & { readonly mode?: GateMode } = {},
): EngineRun {
  const config: AssociativeMemoryConfig = {
    architecture: matrix,
    bias: biases["l2 half"],
    retention: l2Retentions.previous,
    algorithm: algorithms.chunk,
    gateAxis: axisOf(mode),
    dim,
    ...choices,
  };
  const layers = startOf(config);
  const isMomentum = config.algorithm.kind === "momentum";
  return {
    config,
    layers,
    ...(isMomentum ? { steps: layers.map((layer) => layer.map((row) => row.map((w) => 0.1 * w))) } : {}),
    tokens: randomTokens(805, length, dim),
    gates: { ...gatesOf(mode), ...(isMomentum ? { momentum: randomGate(806, length, 1, 0.2, 0.8) } : {}) },
    ...given,
  };
}

/** Random states; on the scaled simplex where the retention carries weights of it. */
function startOf({ architecture, retention }: AssociativeMemoryConfig): Matrix[] {
  const random = randomSource(807);
  const shapes =
    architecture.kind === "mlp"
      ? [
          [hidden, dim],
          [dim, hidden],
        ]
      : [[dim, dim]];
  const layers = shapes.map(([rows, columns]) => random.normalMatrix(rows!, columns!, 0.6));
  if (retention.kind !== "fDivergence") return layers;
  const total = retention.total as number;
  return layers.map((layer) =>
    layer.map((row) => {
      const sizes = row.map(Math.exp);
      const sum = sizes.reduce((a, b) => a + b, 0);
      return sizes.map((x) => (total * x) / sum);
    }),
  );
}
