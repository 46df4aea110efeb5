/** The inner loss falls while a sequence is read. */
import type { Engine } from "../../src/array/index.ts";
import type { Canvas, Point } from "./canvas.ts";
import { type Gates, SEED_COUNT, writePairs } from "./token-memory.ts";

const PAIRS = 8;
const ROUNDS = 16;

const cases: readonly { readonly name: string; readonly gates: Gates }[] = [
  { name: "never written", gates: { forget: 0, momentum: 0, stepSize: 0 } },
  { name: "gradient steps", gates: { forget: 0, momentum: 0, stepSize: 0.1 } },
  { name: "with momentum", gates: { forget: 0, momentum: 0.7, stepSize: 0.1 } },
  { name: "and forgetting", gates: { forget: 0.02, momentum: 0.7, stepSize: 0.1 } },
];

export async function drawInnerLoss(canvas: Canvas, engine: Engine): Promise<string> {
  const tokens = Array.from({ length: PAIRS * ROUNDS }, (_, t) => ({ key: t % PAIRS, value: t % PAIRS }));
  const marks = [];
  for (const [place, { name, gates }] of cases.entries()) {
    const { loss } = await writePairs(engine, tokens, gates);
    marks.push(canvas.line({ name, points: meanOfRounds(loss), colour: place + 1 }));
  }
  return canvas.draw(
    {
      marginRight: 130,
      x: { label: "tokens read", domain: [0, PAIRS * ROUNDS] },
      y: {
        label: `inner loss of a token before it is written (mean of ${PAIRS} tokens and ${SEED_COUNT} seeds)`,
        grid: true,
        zero: true,
      },
      marks: marks.flat(),
    },
    "The inner loss over the tokens of a sequence: constant for a memory that is never written, falling for three that are",
  );
}

/** The mean over each round of all pairs, at the round's last token. */
function meanOfRounds(loss: readonly number[]): Point[] {
  return Array.from({ length: ROUNDS }, (_, round) => {
    const own = loss.slice(round * PAIRS, (round + 1) * PAIRS);
    return { x: (round + 1) * PAIRS, y: own.reduce((sum, one) => sum + one, 0) / PAIRS };
  });
}
