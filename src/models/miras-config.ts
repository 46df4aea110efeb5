/** The section `miras` of a model's configuration: what a model changes of its row's settings, choice by choice. */
import { z } from "zod";
import { memoryActivations } from "../common/index.ts";
import {
  bregmanGenerators,
  fDivergences,
  gateAxes,
  huberForms,
  huberL1Gradients,
  keySources,
  l2Scales,
  lqMaps,
  type MirasSettings,
  memoraSettings,
  monetaSettings,
  plainSettings,
  simplexSlices,
  type TableRowName,
  tableRow,
  tableRowNames,
  yaadSettings,
} from "../miras/index.ts";

const whole = z.int().min(1);

const architecture = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("vector") }),
  z.strictObject({ kind: z.literal("matrix") }),
  z.strictObject({
    kind: z.literal("mlp"),
    depth: whole.default(2),
    expansion: z.number().positive().default(4),
    activation: z.enum(memoryActivations).default("exactGelu"),
    residual: z.boolean().default(true),
    norm: z.boolean().default(true),
  }),
]);

const smooth = z
  .union([z.strictObject({ slope: z.number().positive(), epsilon: z.number().positive() }), z.literal(false)])
  .default({ slope: 10, epsilon: 1e-6 });

const bias = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("dotProduct") }),
  z.strictObject({ kind: z.literal("l2"), scale: z.enum(l2Scales).default("half") }),
  z.strictObject({ kind: z.literal("lp"), p: z.number().min(1), smooth }),
  z.strictObject({
    kind: z.literal("huber"),
    form: z.enum(huberForms).default("norm"),
    l1: z.enum(huberL1Gradients).default("sign"),
    smooth,
  }),
  z.strictObject({ kind: z.literal("valueShift"), radius: z.number().min(0) }),
]);

const total = z.union([z.number().positive(), z.literal("entries")]).default("entries");

const retention = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("l2"), gradientAt: z.enum(["previous", "decayed"]).default("previous") }),
  z.strictObject({
    kind: z.literal("lq"),
    qDual: z.number().min(2).default(4),
    map: z.enum(lqMaps).default("printed"),
  }),
  z.strictObject({
    kind: z.literal("kl"),
    slice: z.enum(simplexSlices).default("row"),
    total,
    lagToken: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal("fDivergence"),
    divergence: z.enum(Object.keys(fDivergences) as [keyof typeof fDivergences]).default("chiSquare"),
    slice: z.enum(simplexSlices).default("row"),
    total,
  }),
  z.strictObject({
    kind: z.literal("elasticNet"),
    form: z.enum(["learningRetaining", "ftrl"]).default("learningRetaining"),
    /** The paper's alpha of the first form: how weak the pull to exact zeros is. */
    inverseL1: z.number().positive().default(100),
    /** eta / alpha of the second form. */
    threshold: z.number().positive().default(0.001),
    smooth: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal("bregman"),
    generator: z.enum(Object.keys(bregmanGenerators) as [keyof typeof bregmanGenerators]).default("logit"),
  }),
]);

const algorithm = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("gradientDescent"), gradientPoint: z.enum(["chunk", "token"]).default("chunk") }),
  z.strictObject({ kind: z.literal("momentum") }),
  z.strictObject({ kind: z.literal("implicit") }),
  z.strictObject({ kind: z.literal("multiStep"), steps: whole.default(2) }),
  z.strictObject({ kind: z.literal("leastSquares") }),
]);

const gate = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fixed"), value: z.union([z.number(), z.array(z.number())]) }),
  z.strictObject({ kind: z.literal("token"), bias: z.number() }),
  z.strictObject({ kind: z.literal("channel"), bias: z.number(), rank: whole.default(32) }),
]);

/** What may be set; each entry replaces the row's. */
export const mirasSchema = z.strictObject({
  architecture: architecture.optional(),
  bias: bias.optional(),
  retention: retention.optional(),
  algorithm: algorithm.optional(),
  gateAxis: z.enum(gateAxes).optional(),
  gates: z
    .strictObject({
      retain: gate.optional(),
      retainKeys: gate.optional(),
      stepSize: gate.optional(),
      momentum: gate.optional(),
      threshold: gate.optional(),
    })
    .optional(),
  maxStepSize: z.number().min(0).optional(),
  maxMomentum: z.number().gt(0).lt(1).optional(),
  keySource: z.enum(keySources).optional(),
  rotary: z.boolean().optional(),
  normalizeKeys: z.boolean().optional(),
  normalizeValues: z.boolean().optional(),
  chunkSize: whole.optional(),
  convolutionKernel: whole.optional(),
});

/** Changes to a row's settings. */
export type MirasChanges = z.output<typeof mirasSchema>;

/** Architectures of MIRAS: its three models, free combinations, and every row of Table 1. */
export const mirasArchitectureNames = [
  "moneta",
  "yaad",
  "memora",
  "miras",
  ...tableRowNames.map((row) => `miras:${row}` as const),
] as const;
/** One of `mirasArchitectureNames`. */
export type MirasArchitectureName = (typeof mirasArchitectureNames)[number];

/** What stands for the architectures of all rows in listings. */
export const rowArchitectures = "miras:<row>";

/** Whether an architecture is one of MIRAS. */
export function isMirasArchitecture(name: string): name is MirasArchitectureName {
  return (mirasArchitectureNames as readonly string[]).includes(name);
}

/**
 * The settings of an architecture's memory with a configuration's changes; none where its memory is a set (softmax attention).
 *
 * `miras` starts from a plain matrix memory with the l2 bias, a learned step size and a learned decay, gradients at chunk starts.
 */
export function mirasSettings(
  name: MirasArchitectureName,
  heads: number,
  changes: MirasChanges = {},
): MirasSettings | undefined {
  const row = rowSettings(name, heads);
  if (row === undefined) return undefined;
  const { gates, ...others } = changes;
  return { ...row, ...given(others), gates: { ...row.gates, ...given(gates ?? {}) } } as MirasSettings;
}

function rowSettings(name: MirasArchitectureName, heads: number): MirasSettings | undefined {
  switch (name) {
    case "moneta":
      return monetaSettings;
    case "yaad":
      return yaadSettings;
    case "memora":
      return memoraSettings;
    case "miras":
      return plainSettings;
    default:
      return tableRow(name.slice("miras:".length) as TableRowName).settings?.(heads);
  }
}

/** Entries that are there: absent ones must not replace a row's. */
function given<T extends object>(changes: T): Partial<T> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Partial<T>;
}
