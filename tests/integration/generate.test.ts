/** Generation that reads one token at a time, against the model run over the whole sequence. */
import { describe, expect, test } from "vitest";
import {
  detached,
  key,
  mapTree,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  tensor,
} from "../../src/array/index.ts";
import { byteTokenizer } from "../../src/data/index.ts";
import { generate, Reader } from "../../src/inference/index.ts";
import {
  isHopeArchitecture,
  isMirasArchitecture,
  LanguageModel,
  type ModelInput,
  type ModelParams,
} from "../../src/models/index.ts";
import { representatives } from "../models/families.ts";

/** Where the two likeliest tokens are nearer than this, rounding may decide: logits are of size 1, in float32. */
const MARGIN = 1e-4;
const PROMPT = "Call me";
const TOKENS = 25;

/**
 * Logits of the token after each prefix that ends at or after the prompt, each prefix recomputed from its first token in one call of the model. Other
 * tokens than zeros never follow it, so nothing of the future can be in them.
 */
async function recomputed(model: LanguageModel, params: ModelParams, tokens: Int32Array): Promise<Float32Array[]> {
  const shape = [1, tokens.length];
  const whole = (await startEngine()).compile("whole sequence", (p: ModelParams, x: Tensor) => {
    const [logits] = model.step(p, model.initialState(p, 1), x);
    return logits;
  });
  const found: Float32Array[] = [];
  for (let length = PROMPT.length; length < tokens.length; length++) {
    const prefix = tensor(
      Int32Array.from(tokens, (token, t) => (t < length ? token : 0)),
      shape,
    );
    const logits = await whole(params, prefix);
    const { vocabularySize } = model.config;
    found.push(readSync(logits).slice((length - 1) * vocabularySize, length * vocabularySize) as Float32Array);
    release(prefix, logits);
  }
  return found;
}

/** Which blocks have a memory, and how many there are. Without any, all architectures are one. */
const memories = {
  all: { layers: 2, blocks: [0, 1] },
  some: { layers: 3, blocks: [1] },
  none: { layers: 2, blocks: [] },
};

const models = representatives.flatMap((architecture): [string, ModelInput][] => {
  const base = {
    architecture,
    dim: 16,
    layers: 2,
    heads: 2,
    window: 12,
    persistentTokens: 3,
    contextSegment: 16,
  } as const;
  const memory = { chunkSize: 8 };
  if (architecture === "transformer") return [[architecture, { ...base, memory }]];
  // Its levels are updated and do not move: what they learn from the prompt is not what a recomputation from the first token would.
  if (isHopeArchitecture(architecture)) {
    const selfModifying = { chunkSize: 8, projectionChunkSize: 8 };
    return [[architecture, { ...base, selfModifying, continuum: { periods: [8, 16], stepSize: 0 } }]];
  }
  if (isMirasArchitecture(architecture)) return [[architecture, { ...base, miras: { chunkSize: 8 } }]];
  return Object.entries(memories).flatMap(([which, { layers, blocks }]): [string, ModelInput][] =>
    which === "none" && architecture !== "titans-mac"
      ? []
      : [
          [
            `${architecture} with a memory in ${which} of its blocks`,
            { ...base, layers, memory, neuralMemoryLayers: blocks },
          ],
        ],
  );
});

describe.each(models)("%s", (_, input) => {
  test("text generated at temperature 0, one token at a time, equals that of full recomputation", async () => {
    const model = new LanguageModel(input);
    // Larger output weights than at the start of training: choices that are clear.
    const params = detached(() =>
      scope(() =>
        mapTree(model.init(key(6)), (leaf, path) => (path === "head" ? np.multiply(leaf, 10) : np.add(leaf, 0))),
      ),
    );
    const engine = await startEngine();
    const session = await new Reader(engine, model, params).open();
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
    const logits = await recomputed(model, params, tokens);
    let clear = 0;
    for (const [n, values] of logits.entries()) {
      const [best, second] = [...values.keys()].sort((a, b) => values[b]! - values[a]!) as [number, number];
      if (values[best]! - values[second]! < MARGIN) continue;
      clear++;
      expect(tokens[PROMPT.length + n], `token ${n}`).toBe(best);
    }
    expect(clear).toBeGreaterThan(TOKENS * 0.9);
    expect(new Set(tokens.slice(PROMPT.length)).size).toBeGreaterThan(3);
    expect(engine.programs.length).toBeLessThanOrEqual(3);
    session.close();
    release(params);
  });
});
