/** Two sequences with their segments and chunks, and what the memory does at their boundaries: measured on a layer. */
import { type Engine, key, np, random, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import { NeuralMemory } from "../../src/titans/index.ts";
import { type Canvas, colour, type Point } from "./canvas.ts";

const CHUNK = 8;
const SEGMENT = 32;
const LENGTH = 96;
const SEQUENCES = 2;

/** Distance of the memory's weights from the learned initial ones, in % of their length, after every chunk of every sequence. */
function distances(): number[][] {
  return scope(() => {
    const layer = new NeuralMemory({ dim: 16, heads: 1, headDim: 16, chunkSize: CHUNK, maxMomentum: 0.5 });
    const params = layer.init(key(0));
    const x = random.normal(key(1), [1, SEQUENCES * LENGTH, 16]);
    return Array.from({ length: SEQUENCES }, (_, sequence) => {
      let state = layer.initialState(params, 1);
      return Array.from({ length: LENGTH / CHUNK }, (_, chunk) => {
        const from = sequence * LENGTH + chunk * CHUNK;
        [, state] = layer.step(params, state, slice(x, [], [from, from + CHUNK]));
        return 100 * distance(state.memory.layers, params.initialMemory.layers);
      });
    });
  });
}

function distance(now: readonly Tensor[], start: readonly Tensor[]): number {
  const squares = (ws: readonly Tensor[]) => ws.reduce((sum, w) => sum + readSync(np.sum(np.square(w)))[0]!, 0);
  return Math.sqrt(squares(now.map((w, l) => np.subtract(np.squeeze(w, 0), start[l]!))) / squares(start));
}

/** Boxes from left to right in one row. */
function boxes(size: number, y1: number, y2: number) {
  return Array.from({ length: (SEQUENCES * LENGTH) / size }, (_, i) => ({ x1: i * size, x2: (i + 1) * size, y1, y2 }));
}

export async function drawStateOverTime(canvas: Canvas, _engine: Engine): Promise<string> {
  const { plot } = canvas.plotter;
  const measured = distances();
  const top = Math.max(...measured.flat());
  const rows = [
    { name: "sequence", size: LENGTH },
    { name: "segment", size: SEGMENT },
    { name: "chunk", size: CHUNK },
  ].map(({ name, size }, row) => {
    const [y1, y2] = [top * (1.52 - 0.13 * row), top * (1.63 - 0.13 * row)];
    return [
      plot.rect(boxes(size, y1, y2), {
        x1: "x1",
        x2: "x2",
        y1: "y1",
        y2: "y2",
        fill: colour(row + 1),
        fillOpacity: 0.3,
        stroke: colour(row + 1),
        insetLeft: 1,
        insetRight: 1,
      }),
      canvas.note(`${name}: ${size} tokens`, { x: SEQUENCES * LENGTH, y: (y1 + y2) / 2 }, { anchor: "start", dx: 8 }),
    ];
  });
  const lines = measured.map((after, sequence) => {
    const start = sequence * LENGTH;
    const points: Point[] = [{ x: start, y: 0 }, ...after.map((y, chunk) => ({ x: start + (chunk + 1) * CHUNK, y }))];
    return plot.lineY(points as Point[], { x: "x", y: "y", stroke: colour(4), strokeWidth: 2, marker: "dot" });
  });
  return canvas.draw(
    {
      marginRight: 150,
      height: 360,
      x: { label: "token of the text", domain: [0, SEQUENCES * LENGTH], ticks: [0, 32, 64, 96, 128, 160, 192] },
      y: {
        label: "distance of the memory from its learned start, in % of its length",
        ticks: [0, 20, 40, 60].filter((tick) => tick <= top),
        domain: [0, top * 1.66],
      },
      marks: [plot.ruleX([LENGTH], { stroke: "currentColor", strokeDasharray: "2 4" }), ...rows.flat(), ...lines],
    },
    "Two sequences of three segments of four chunks each. The memory’s distance from its start grows over chunks and segments without a break and is zero again where the second sequence begins",
  );
}
