/** When the levels of a continuum memory change while a text is read, and how far. */
import { detached, type Engine, key, release, scope } from "../../src/array/index.ts";
import { byteTokens, openCorpus } from "../../src/data/index.ts";
import { traceLevels } from "../../src/evaluation/level-trace.ts";
import { Reader } from "../../src/inference/index.ts";
import { LanguageModel } from "../../src/models/index.ts";
import type { Canvas } from "./canvas.ts";

/** By how many pixels the levels' names are moved: two lines end together. */
const NAME_SHIFTS = [0, -5, 10];
const PERIODS = [16, 64, 256] as const;
const TOKENS = 1025;

export async function drawLevels(canvas: Canvas, engine: Engine): Promise<string> {
  const model = new LanguageModel({
    architecture: "hope-attention",
    dim: 32,
    layers: 1,
    heads: 2,
    window: 16,
    feedForwardExpansion: 1,
    continuum: { periods: PERIODS, stepSize: 0.003 },
  });
  const params = detached(() => scope(() => model.init(key(0))));
  const corpus = await openCorpus("moby-dick");
  const { levels, unit } = await traceLevels(new Reader(engine, model, params), byteTokens(corpus), TOKENS);
  corpus.close();
  release(params);
  const marks = levels.map(({ period, change, updatedAt }, place) => {
    const points = [{ x: 0, y: 0 }, ...change.map((share, look) => ({ x: (look + 1) * unit, y: 100 * share }))];
    const updates = updatedAt.map((x) => ({ x, y: points.find((point) => point.x === x)!.y }));
    return [
      ...canvas.line({
        name: `every ${period} tokens`,
        points: steps(points),
        colour: place + 1,
        nameShift: NAME_SHIFTS[place]!,
      }),
      canvas.plotter.plot.dot(updates, { x: "x", y: "y", r: 3, fill: `var(--series-${place + 1})` }),
    ];
  });
  return canvas.draw(
    {
      marginRight: 130,
      x: { label: "tokens read", domain: [0, TOKENS - 1] },
      y: { label: "distance of a level’s weights from their start, in % of their length", grid: true, zero: true },
      marks: marks.flat(),
    },
    "The distance of three levels from their start over the tokens of a text: each stands still between its updates, the slowest longest",
  );
}

/** Weights stand still until they are updated. */
function steps(points: readonly { readonly x: number; readonly y: number }[]) {
  return points.flatMap((point, i) => (i === 0 ? [point] : [{ x: point.x, y: points[i - 1]!.y }, point]));
}
