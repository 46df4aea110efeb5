/** All optimisers by name: what configurations and listings know of them. */
import { ConfigError, unknownName } from "../utils/index.ts";
import { adaGrad, adaGradDefaults } from "./adagrad.ts";
import { adam, adamDefaults, adamW, adamWDefaults } from "./adamw.ts";
import { deepMomentum, deepMomentumDefaults } from "./deep-momentum.ts";
import { deltaGradientDescent, deltaGradientDescentDefaults } from "./delta-gradient-descent.ts";
import { deltaMomentum, deltaMomentumDefaults } from "./delta-momentum.ts";
import { momentum, momentumDefaults, nesterov, sgd, sgdDefaults } from "./gradient-descent.ts";
import { m3, m3Defaults } from "./m3.ts";
import { muon, muonDefaults } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";
import { preconditionedMomentum, preconditionedMomentumDefaults } from "./preconditioned-momentum.ts";

/** OptimizerSettings of an optimiser as configurations write them. */
export type OptimizerSettings = Readonly<Record<string, number | boolean | string>>;

/** What is known of an optimiser. */
export interface NamedOptimizer {
  /** One sentence. */
  readonly title: string;
  /** Where it was published. */
  readonly paper: string;
  /** The equation of Nested Learning that it follows or is read as; empty where the paper has none. */
  readonly equation: string;
  /** Every setting with its default. */
  readonly defaults: OptimizerSettings;
  /**
   * The highest rate of a schedule that suits small language models, where nobody gives one. Searched on a grid of factor 3 for the fewest bits per byte of
   * validation after 100 steps of mac-small on Moby Dick (batches of 4 windows of 128 bytes, warm-up and cosine decay, gradients clipped to norm 1, one seed),
   * scored on about 8,192 bytes. Half as wide, after 80 steps, the best is the same or next to it but for adam (best 0.1, flat from 0.03 to 0.3),
   * dgd (best 10: 3.775 bits per byte against 3.850 at 1) and preconditioned momentum, which was not searched as low there.
   * Without preconditioning a rate three times as high as these is much worse.
   */
  readonly learningRate: number;
  /** Makes it; settings that are left out have their defaults. */
  create(settings: OptimizerSettings): Optimizer;
}

const nestedLearning = "Nested Learning (arXiv:2512.24695)";

const named = {
  sgd: {
    title: "Gradient descent.",
    paper: "Robbins and Monro (1951)",
    equation: "32",
    defaults: sgdDefaults,
    learningRate: 3,
    create: sgd,
  },
  momentum: {
    title: "Gradient descent with heavy-ball momentum.",
    paper: "Polyak (1964)",
    equation: "33",
    defaults: momentumDefaults,
    learningRate: 1,
    create: momentum,
  },
  nesterov: {
    title: "Gradient descent with Nesterov's momentum.",
    paper: "Nesterov (1983)",
    equation: "",
    defaults: momentumDefaults,
    learningRate: 1,
    create: nesterov,
  },
  adam: {
    title: "Mean gradient over the root of the mean squared gradient.",
    paper: "Kingma and Ba (arXiv:1412.6980)",
    equation: "105",
    defaults: adamDefaults,
    learningRate: 1e-2,
    create: adam,
  },
  adamw: {
    title: "Adam with decoupled weight decay.",
    paper: "Loshchilov and Hutter (arXiv:1711.05101)",
    equation: "105",
    defaults: adamWDefaults,
    learningRate: 1e-2,
    create: adamW,
  },
  adagrad: {
    title: "Gradient over the root of all squared gradients.",
    paper: "Duchi, Hazan and Singer (2011)",
    equation: "111",
    defaults: adaGradDefaults,
    learningRate: 3e-2,
    create: adaGrad,
  },
  muon: {
    title: "Orthogonalised momentum for matrices, AdamW for the rest.",
    paper: "Jordan et al. (2024)",
    equation: "42",
    defaults: muonDefaults,
    learningRate: 3e-2,
    create: muon,
  },
  dgd: {
    title: "Gradient descent that erases along the current input.",
    paper: nestedLearning,
    equation: "57",
    defaults: deltaGradientDescentDefaults,
    learningRate: 1,
    create: deltaGradientDescent,
  },
  "preconditioned-momentum": {
    title: "Momentum of gradients whose rows have size one.",
    paper: nestedLearning,
    equation: "47",
    defaults: preconditionedMomentumDefaults,
    learningRate: 1e-3,
    create: preconditionedMomentum,
  },
  "delta-momentum": {
    title: "Momentum that erases along the current gradient before it writes.",
    paper: nestedLearning,
    equation: "48-49",
    defaults: deltaMomentumDefaults,
    learningRate: 1,
    create: deltaMomentum,
  },
  "deep-momentum": {
    title: "A small network as momentum, trained on the gradients.",
    paper: nestedLearning,
    equation: "50",
    defaults: deepMomentumDefaults,
    learningRate: 1e-2,
    create: deepMomentum,
  },
  m3: {
    title: "Orthogonalised momentum at two time scales over Adam's second moment, AdamW for what is no matrix.",
    paper: nestedLearning,
    equation: "75",
    defaults: m3Defaults,
    learningRate: 3e-2,
    create: m3,
  },
} as const satisfies Record<string, NamedOptimizer>;

/** An optimiser's name. */
export type OptimizerName = keyof typeof named;
/** Every optimiser by its name. */
export const optimizers: Readonly<Record<OptimizerName, NamedOptimizer>> = named;
/** The names of all optimisers. */
export const optimizerNames = Object.keys(optimizers) as OptimizerName[];

/**
 * An optimiser by its name, for configurations.
 *
 * @param name one of `optimizerNames`
 * @param settings those that differ from the defaults, each of its default's type
 * @throws ConfigError if there is no such optimiser or setting, with the nearest name, or a value cannot be used
 */
export function optimizerNamed(name: string, settings: OptimizerSettings = {}): Optimizer {
  if (!Object.hasOwn(optimizers, name)) throw new ConfigError(unknownName("optimizer", name, optimizerNames));
  const { defaults, create } = optimizers[name as OptimizerName];
  for (const [setting, value] of Object.entries(settings)) {
    if (!Object.hasOwn(defaults, setting))
      throw new ConfigError(`${name}: ${unknownName("setting", setting, Object.keys(defaults))}`);
    const expected = typeof defaults[setting];
    if (typeof value !== expected)
      throw new ConfigError(`${name}: ${setting} must be a ${expected}, not ${JSON.stringify(value)}`);
  }
  return create(settings);
}
