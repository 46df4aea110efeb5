/** Reading a text to learn from it: what it costs, and that being asked teaches nothing. */
import { expect, test } from "vitest";
import { detached, key, readSync, release, scope, startEngine, tensor } from "../../src/array/index.ts";
import { byteTokenizer, memoryTokens } from "../../src/data/index.ts";
import { adaptTo, probeText, Reader, type Score } from "../../src/inference/index.ts";
import { LanguageModel, nextTokenLoss, stackLevels } from "../../src/models/index.ts";

const tokenizer = byteTokenizer();
const tokens = tokenizer.encode("It was a bright cold day in April. ".repeat(40));
const source = memoryTokens(tokens);
const plain = new LanguageModel({ architecture: "transformer", dim: 8, layers: 1, heads: 2, window: 4 });

async function read(pieces: AsyncIterable<Score>): Promise<Score[]> {
  const found: Score[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

test("adapting predicts every token before it learns from it, goes on where it was stopped, and probing leaves no trace", async () => {
  const original = detached(() => scope(() => plain.init(key(1))));
  const { model, params } = stackLevels({ config: plain.config, params: original }, { periods: [64], stepSize: 0.02 });
  const reader = new Reader(await startEngine("wasm"), model, params);
  const whole = await reader.open();
  const pieces = await read(adaptTo(whole, tokenizer, source));
  expect(whole.position).toBe(tokens.length);
  expect(pieces.map(({ tokens: n }) => n)).toEqual([1024, tokens.length - 1025]);

  const parts = await reader.open();
  const before = await probeText(parts, tokenizer, source);
  expect(parts.position).toBe(0);
  for await (const first of adaptTo(parts, tokenizer, source)) {
    expect(first).toEqual(pieces[0]);
    break;
  }
  const [rest] = await read(adaptTo(parts, tokenizer, source, { from: parts.position }));
  expect(rest).toEqual(pieces[1]);
  expect((await probeText(parts, tokenizer, source)).bits).toBeLessThan(0.98 * before.bits);

  // Frozen, it is the model that it was made from.
  const frozen = await read(adaptTo(await reader.open(), tokenizer, source, { write: false }));
  const losses = scope(() => {
    const shape = [1, tokens.length - 1];
    const [logits] = plain.step(original, plain.initialState(original, 1), tensor(tokens.slice(0, -1), shape));
    return nextTokenLoss(logits, tensor(tokens.slice(1), shape));
  });
  const expected = [...readSync(losses)].reduce((sum, nats) => sum + nats, 0) / Math.LN2;
  expect(frozen.reduce((sum, { bits }) => sum + bits, 0) / expected).toBeCloseTo(1, 5);
  expect(before.bits / expected).toBeCloseTo(1, 5);
  expect(pieces[1]!.bits).toBeLessThan(0.99 * frozen[1]!.bits);
  whole.close();
  parts.close();
  release(params, losses);
});
