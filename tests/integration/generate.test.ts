/** Generation that reads one token at a time, against the model run over the whole sequence. */
import { describe, expect, test } from "vitest";
import { detached, key, mapTree, np, readSync, release, scope, startEngine, tensor } from "../../src/array/index.ts";
import { byteTokenizer } from "../../src/data/index.ts";
import { generate, Reader } from "../../src/inference/index.ts";
import { type ArchitectureName, LanguageModel, type ModelParams } from "../../src/models/index.ts";

/** Where the two likeliest tokens are nearer than this, rounding may decide: logits are of size 1, in float32. */
const MARGIN = 1e-4;
const PROMPT = "In the beginning";
const TOKENS = 40;

/** Logits of the token after each prefix that ends at or after the prompt, each prefix recomputed from its first token. */
function recomputed(model: LanguageModel, params: ModelParams, tokens: Int32Array, from: number): Float32Array[] {
  return Array.from({ length: tokens.length - from }, (_, n) => {
    const length = from + n;
    const last = scope(() => {
      const [logits] = model.step(params, model.initialState(params, 1), tensor(tokens.slice(0, length), [1, length]));
      return logits;
    });
    const vocabulary = model.config.vocabularySize;
    const values = readSync(last).slice(-vocabulary) as Float32Array;
    release(last);
    return values;
  });
}

describe.each<ArchitectureName>(["titans-lmm", "transformer"])("%s", (architecture) => {
  test("text generated at temperature 0, one token at a time, equals that of full recomputation", async () => {
    const memory = { chunkSize: 8 };
    const model = new LanguageModel({ architecture, dim: 16, layers: 2, heads: 2, window: 12, memory });
    // Larger output weights than at the start of training: choices that are clear.
    const params = detached(() =>
      scope(() =>
        mapTree(model.init(key(3)), (leaf, path) => (path === "head" ? np.multiply(leaf, 10) : np.add(leaf, 0))),
      ),
    );
    const engine = await startEngine();
    const session = new Reader(engine, model, params).open();
    // The tokens themselves: bytes of a fresh model are not all text.
    const chosen: number[] = [];
    const tokenizer = byteTokenizer();
    const recording = {
      ...tokenizer,
      streamDecoder: () => ({ push: (token: number) => `${chosen.push(token)}`, flush: () => "" }),
    };
    const options = { prompt: PROMPT, maxTokens: TOKENS, temperature: 0, seed: 0 };
    for await (const _ of generate(session, recording, options));

    const tokens = Int32Array.from(chosen);
    expect(tokens.length).toBe(PROMPT.length + TOKENS);
    const logits = recomputed(model, params, tokens, PROMPT.length);
    let clear = 0;
    for (const [n, values] of logits.entries()) {
      const [best, second] = [...values.keys()].sort((a, b) => values[b]! - values[a]!) as [number, number];
      if (values[best]! - values[second]! < MARGIN) continue;
      clear++;
      expect(tokens[PROMPT.length + n], `token ${n}`).toBe(best);
    }
    expect(clear).toBeGreaterThan(TOKENS * 0.9);
    expect(new Set(tokens.slice(PROMPT.length)).size).toBeGreaterThan(3);
    expect(engine.programs.length).toBeLessThanOrEqual(2);
    session.close();
    release(params);
  });
});
