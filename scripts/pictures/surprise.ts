/** Surprise over tokens: high for what is new, low for what is known, high again when it changes. */
import type { Engine } from "../../src/array/index.ts";
import type { Canvas, Point } from "./canvas.ts";
import { SEED_COUNT, writePairs } from "./token-memory.ts";

const PAIRS = 6;
const TURN = 72;
const TOKENS = 144;

export async function drawSurprise(canvas: Canvas, engine: Engine): Promise<string> {
  // Pairs that come again and again, until every key has the value of the next one.
  const tokens = Array.from({ length: TOKENS }, (_, t) => ({
    key: t % PAIRS,
    value: (t + (t < TURN ? 0 : 1)) % PAIRS,
  }));
  const { surprise, carried } = await writePairs(engine, tokens, {
    forget: 0.002,
    momentum: 0.6,
    stepSize: 0.15,
  });
  const points = (numbers: readonly number[]): Point[] => numbers.map((y, t) => ({ x: t + 1, y }));
  const top = Math.max(...surprise);
  return canvas.draw(
    {
      marginRight: 130,
      x: { label: "token", domain: [0, TOKENS] },
      y: { label: `norm of the surprise (mean of ${SEED_COUNT} seeds)`, grid: true, zero: true },
      marks: [
        canvas.plotter.plot.ruleX([TURN], { stroke: "currentColor", strokeDasharray: "2 4" }),
        canvas.note(`${PAIRS} pairs, again and again`, { x: TURN / 2, y: top }, { dy: -2 }),
        canvas.note("the same keys, other values", { x: (TURN + TOKENS) / 2, y: top }, { dy: -2 }),
        ...canvas.line({ name: "of the token", points: points(surprise), colour: 1 }),
        ...canvas.line({ name: "carried on", points: points(carried), colour: 2 }),
      ],
    },
    "The norm of the surprise over the tokens of a sequence: it falls as six pairs come again and again, jumps when their values change, and falls again",
  );
}
