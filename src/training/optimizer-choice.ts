/** Which optimiser a training configuration asks for, and with which settings. */
import { z } from "zod";
import { type Optimizer, type OptimizerSettings, optimizerNamed, optimizerNames, optimizers } from "../optim/index.ts";
import { ConfigError } from "../utils/index.ts";

/** An optimiser by name, with those of its settings that differ from the defaults. */
export const optimizerSchema = z
  .object({ name: z.enum(optimizerNames).default("adamw") })
  .catchall(z.union([z.number(), z.boolean(), z.string()]))
  .prefault({});

/** The entries of a training configuration that belong to several optimisers. */
const shared = ["beta1", "beta2", "weightDecay"] as const;

/** Where language models are usually trained with another number than the optimiser's own default. */
const usual: Readonly<Record<string, OptimizerSettings>> = { adamw: { weightDecay: 0.1 } };

/** The entries of a training configuration that say how the optimiser works. */
export interface OptimizerChoice extends Readonly<Partial<Record<(typeof shared)[number], number | undefined>>> {
  readonly optimizer: z.output<typeof optimizerSchema>;
}

/**
 * Every setting of the chosen optimiser: the weakest is its default, then come `beta1`, `beta2` and `weightDecay` of the training configuration
 * where they are given, then the section `optimizer`.
 */
export function optimizerSettings(training: OptimizerChoice): OptimizerSettings {
  const { name, ...own } = training.optimizer;
  const given = Object.fromEntries(sharedEntries(training));
  return { ...optimizers[name].defaults, ...usual[name], ...given, ...own };
}

/**
 * The optimiser that a training configuration asks for.
 *
 * @throws ConfigError if it has no such setting, or a value cannot be used
 */
export function optimizerOf(training: OptimizerChoice): Optimizer {
  return optimizerNamed(training.optimizer.name, optimizerSettings(training));
}

/** What keeps an optimiser from being made, and the entry to change; `undefined` if nothing does. */
export function optimizerProblem(training: OptimizerChoice): { path: string; sentence: string } | undefined {
  const { name } = training.optimizer;
  const foreign = sharedEntries(training).find(([entry]) => !Object.hasOwn(optimizers[name].defaults, entry));
  if (foreign !== undefined)
    return { path: foreign[0], sentence: `the optimizer "${name}" has no such setting; leave it out` };
  try {
    optimizerOf(training);
  } catch (error) {
    if (error instanceof ConfigError) return { path: "optimizer", sentence: error.message };
    throw error;
  }
  return undefined;
}

function sharedEntries(training: OptimizerChoice): [entry: string, value: number][] {
  return shared.flatMap((entry) => {
    const value = training[entry];
    return value === undefined ? [] : [[entry, value]];
  });
}
