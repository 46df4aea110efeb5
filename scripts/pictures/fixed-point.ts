/** Weights of a linear memory over tokens, and where writing and forgetting hold each other. */
import {
  detached,
  type Engine,
  type Key,
  key,
  np,
  random,
  read,
  release,
  scope,
  slice,
  splitKey,
  type Tensor,
} from "../../src/array/index.ts";
import { l2Normalize } from "../../src/common/index.ts";
import { type MemoryState, memoryUpdate, momentarySurprise } from "../../src/titans/index.ts";
import type { Canvas, Point } from "./canvas.ts";

const DIM = 4;
const TOKENS = 800;
const FORGET = 0.003;
const STEP_SIZE = 0.03;
const SEED = 3;
/** By how many pixels the weights' names are moved: two lines end together. */
const NAME_SHIFTS = [8, -6, 0, 0];

const architecture = {
  depth: 1,
  dim: DIM,
  hiddenDim: DIM,
  activation: "silu",
  residual: false,
  norm: false,
} as const;

/** Every token brings a random unit key and what a fixed matrix makes of it: that matrix's first row, and the memory's after each token. */
async function trace(engine: Engine): Promise<{ readonly truth: number[]; readonly rows: number[][] }> {
  const { map, keys, values, start } = detached(() => scope(drawn));
  const write = engine.compile("one token", (before: MemoryState, k: Tensor, v: Tensor) => {
    const gates = { forget: np.array(FORGET), momentum: np.array(0), stepSize: np.array(STEP_SIZE) };
    const state = memoryUpdate(before, momentarySurprise(architecture, before.memory, k, v), gates);
    return { state, row: slice(state.memory.layers[0]!, 0) };
  });
  let state = start;
  const rows: number[][] = [];
  for (let t = 0; t < TOKENS; t++) {
    const [k, v] = detached(() => scope(() => [slice(keys, t), slice(values, t)] as const));
    const after = await write(state, k, v);
    release(state, k, v);
    rows.push([...(await read(after.row))]);
    release(after.row);
    state = after.state;
  }
  const truth = [...(await read(map))].slice(0, DIM);
  release(state, map, keys, values);
  return { truth, rows };
}

function drawn() {
  const [forMap, forKeys] = splitKey(key(SEED), 2) as [Key, Key];
  const map = random.normal(forMap, [DIM, DIM]);
  const keys = l2Normalize(random.normal(forKeys, [TOKENS, DIM]));
  const zero = () => ({ layers: [np.zeros([DIM, DIM])] });
  const start: MemoryState = { memory: zero(), surprise: zero() };
  return { map, keys, values: np.matmul(keys, np.swapaxes(map, 0, 1)), start };
}

export async function drawFixedPoint(canvas: Canvas, engine: Engine): Promise<string> {
  const { truth, rows } = await trace(engine);
  // Unit keys of no direction in particular: the mean of k k^T is the identity over the dimension.
  const kept = 1 / DIM / (1 / DIM + FORGET / STEP_SIZE);
  const marks = truth.map((weight, column) => {
    const points: Point[] = [{ x: 0, y: 0 }, ...rows.map((row, t) => ({ x: t + 1, y: row[column]! }))];
    return [
      canvas.plotter.plot.ruleY([weight * kept], { stroke: `var(--series-${column + 1})`, strokeDasharray: "5 4" }),
      ...canvas.line({
        name: `weight ${column + 1}`,
        points,
        colour: column + 1,
        nameShift: NAME_SHIFTS[column]!,
      }),
    ];
  });
  return canvas.draw(
    {
      marginRight: 90,
      x: { label: "tokens read", domain: [0, TOKENS] },
      y: { label: "weights of the memory’s first row; dashed: the fixed point", grid: true, nice: true },
      marks: marks.flat(),
    },
    `Four weights of a linear memory over ${TOKENS} tokens: each goes from zero to its dashed line, the fixed point, and stays around it`,
  );
}
