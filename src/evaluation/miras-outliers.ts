/** What outliers among the values do to a memory, bias by bias: real writes of the engine, one token at a time. */
import { detached, type Engine, np, read, release, scope, slice, type Tensor, tensor } from "../array/index.ts";
import { memoryForward } from "../common/index.ts";
import { type AssociativeMemory, associativeMemory, type BiasChoice } from "../miras/index.ts";
import { linearAssociations, outliersOf } from "./associations.ts";

/** How the experiment is made. */
export interface OutlierOptions {
  /** Each draws other keys, another map and other outliers. */
  readonly seeds: readonly number[];
  /** Features of a key and of a value. */
  readonly dim: number;
  readonly pairs: number;
  /** How often all pairs are written, in the same order. */
  readonly passes: number;
  /** Share of the pairs whose value is an outlier. */
  readonly share: number;
  /** What an outlier's value is multiplied by. */
  readonly factor: number;
  /** Huber's delta of a whole residual; of one coordinate it is this over the root of `dim`. Values have length 1 or so. */
  readonly threshold: number;
  /** What Yaad keeps of its memory at every token. */
  readonly retain: number;
  /** Delta of the bias that is robust to shifted values. */
  readonly radius: number;
  /** Step sizes that every memory is tried with. */
  readonly stepSizes: readonly number[];
}

/** The usual numbers. */
export const outlierOptions: OutlierOptions = {
  seeds: [0, 1, 2, 3, 4],
  dim: 64,
  pairs: 256,
  passes: 4,
  share: 0.05,
  factor: 100,
  threshold: 0.1,
  retain: 0.9995,
  radius: 0.1,
  stepSizes: Array.from({ length: 11 }, (_, i) => 2 ** (i - 9)),
};

/** A memory of the experiment. */
interface OutlierCase {
  readonly name: string;
  readonly bias: BiasChoice;
  /** Whether decay goes with it. */
  readonly decays?: boolean;
  /** Huber's delta is one a coordinate. */
  readonly byCoordinate?: boolean;
  /** Whether outliers can do it little harm. */
  readonly robust: boolean;
}

/** What one memory recalled. */
export interface OutlierFinding {
  readonly name: string;
  readonly robust: boolean;
  /** Recall errors by step size and seed, nothing corrupted; `null` where the memory diverged. */
  readonly clean: readonly (readonly (number | null)[])[];
  /** The same with outliers, on the other pairs. */
  readonly corrupted: readonly (readonly (number | null)[])[];
  /** Place of the step size that recalls best where nothing is corrupted: a memory cannot know what will be. */
  readonly chosen: number;
  /** Place of the step size that recalls best with outliers. */
  readonly best: number;
}

/** What the experiment found. */
export interface OutlierFindings {
  readonly options: OutlierOptions;
  /** The first is l2, which the others are measured against. */
  readonly memories: readonly OutlierFinding[];
}

/** Tokens of one compiled program, each a chunk of its own. */
const TOKENS = 8;

function casesOf({ radius }: OutlierOptions): readonly OutlierCase[] {
  const huber = (form: "coordinate" | "norm" | "mixture") =>
    ({ kind: "huber", form, l1: "sign", smooth: false }) as const;
  const lp = (p: number) => ({ kind: "lp", p, smooth: false }) as const;
  return [
    { name: "l2", bias: { kind: "l2", scale: "half" }, robust: false },
    { name: "Huber, coordinates", bias: huber("coordinate"), byCoordinate: true, robust: true },
    { name: "Huber, norm", bias: huber("norm"), robust: true },
    { name: "Huber, mixture", bias: huber("mixture"), robust: true },
    { name: "Yaad", bias: huber("mixture"), decays: true, robust: true },
    { name: "lp, p = 1", bias: lp(1), robust: true },
    { name: "lp, p = 1.5", bias: lp(1.5), robust: true },
    { name: "lp, p = 3", bias: lp(3), robust: false },
    { name: "value shift", bias: { kind: "valueShift", radius }, robust: false },
  ];
}

/**
 * Writes associations into matrix memories, once as they are and once with outliers among the values, and finds out how well the pairs that were not corrupted
 * are recalled.
 *
 * $$\text{recall error} = \sqrt{\frac{\sum_{i \in \text{uncorrupted}} \|W k_i - v_i\|^2}{\sum_{i \in \text{uncorrupted}} \|v_i\|^2}}$$
 *
 * A memory that was never written has error 1. Gradients are taken at every token's own weights (chunk size 1).
 *
 * @param told hears which memory is next
 */
