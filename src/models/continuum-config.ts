/** The continuum memory of a model's blocks, as configurations write it. */
import { z } from "zod";
import {
  type ContinuumMemoryConfig,
  continuumDefaults,
  continuumForms,
  continuumOrders,
  continuumProblem,
} from "../nl/index.ts";
import { optimizerNamed, optimizerNames } from "../optim/index.ts";
import { ConfigError } from "../utils/index.ts";

const step = z.number().min(0);

/** How levels are laid out over blocks. */
export const continuumLayouts = ["chain", "oneABlock"] as const;

/** How outer gradients pass through updates: taking inner gradients for constants, or through them too. */
export const outerGradients = ["firstOrder", "exact"] as const;

/** Networks at several frequencies in the place of each block's feed-forward network; see `ContinuumMemoryConfig` for what each entry means. */
export const continuumSchema = z
  .strictObject({
    /** Tokens between two updates of each level, all multiples of the smallest; `null`: stands still while a sequence is read. */
    periods: z.array(z.int().min(1).nullable()).min(1).readonly(),
    /** `chain`: every block has all levels. `oneABlock`: each block has one level, the first block that of the first period. */
    layout: z.enum(continuumLayouts).default("chain"),
    stepSize: z.union([step, z.array(step)]).default(continuumDefaults.stepSize),
    form: z.enum(continuumForms).default(continuumDefaults.form),
    order: z.enum(continuumOrders).default(continuumDefaults.order),
    optimizer: z
      .object({ name: z.enum(optimizerNames).default(continuumDefaults.optimizer.name) })
      .catchall(z.union([z.number(), z.boolean(), z.string()]))
      .prefault({}),
    /** `exact` differentiates through the updates: second derivatives, which need the native engine. */
    outerGradient: z.enum(outerGradients).default("firstOrder"),
  })
  .superRefine((continuum, context) => {
    const problem = continuumProblem(continuum) ?? optimizerProblem(continuum.optimizer);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem, input: continuum });
  });

/** A validated continuum memory. */
export type ContinuumConfig = z.output<typeof continuumSchema>;

function optimizerProblem({ name, ...settings }: ContinuumMemoryConfig["optimizer"]): string | undefined {
  try {
    optimizerNamed(name, settings);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return undefined;
}

/** The continuum memory of one block. */
export function blockContinuum(
  { layout, outerGradient: _, ...shared }: ContinuumConfig,
  { dim, hiddenDim, block }: { readonly dim: number; readonly hiddenDim: number; readonly block: number },
): ContinuumMemoryConfig {
  const sizes = { ...shared, dim, hiddenDim };
  if (layout === "chain") return sizes;
  const { periods, stepSize } = shared;
  return {
    ...sizes,
    periods: [periods[block]!],
    stepSize: typeof stepSize === "number" ? stepSize : stepSize[block]!,
  };
}
