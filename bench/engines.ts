/** The native engine against WebAssembly, and against what the machine's matrix products could do. */
import { execFileSync } from "node:child_process";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { detached, type Engine, key, np, random, release, scope, startEngine } from "../src/array/index.ts";
import { NativeEngine, type Preparation } from "../src/array/native/index.ts";
import { byteTokenizer } from "../src/data/index.ts";
import { Reader, scoreText } from "../src/inference/index.ts";
import { defaultPreset, LanguageModel, presetNamed } from "../src/models/index.ts";
import { inTurns, milliseconds, type Row } from "./harness.ts";
import { profileOf } from "./operator-profile.ts";
import { TrainingSteps, tokens, type Workload } from "./training-steps.ts";

const preset = presetNamed(defaultPreset);
const standard: Workload = { model: preset.model, training: preset.training };
/** The default model four times as wide, with heads of 64 features, on as many tokens a step: 8 sequences of four segments of 64. */
const wide: Workload = {
  model: { ...preset.model, dim: 256, heads: 4 },
  training: { ...preset.training, batch: 8, length: 256, segment: 64 },
};
const PROMPT_TOKENS = 40;
const GENERATED_TOKENS = 8;
const SCORED_TOKENS = 1025;
/** Rows and columns of the product that stands for the machine's peak. */
const PEAK_SIZE = 1024;
const PEAK_PRODUCTS = 5;
const UTILISATION_ROUNDS = 15;

interface Engines {
  readonly native: Engine;
  readonly wasm: Engine;
}

export async function run(): Promise<Row[]> {
  const load = loadavg()[0]!;
  // While this process is small: a child's largest size counts from its parent's.
  const memory = memoryRows();
  const engines: Engines = { native: await startEngine("native"), wasm: await startEngine("wasm") };
  const rows = [
    { measure: "load of the machine before the run", value: load, unit: "" },
    { measure: "threads of the native engine", value: engines.native.threads, unit: "" },
    ...(await trainingRows(engines, "default training step", standard, 11, "at least 6")),
    ...(await trainingRows(engines, "wide training step", wide, 3, "at least 8")),
    ...(await inferenceRows(engines)),
    ...(await preparationRows(engines.native)),
    ...(await utilisationRows(engines.native)),
    ...(await profileRows(engines.native)),
    ...memory,
  ];
  await Promise.all([engines.native.dispose(), engines.wasm.dispose()]);
  return rows;
}

function ratioRows(
  what: string,
  native: number,
  wasm: number,
  { unit = "ms", target }: { unit?: string; target?: string } = {},
): Row[] {
  return [
    { measure: `${what}, native`, value: native, unit },
    { measure: `${what}, wasm`, value: wasm, unit },
    { measure: `${what}, ratio wasm / native`, value: wasm / native, unit: "x", ...(target && { target }) },
  ];
}

async function trainingRows(
  { native, wasm }: Engines,
  what: string,
  workload: Workload,
  rounds: number,
  target: string,
): Promise<Row[]> {
  const runs = { native: new TrainingSteps(native, workload), wasm: new TrainingSteps(wasm, workload) };
  for (const run of Object.values(runs)) await run.settle();
  const times = await inTurns({ native: () => runs.native.step(), wasm: () => runs.wasm.step() }, rounds);
  await Promise.all([runs.native.stop(), runs.wasm.stop()]);
  return ratioRows(what, times.native.median, times.wasm.median, { target });
}

async function inferenceRows({ native, wasm }: Engines): Promise<Row[]> {
  const model = new LanguageModel(preset.model);
  const params = detached(() => scope(() => model.init(key(0))));
  const readers = { native: new Reader(native, model, params), wasm: new Reader(wasm, model, params) };
  const sessions = { native: await readers.native.open(), wasm: await readers.wasm.open() };
  for (const session of Object.values(sessions)) await session.read(tokens.read(0, PROMPT_TOKENS));
  const generate = async (session: typeof sessions.native) => {
    for (let i = 0; i < GENERATED_TOKENS; i++) await session.read(tokens.read(i, 1));
  };
  const generation = await inTurns({ native: () => generate(sessions.native), wasm: () => generate(sessions.wasm) }, 9);
  const score = async (reader: Reader) => {
    const session = await reader.open();
    const text = { name: "text", length: SCORED_TOKENS, read: tokens.read, close() {} };
    for await (const _ of scoreText(session, byteTokenizer(), text));
    session.close();
  };
  const scoring = await inTurns({ native: () => score(readers.native), wasm: () => score(readers.wasm) }, 7);
  for (const session of Object.values(sessions)) session.close();
  release(params);
  const perToken = (time: number) => time / GENERATED_TOKENS;
  return [
    ...ratioRows("generating one token", perToken(generation.native.median), perToken(generation.wasm.median)),
    ...ratioRows(`streaming evaluation of ${SCORED_TOKENS - 1} tokens`, scoring.native.median, scoring.wasm.median),
  ];
}

/** What one of the threads among which `train` shares a batch does. */
function shareOf({ model, training }: Workload, { replicas }: Engine): Workload {
  return { model, training: { ...training, batch: Math.ceil(training.batch! / replicas) } };
}

