/** A million tokens in one stream: does what a token costs, or what the process holds, grow with what was read? */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { detached, key, leaves, liveTensors, release, scope, startEngine } from "../src/array/index.ts";
import { byteTokenizer, counterRandom } from "../src/data/index.ts";
import { Reader, type Session, scoreText } from "../src/inference/index.ts";
import { defaultPreset, LanguageModel, presetNamed } from "../src/models/index.ts";
import { median, type Row } from "./harness.ts";

const TOKENS = 1_000_000;
/** By now everything is compiled, and buffers have their usual sizes. */
const SETTLED = 50_000;
/** Tokens at either end whose cost is compared. */
const STRETCH = 100_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What the process holds. */
interface Holdings {
  readonly arrays: number;
  readonly stateBytes: number;
  readonly residentMiB: number;
}

export async function run(): Promise<Row[]> {
  const engine = await startEngine();
  const model = new LanguageModel(presetNamed(defaultPreset).model);
  const params = detached(() => scope(() => model.init(key(0))));
  const session = await new Reader(engine, model, params).open();
  const text = {
    name: "random bytes",
    length: TOKENS + 1,
    read: (start: number, count: number) =>
      Int32Array.from({ length: count }, (_, i) => Math.floor(counterRandom(0, start + i) * 256)),
    close() {},
  };
  const costs: { readonly from: number; readonly perToken: number }[] = [];
  let early: Holdings | undefined;
  let [read, since] = [0, performance.now()];
  for await (const { tokens } of scoreText(session, byteTokenizer(), text)) {
    costs.push({ from: read, perToken: (performance.now() - since) / (tokens - read) });
    if (early === undefined && tokens >= SETTLED) early = holdingsOf(session);
    [read, since] = [tokens, performance.now()];
  }
  const late = holdingsOf(session);
  session.close();
  release(params);
  await engine.dispose();
  const costIn = (from: number) =>
    median(costs.filter((cost) => cost.from >= from && cost.from < from + STRETCH).map(({ perToken }) => perToken));
  const row = (measure: string, value: number, unit: string, target?: string): Row => ({
    measure: `${defaultPreset}, ${TOKENS.toLocaleString("en")} tokens on ${engine.name}: ${measure}`,
    value,
    unit,
    ...(target ? { target } : {}),
  });
  return [
    row(
      "cost of a token at the end / after the first 50,000",
      costIn(TOKENS - STRETCH) / costIn(SETTLED),
      "x",
      "0.9 to 1.1",
    ),
    row("cost of a token", costIn(SETTLED) * 1000, "us"),
    row("live arrays at the end / after 50,000", late.arrays / early!.arrays, "x", "exactly 1"),
    row("bytes of the state at the end / after 50,000", late.stateBytes / early!.stateBytes, "x", "exactly 1"),
    row("resident memory at the end / after 50,000", late.residentMiB / early!.residentMiB, "x", "at most 1.05"),
    row("resident memory at the end", late.residentMiB, "MiB"),
  ];
}

function holdingsOf(session: Session): Holdings {
  collectGarbage();
  const stateBytes = leaves(session.memory.closed).reduce((total, leaf) => total + leaf.size * 4, 0);
  return { arrays: liveTensors(), stateBytes, residentMiB: process.memoryUsage().rss / 2 ** 20 };
}
