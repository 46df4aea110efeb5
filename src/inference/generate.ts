/** Generates text, a piece at a time, while the memory goes on learning from what is read and written. */
import { counterRandom, type Tokenizer } from "../data/index.ts";
import { ConfigError } from "../utils/index.ts";
import { checkSampling, type SamplingOptions, sampleToken } from "./sampling.ts";
import type { Session } from "./session.ts";

/** What to generate, and when to stop. */
export interface GenerateOptions extends SamplingOptions {
  /** Text to go on from: at least one token, also where the session has read something before. */
  readonly prompt: string;
  readonly maxTokens: number;
  /** Same seed, same text. */
  readonly seed: number;
  /** Texts that end the generation; they are not part of the result. */
  readonly stop?: readonly string[];
  /** Whether a continuum memory learns from what is generated as it does from the prompt; false by default. */
  readonly learn?: boolean;
  readonly signal?: AbortSignal;
}

/** Tokens of the prompt read in one call. */
const PROMPT_PIECE = 1024;

/**
 * Generates text.
 *
 * ```ts
 * for await (const piece of generate(session, tokenizer, { prompt: "Call me", maxTokens: 100, temperature: 0.8, seed: 0 })) process.stdout.write(piece);
 * ```
 *
 * @param session one stream (batch 1); left where the text ends, so that generation can go on
 * @returns pieces of text, each made of whole characters
 * @throws ConfigError if an option cannot be used, or there is nothing to go on from
 */
export async function* generate(
  session: Session,
  tokenizer: Tokenizer,
  options: GenerateOptions,
): AsyncGenerator<string, void, undefined> {
  checkSampling(options);
  if (session.batch !== 1)
    throw new ConfigError(`generation needs a session of one stream, this one has ${session.batch}`);
  const prompt = tokenizer.encode(options.prompt);
  if (prompt.length === 0) throw new ConfigError("the prompt is empty; give at least one character to go on from");
  const decoder = tokenizer.streamDecoder();
  for (const token of prompt) decoder.push(token);

  let logits = new Float32Array(0) as ArrayLike<number>;
  for (let at = 0; at < prompt.length; at += PROMPT_PIECE)
    logits = lastLogits(await session.read(prompt.slice(at, at + PROMPT_PIECE)));

  const stops = new StopFinder(options.stop ?? []);
  for (let n = 0; n < options.maxTokens && !options.signal?.aborted; n++) {
    const token = sampleToken(logits, options, counterRandom(options.seed, n, 0));
    const piece = stops.push(decoder.push(token));
    if (piece !== "") yield piece;
    if (stops.found) return;
    logits = lastLogits(await session.read(Int32Array.of(token), { learn: options.learn ?? false }));
  }
  const rest = stops.push(decoder.flush()) + stops.flush();
  if (rest !== "") yield rest;
}

function lastLogits({
  data,
  shape,
}: {
  readonly data: ArrayLike<number> & { subarray(from: number): ArrayLike<number> };
  readonly shape: readonly number[];
}) {
  return data.subarray(data.length - shape.at(-1)!);
}

/** Holds back what may be the beginning of a stop text. */
class StopFinder {
  found = false;
  private held = "";
  private readonly stops: readonly string[];

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop !== "");
  }

  /** The text that is certainly before any stop text. */
  push(text: string): string {
    this.held += text;
    const ends = this.stops.map((stop) => this.held.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.found = true;
      return this.held.slice(0, Math.min(...ends));
    }
    const keep = Math.max(0, ...this.stops.map((stop) => overlap(this.held, stop)));
    const free = this.held.slice(0, this.held.length - keep);
    this.held = this.held.slice(this.held.length - keep);
    return free;
  }

  flush(): string {
    const rest = this.found ? "" : this.held;
    this.held = "";
    return rest;
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) {
    if (text.endsWith(stop.slice(0, n))) return n;
  }
  return 0;
}