export async function outlierExperiment(
  engine: Engine,
  changes: Partial<OutlierOptions> = {},
  told: (memory: string) => void = () => {},
): Promise<OutlierFindings> {
  const options = { ...outlierOptions, ...changes };
  const { seeds, pairs, share, factor } = options;
  const { keys, values } = linearAssociations(options);
  const outliers = seeds.flatMap((seed) => outliersOf(seed, pairs, share));
  const perPair = (of: (isOutlier: boolean) => number) =>
    detached(() => tensor(Float32Array.from(outliers, of), [seeds.length, pairs, 1]));
  const counted = perPair((isOutlier) => (isOutlier ? 0 : 1));
  const factors = perPair((isOutlier) => (isOutlier ? factor : 1));
  const corruptedValues = detached(() => scope(() => np.multiply(values, factors)));
  const memories: OutlierFinding[] = [];
  for (const one of casesOf(options)) {
    told(one.name);
    const trial = compileTrial(engine, one, options);
    const errors = (written: Tensor) => trial({ keys, written, values, counted });
    const clean = await errors(values);
    const corrupted = await errors(corruptedValues);
    const { name, robust } = one;
    memories.push({ name, robust, clean, corrupted, chosen: bestOf(clean), best: bestOf(corrupted) });
  }
  release(keys, values, counted, factors, corruptedValues);
  return { options, memories };
}

/** The mean over seeds; `null` if one of them diverged. */
export function meanError(errors: readonly (number | null)[]): number | null {
  if (errors.includes(null)) return null;
  return (errors as readonly number[]).reduce((sum, error) => sum + error, 0) / errors.length;
}

function bestOf(errors: readonly (readonly (number | null)[])[]): number {
  const means = errors.map((bySeed) => meanError(bySeed) ?? Number.POSITIVE_INFINITY);
  return means.indexOf(Math.min(...means));
}

/** What a memory is tried on: [seeds, pairs, dim or 1] each. */
interface TrialPairs {
  readonly keys: Tensor;
  /** The values that are written. */
  readonly written: Tensor;
  /** The values that should be recalled. */
  readonly values: Tensor;
  /** 1 for the pairs that count. */
  readonly counted: Tensor;
}

function compileTrial(engine: Engine, one: OutlierCase, options: OutlierOptions) {
  const { seeds, dim, pairs, passes, stepSizes } = options;
  const memory: AssociativeMemory = associativeMemory({
    architecture: { kind: "matrix" },
    bias: one.bias,
    retention: one.decays ? { kind: "l2", gradientAt: "previous" } : { kind: "none" },
    algorithm: { kind: "gradientDescent", gradientPoint: "chunk" },
    dim,
  });
  const write = engine.compile(`writing ${one.name}`, (weights: Tensor, keys: Tensor, values: Tensor, steps: Tensor) =>
    written(memory, one, options, { weights, keys, values, steps }),
  );
  const score = engine.compile(
    `recall of ${one.name}`,
    (weights: Tensor, { keys, values, counted }: Omit<TrialPairs, "written">) => {
      const all = np.broadcastTo(keys, [stepSizes.length, ...keys.shape]);
      const recalled = memoryForward(memory.choices.architecture, { layers: [weights] }, all);
      const total = (x: Tensor) => np.sum(np.multiply(np.square(x), counted), [-2, -1]);
      return np.sqrt(np.divide(total(np.subtract(recalled, values)), total(values)));
    },
  );
  return async ({ written: toWrite, ...recalled }: TrialPairs): Promise<(number | null)[][]> => {
    const steps = detached(() => tensor(Float32Array.from(stepSizes), [stepSizes.length, 1, 1, 1]));
    let weights = detached(() => np.zeros([stepSizes.length, seeds.length, dim, dim]));
    for (let pass = 0; pass < passes; pass++)
      for (let from = 0; from < pairs; from += TOKENS) {
        const cut = (x: Tensor) => detached(() => slice(x, [], [from, Math.min(from + TOKENS, pairs)]));
        const [keys, values] = [cut(recalled.keys), cut(toWrite)];
        const next = await write(weights, keys, values, steps);
        release(weights, keys, values);
        weights = next;
      }
    const errors = await score(weights, recalled);
    const found = Array.from(await read(errors), (error) => (Number.isFinite(error) ? error : null));
    release(weights, steps, errors);
    return stepSizes.map((_, i) => found.slice(i * seeds.length, (i + 1) * seeds.length));
  };
}

/** The weights after some tokens: [step sizes, seeds, dim, dim] */
function written(
  memory: AssociativeMemory,
  { decays, byCoordinate }: OutlierCase,
  { seeds, stepSizes, dim, threshold, retain }: OutlierOptions,
  start: { readonly weights: Tensor; readonly keys: Tensor; readonly values: Tensor; readonly steps: Tensor },
): Tensor {
  const gate = (value: number) => np.full([stepSizes.length, seeds.length, 1, 1], value);
  const gates = {
    logRetain: gate(decays ? Math.log(retain) : 0),
    stepSize: np.multiply(start.steps, gate(1)),
    threshold: gate(byCoordinate ? threshold / Math.sqrt(dim) : threshold),
  };
  let state: ReturnType<AssociativeMemory["start"]> = { layers: [start.weights] };
  for (let token = 0; token < start.keys.shape[1]!; token++) {
    const [keys, values] = [start.keys, start.values].map((x) =>
      np.broadcastTo(slice(x, [], [token, token + 1]), [stepSizes.length, seeds.length, 1, dim]),
    ) as [Tensor, Tensor];
    state = memory.chunk(state, { keys, values, queries: keys }, gates).state;
  }
  return state.layers[0]!;
}
