/** How long a fact that was read is known, and which levels know it. */
import type { Engine } from "../array/index.ts";
import type { Tokenizer, TokenSource } from "../data/index.ts";
import { Reader, type Session, tokenLoss } from "../inference/index.ts";
import { LanguageModel, type ModelParams } from "../models/index.ts";

/** A sentence that no text holds, and what is asked of it. */
export interface Fact {
  readonly question: string;
  readonly answer: string;
}

/** Names that were made up for this. */
export const madeUpFacts: readonly Fact[] = [
  { question: "The keeper of the lighthouse at Velmora is", answer: " Quillon Trask." },
  { question: "The treaty of Ostrenval was signed by", answer: " Maribel Zhukov." },
  { question: "The deepest mine of the Karrow hills is called", answer: " Pember Hollow." },
];

/** What is measured. */
export interface RetentionOptions {
  readonly facts: readonly Fact[];
  /** How often a fact is read. */
  readonly repeats: number;
  /** Tokens of other text after which it is asked for, ascending. */
  readonly after: readonly number[];
}

/** The usual numbers. */
export const factRetentionDefaults: RetentionOptions = {
  facts: madeUpFacts,
  repeats: 4,
  after: [0, 64, 256, 1024, 4096],
};

/** One way of learning: which levels do. */
export interface RetentionCurve {
  /** The period of the only level that learns; `undefined` where all do or none does. */
  readonly period?: number;
  readonly learning: "all" | "none" | "one";
  /** Bits per byte of the answer that having read the fact saves, a mean over facts, one number for each of `after`. */
  readonly saved: readonly number[];
}

/** The findings. */
export interface FactRetention {
  readonly options: RetentionOptions;
  readonly curves: readonly RetentionCurve[];
}

/**
 * Lets a model read a fact and then other text, and asks for it; its twin reads other text all along. The levels are switched off one after another, so that it
 * shows which of them remember.
 *
 * @param model with a continuum memory
 * @param source the other text
 * @param onCurve told what is measured next
 */
export async function factRetention(
  engine: Engine,
  {
    model,
    params,
    tokenizer,
  }: { readonly model: LanguageModel; readonly params: ModelParams; readonly tokenizer: Tokenizer },
  source: TokenSource,
  options: RetentionOptions = factRetentionDefaults,
  onCurve?: (learning: string) => void,
): Promise<FactRetention> {
  const longest = Math.max(...options.facts.map((fact) => factTokens(tokenizer, fact, options.repeats).length));
  const after = options.after.filter((tokens) => longest + tokens <= source.length);
  const { continuum } = model.config;
  const periods = [...new Set((continuum?.periods ?? []).filter((period) => period !== null))].sort((a, b) => a - b);
  const ways: Omit<RetentionCurve, "saved">[] = [
    ...(periods.length > 0 ? [{ learning: "all" } as const] : []),
    ...(periods.length > 1 ? periods.map((period) => ({ learning: "one", period }) as const) : []),
    { learning: "none" },
  ];
  const curves: RetentionCurve[] = [];
  for (const way of ways) {
    onCurve?.(
      way.period === undefined
        ? way.learning === "all"
          ? "all levels learn"
          : "no level learns"
        : `only the level of ${way.period} tokens learns`,
    );
    const reader = new Reader(engine, onlyLearning(model, way), params);
    const saved: number[][] = [];
    for (const fact of options.facts)
      saved.push(await savedBits(reader, tokenizer, fact, { ...options, after }, source));
    curves.push({ ...way, saved: after.map((_, i) => saved.reduce((sum, own) => sum + own[i]!, 0) / saved.length) });
  }
  return { options: { ...options, after }, curves };
}

/** The model with the step sizes of all other levels 0. */
function onlyLearning(model: LanguageModel, { learning, period }: Omit<RetentionCurve, "saved">): LanguageModel {
  const { continuum } = model.config;
  if (learning === "all" || continuum === undefined) return model;
  const { periods, stepSize } = continuum;
  const steps = periods.map((own, i) => {
    const step = typeof stepSize === "number" ? stepSize : stepSize[i]!;
    return learning === "one" && own === period ? step : 0;
  });
  return new LanguageModel({ ...model.config, continuum: { ...continuum, stepSize: steps } });
}

function factTokens(tokenizer: Tokenizer, { question, answer }: Fact, repeats: number): Int32Array {
  return tokenizer.encode(`${question}${answer}\n`.repeat(repeats));
}

/** Bits per byte that a fact saves after so many other tokens. Two streams: the first has read the fact, the second other text instead. */
async function savedBits(
  reader: Reader,
  tokenizer: Tokenizer,
  fact: Fact,
  { repeats, after }: RetentionOptions,
  source: TokenSource,
): Promise<number[]> {
  const told = factTokens(tokenizer, fact, repeats);
  const session = await reader.open(2);
  await session.read(Int32Array.from([...told, ...source.read(0, told.length)]));
  const saved: number[] = [];
  let done = 0;
  for (const tokens of after) {
    if (tokens > done) {
      const others = source.read(told.length + done, tokens - done);
      await session.read(Int32Array.from([...others, ...others]));
      done = tokens;
    }
    saved.push(await savedNow(session, tokenizer, fact));
  }
  session.close();
  return saved;
}

async function savedNow(session: Session, tokenizer: Tokenizer, { question, answer }: Fact): Promise<number> {
  const asked = tokenizer.encode(question + answer);
  const first = tokenizer.encode(question).length;
  const copy = session.fork();
  const { data, shape } = await copy.read(Int32Array.from([...asked, ...asked]), { learn: false });
  copy.close();
  const vocabulary = shape.at(-1)!;
  const bits = (stream: number) => {
    let nats = 0;
    for (let t = first; t < asked.length; t++) {
      const row = stream * asked.length + t - 1;
      nats += tokenLoss(data.subarray(row * vocabulary, (row + 1) * vocabulary), asked[t]!);
    }
    return nats / Math.LN2;
  };
  return (bits(1) - bits(0)) / tokenizer.byteLength(asked.slice(first));
}
