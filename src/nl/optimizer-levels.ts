/** Optimisers as levels: which memories of gradients each of them has. */
import { ConfigError, unknownName } from "../utils/index.ts";

/** One memory of gradients. */
export interface GradientMemory {
  readonly name: string;
  /** What it is trained on. */
  readonly objective: string;
  /** Its memories of the same step that it is made from. */
  readonly needs?: readonly string[];
  /** Whether it waits for several steps: its period comes from the optimiser's settings. */
  readonly slow?: boolean;
}

const agreement = "agreement with the gradient";
const mean: GradientMemory = { name: "first moment", objective: "squared distance to the gradient" };
const meanSquare: GradientMemory = { name: "second moment", objective: "squared distance to the squared gradient" };
const heavyBall: GradientMemory = { name: "momentum", objective: agreement };

/** The memories of every optimiser, by the optimiser's name; Muon and M3 leave what is no matrix to AdamW, whose moments they therefore have. */
const memories = {
  sgd: [],
  momentum: [heavyBall],
  nesterov: [heavyBall],
  adam: [mean, meanSquare],
  adamw: [mean, meanSquare],
  adagrad: [{ name: "sum of squares", objective: "agreement with the squared gradient" }],
  muon: [
    heavyBall,
    { name: "orthogonalised momentum", objective: "distance to orthogonality", needs: ["momentum"] },
    mean,
    meanSquare,
  ],
  dgd: [],
  "preconditioned-momentum": [{ name: "momentum", objective: "agreement with the preconditioned gradient" }],
  "delta-momentum": [{ name: "momentum", objective: "squared distance of its answer to the gradient from the value" }],
  "deep-momentum": [
    { name: "momentum network", objective: "squared distance of its answer from the negative gradient" },
  ],
  m3: [
    { name: "fast momentum", objective: agreement },
    mean,
    meanSquare,
    { name: "slow momentum", objective: "agreement with the sum of a period's gradients", slow: true },
  ],
} as const satisfies Record<string, readonly GradientMemory[]>;

/** Optimisers whose levels are known. */
export const levelledOptimizers = Object.keys(memories) as (keyof typeof memories)[];

/**
 * The memories of gradients that an optimiser has; plain gradient descent has none.
 *
 * @param optimizer one of `levelledOptimizers`
 * @throws ConfigError if there is no such optimiser, with the nearest name
 */
export function gradientMemories(optimizer: string): readonly GradientMemory[] {
  if (!Object.hasOwn(memories, optimizer))
    throw new ConfigError(unknownName("optimizer", optimizer, levelledOptimizers));
  return memories[optimizer as keyof typeof memories];
}