/** The sessions that the first training step makes on one thread, and how often it runs each by name. */
async function firstStep(workload: Workload): Promise<{ preparations: Preparation[]; calls: Map<string, number> }> {
  const preparations: Preparation[] = [];
  const calls = new Map<string, number>();
  const engine = await NativeEngine.start({
    threads: 1,
    onPrepared: (preparation) => preparations.push(preparation),
    onCall: (name, steps) => calls.set(name, (calls.get(name) ?? 0) + steps),
  });
  const steps = new TrainingSteps(engine, workload);
  await steps.step();
  await steps.stop();
  await engine.dispose();
  return { preparations, calls };
}

/** What a thread has to do before the default preset's first training step can run; all do it at the same time. */
async function preparationRows(native: Engine): Promise<Row[]> {
  const { preparations } = await firstStep(shareOf(standard, native));
  const total = (part: "tracing" | "lowering" | "session") =>
    preparations.reduce((sum, preparation) => sum + preparation[part], 0) / 1000;
  const [tracing, lowering, session] = [total("tracing"), total("lowering"), total("session")];
  return [
    { measure: "default preset: tracing", value: tracing, unit: "s" },
    { measure: "default preset: lowering", value: lowering, unit: "s" },
    { measure: "default preset: session creation", value: session, unit: "s" },
    { measure: "default preset: together", value: tracing + lowering + session, unit: "s", target: "below 1.5" },
    ...preparations.map(({ name, nodes }) => ({
      measure: `default preset: nodes of "${name}"`,
      value: nodes,
      unit: "",
    })),
  ];
}

async function utilisationRows(native: Engine): Promise<Row[]> {
  const { preparations, calls } = await firstStep(shareOf(wide, native));
  const flopsOf = ({ name, matrixFlops }: Preparation) => matrixFlops * calls.get(name)!;
  const flops = preparations.reduce((sum, preparation) => sum + flopsOf(preparation), 0) * native.replicas;

  const multiply = native.compile("peak product", (x: Parameters<typeof np.matmul>[0]) => np.matmul(x, x));
  const matrix = detached(() => scope(() => random.normal(key(0), [PEAK_SIZE, PEAK_SIZE])));
  const steps = new TrainingSteps(native, wide);
  await steps.settle();
  // A peak is the fastest of many: a median of products between steps was seen to be a third of it. So a step at its fastest is what compares with it.
  const fastest = { product: Number.POSITIVE_INFINITY, step: Number.POSITIVE_INFINITY };
  const products = async () => {
    for (let i = 0; i < PEAK_PRODUCTS; i++) {
      const time = await milliseconds(async () => release(await multiply(matrix)));
      fastest.product = Math.min(fastest.product, time);
    }
  };
  const step = async () => {
    fastest.step = Math.min(fastest.step, await milliseconds(() => steps.step()));
  };
  const times = await inTurns({ step, products }, UTILISATION_ROUNDS);
  await steps.stop();
  release(matrix);
  const peak = (2 * PEAK_SIZE ** 3) / fastest.product;
  const utilisation = (time: number) => (100 * flops) / time / peak;
  return [
    { measure: "wide training step: matrix FLOPs counted", value: flops / 1e9, unit: "G" },
    { measure: `matrix-product peak, ${PEAK_SIZE} x ${PEAK_SIZE}`, value: peak / 1e6, unit: "G/s" },
    { measure: "wide training step: FLOP utilisation, median step", value: utilisation(times.step.median), unit: "%" },
    {
      measure: "wide training step: FLOP utilisation, fastest step",
      value: utilisation(fastest.step),
      unit: "%",
      target: "at least 40",
    },
  ];
}

/** Where the time of one of the threads goes, among which a step is shared, when it has the machine to itself. */
async function profileRows(native: Engine): Promise<Row[]> {
  const share = shareOf(wide, native);
  const alone = await NativeEngine.start({ threads: 1 });
  const steps = new TrainingSteps(alone, share);
  await steps.settle();
  const { median } = (await inTurns({ step: () => steps.step() }, 9)).step;
  await steps.stop();
  await alone.dispose();
  const { kernels, operators } = await profileOf(share);
  const row = (what: string, value: number, unit: string): Row => ({
    measure: `wide training step, one thread's share: ${what}`,
    value,
    unit,
  });
  return [
    row("time", median, "ms"),
    row("time in kernels, profiled", kernels, "ms"),
    ...operators.map(({ operator, share }) => row(`part of kernels in ${operator}`, 100 * share, "%")),
  ];
}

/** The largest resident size of a process that does nothing else. */
function memoryRows(): Row[] {
  const child = fileURLToPath(new URL("./peak-memory-child.js", import.meta.url));
  const measure = (engine: "native" | "wasm", workload: Workload) =>
    JSON.parse(
      execFileSync(process.execPath, [child, engine, JSON.stringify(workload)], { encoding: "utf8" }),
    ) as number;
  const row = (what: string, engine: "native" | "wasm", workload: Workload): Row => ({
    measure: `${what}, peak resident memory, ${engine}`,
    value: measure(engine, workload),
    unit: "MiB",
  });
  return [
    row("default training step", "native", standard),
    row("default training step", "wasm", standard),
    row("wide training step", "native", wide),
  ];
}
