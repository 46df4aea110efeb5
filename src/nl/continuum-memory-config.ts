/** What a continuum memory is made of, and what can go wrong with it. */
import type { OptimizerSettings } from "../optim/index.ts";
import { ConfigError } from "../utils/index.ts";

/** How levels pass knowledge on through where they start, and how they are joined. */
export const continuumForms = ["sequential", "nested", "independent"] as const;
/** One of `continuumForms`. */
export type ContinuumForm = (typeof continuumForms)[number];

/** The order in which a token passes the levels of a chain. */
export const continuumOrders = ["fastFirst", "slowFirst"] as const;
/** One of `continuumOrders`. */
export type ContinuumOrder = (typeof continuumOrders)[number];

/** A continuum memory. */
export interface ContinuumMemoryConfig {
  /** Features of a token. */
  readonly dim: number;
  /** Hidden features of each level's network. */
  readonly hiddenDim: number;
  /** C of each level: tokens between two updates; `null` for a level that stands still while a sequence is read. */
  readonly periods: readonly (number | null)[];
  /** eta of a single token's gradient: gradients of a chunk are summed. One for all levels, or one for each of `periods`. */
  readonly stepSize: number | readonly number[];
  /**
   * `sequential`: a chain whose starts are all learned by the outer loop (Eq. 73). `nested`: the same, and each level also changes where the next faster one starts anew (Eq. 72).
   * `independent`: levels side by side, summed (Eq. 74).
   */
  readonly form: ContinuumForm;
  /** Of the chain, whichever way the periods are written. */
  readonly order: ContinuumOrder;
  /** Whose error term the levels use, and its settings. */
  readonly optimizer: { readonly name: string } & OptimizerSettings;
}

/** What a continuum memory takes where its configuration says nothing. */
export const continuumDefaults = {
  stepSize: 0.01,
  form: "sequential",
  order: "fastFirst",
  optimizer: { name: "sgd" },
} as const;

/** A level of a configuration. */
export interface ContinuumLevel {
  /** `Infinity` for a level that stands still. */
  readonly period: number;
  readonly stepSize: number;
}

/** The levels in the order in which a token passes them. */
export function continuumLevels({
  periods,
  stepSize,
  order,
}: Pick<ContinuumMemoryConfig, "periods" | "stepSize" | "order">): ContinuumLevel[] {
  const levels = periods.map((period, i) => ({
    period: period ?? Infinity,
    stepSize: typeof stepSize === "number" ? stepSize : stepSize[i]!,
  }));
  const fastFirst = levels.sort((a, b) => (a.period === b.period ? 0 : a.period - b.period));
  return order === "fastFirst" ? fastFirst : fastFirst.reverse();
}

/** What is wrong with the levels, in a sentence; `undefined` if nothing is. */
export function continuumProblem({
  periods,
  stepSize,
  form,
}: Pick<ContinuumMemoryConfig, "periods" | "stepSize" | "form">): string | undefined {
  if (periods.length === 0) return "there are no levels; give at least one period, such as 64";
  if (typeof stepSize !== "number" && stepSize.length !== periods.length)
    return `there are ${stepSize.length} step sizes for ${periods.length} periods; give one for each, or a single one for all`;
  const negative = [stepSize].flat().find((step) => !(step >= 0));
  if (negative !== undefined) return `a step size is ${negative}; it must be at least 0`;
  const finite = periods.filter((period) => period !== null).sort((a, b) => a - b);
  const none = finite.find((period) => !Number.isInteger(period) || period < 1);
  if (none !== undefined)
    return `a period is ${none}; it must be a whole number of tokens, or null for a level that stands still`;
  const divisors = form === "nested" ? finite.slice(0, -1) : finite.map(() => finite[0]!);
  const uneven = divisors.findIndex((divisor, i) => (form === "nested" ? finite[i + 1]! : finite[i]!) % divisor !== 0);
  if (uneven < 0) return undefined;
  const [longer, shorter] = form === "nested" ? [finite[uneven + 1], finite[uneven]] : [finite[uneven], finite[0]];
  return `a period of ${longer} tokens is no multiple of the faster one of ${shorter}; choose periods that are, so that chunks end together`;
}

/** @throws ConfigError if the memory cannot work */
export function checkContinuum(config: ContinuumMemoryConfig): void {
  const problem = continuumProblem(config);
  if (problem !== undefined) throw new ConfigError(`continuum memory: ${problem}`);
}
