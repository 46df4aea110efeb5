/** `npm run demo:titans`: three memories read one stream; what surprise, momentum and forgetting do is seen while they read. */
import {
  detached,
  key,
  np,
  random,
  read,
  release,
  scope,
  slice,
  splitKey,
  type Tensor,
  tensor,
  zerosLike,
} from "../../src/array/index.ts";
import { initMemoryWeights, l2Normalize, type MemoryArchitecture, type MemoryWeights } from "../../src/common/index.ts";
import { randomStream } from "../../src/data/index.ts";
import { colour, distinctSeries, dottedLine, wholeFigure } from "../../src/evaluation/figure-parts.ts";
import { type Html, html } from "../../src/evaluation/html.ts";
import { type MemoryState, memoryUpdate, momentarySurprise, retrieve } from "../../src/titans/index.ts";
import { demonstrate, printRow, type Stage } from "./demonstrate.ts";

const STRETCH = 8;
const architecture: MemoryArchitecture = {
  depth: 2,
  dim: 32,
  hiddenDim: 64,
  activation: "silu",
  residual: false,
  norm: false,
};
/** The memories, as rows of one batch: the same start and the same tokens, other gates. */
const memories = [
  { name: "surprise alone (Eq. 8)", momentum: 0, forget: 0 },
  { name: "with momentum (Eq. 9-10)", momentum: 0.7, forget: 0 },
  { name: "and forgetting (Eq. 13-14)", momentum: 0.7, forget: 0.004 },
];
const STEP_SIZE = 0.25;

/** What was measured after every stretch of tokens: one list a memory. */
interface Findings {
  /** Tokens of a stage. */
  readonly stage: number;
  /** Mean size of the tokens' gradients. */
  readonly surprise: readonly number[][];
  /** How far the answers to the facts' keys are from the values that hold at the time. */
  readonly error: readonly number[][];
  /** The same, from the values of the first stage. */
  readonly oldError: readonly number[][];
  /** Size of all weights. */
  readonly norm: readonly number[][];
}

/**
 * Reads three stages of equal length: facts, each told several times; the same keys with other values; pairs that come once.
 *
 * Errors are squared and shares of the values' length: 0 is a right answer, 1 none, 2 one that has nothing to do with the value.
 */
async function readStream({ engine, toy }: Stage): Promise<Findings> {
  const [seeds, facts, rounds] = toy ? [1, 4, 2] : [8, 12, 8];
  const stage = facts * rounds;
  const { dim } = architecture;
  const leading = [seeds, memories.length];
  const shuffled = Array.from({ length: rounds }, (_, round) =>
    randomStream(0, round).sample(Array.from({ length: facts }, (_, fact) => fact)),
  ).flat();
  const order = [...shuffled, ...shuffled.map((fact) => facts + fact), ...shuffled.map((_, t) => 2 * facts + t)];
  const unit = (from: ReturnType<typeof key>, count: number) => l2Normalize(random.normal(from, [seeds, count, dim]));

  const { keys, values, start, gates } = detached(() =>
    scope(() => {
      const [ofKeys, ofValues, ofNoise, ofMemory] = splitKey(key(0), 4);
      const factKeys = unit(ofKeys!, facts);
      const { layers } = initMemoryWeights(architecture, ofMemory!, seeds, 0.1);
      const memory = {
        layers: layers.map((w) => np.broadcastTo(np.expandDims(w, 1), [...leading, ...w.shape.slice(1)])),
      };
      const perMemory = (of: (memory: (typeof memories)[number]) => number) =>
        np.broadcastTo(tensor(memories.map(of)), leading);
      return {
        keys: np.concatenate([factKeys, factKeys, unit(ofNoise!, stage)], 1),
        values: unit(ofValues!, 2 * facts + stage),
        start: { memory, surprise: zerosLike(memory) },
        gates: {
          forget: perMemory(({ forget }) => forget),
          momentum: perMemory(({ momentum }) => momentum),
          stepSize: perMemory(() => STEP_SIZE),
        },
      };
    }),
  );
  const readStretch = engine.compile(
    "a stretch of tokens",
    (state: MemoryState, given: { keys: Tensor; values: Tensor; indices: Tensor }, all: typeof gates) => {
      const forAll = (x: Tensor) => np.broadcastTo(np.expandDims(x, 1), [seeds, memories.length, ...x.shape.slice(1)]);
      const tokens = { keys: np.take(given.keys, given.indices, 1), values: np.take(given.values, given.indices, 1) };
      const surprises: Tensor[] = [];
      let now = state;
      for (let t = 0; t < STRETCH; t++) {
        const at = (x: Tensor) => forAll(slice(x, [], t));
        const surprise = momentarySurprise(architecture, now.memory, at(tokens.keys), at(tokens.values));
        surprises.push(sizeOf(surprise));
        now = memoryUpdate(now, surprise, all);
      }
      const answers = retrieve(architecture, now.memory, forAll(slice(given.keys, [], [0, facts])));
      const errorFrom = (first: number) => {
        const wanted = forAll(slice(given.values, [], [first, first + facts]));
        return np.mean(np.sum(np.square(np.subtract(answers, wanted)), -1), -1);
      };
      const measured = [np.mean(np.stack(surprises), 0), errorFrom(0), errorFrom(facts), sizeOf(now.memory)];
      return { now, measured: np.mean(np.stack(measured), 1) }; // over seeds: [4, memories]
    },
  );
  const empty = () => memories.map(() => [] as number[]);
  const found = { surprise: empty(), error: empty(), oldError: empty(), norm: empty() };
  let state: MemoryState = start;
  for (let from = 0; from < order.length; from += STRETCH) {
    const indices = detached(() => tensor(Int32Array.from(order.slice(from, from + STRETCH))));
    const { now, measured } = await readStretch(state, { keys, values, indices }, gates);
    const numbers = await read(measured);
    memories.forEach((_, m) => {
      const [surprise, old, changed, norm] = [0, 1, 2, 3].map((row) => numbers[row * memories.length + m]!);
      found.surprise[m]!.push(surprise!);
      found.oldError[m]!.push(old!);
      found.error[m]!.push(from < stage ? old! : changed!);
      found.norm[m]!.push(norm!);
    });
    release(state, indices, measured);
    state = now;
  }
  release(state, keys, values, gates);
  return { stage, ...found };
}

/** The length of all weights of a memory together: [seeds, memories] */
function sizeOf({ layers }: MemoryWeights): Tensor {
  const squares = layers.map((layer) => np.sum(np.square(layer), [-2, -1]));
  return np.sqrt(squares.reduce((a, b) => np.add(a, b)));
}

/** A line a memory along the stream, and the names of its stages. */
function along({ plotter }: Stage, { stage }: Findings, numbers: readonly number[][], what: string): Html {
  const series = distinctSeries(memories.map(({ name }) => name));
  const lines = numbers.flatMap((ys, m) =>
    dottedLine(
      plotter,
      ys.map((y, i) => ({ x: (i + 1) * STRETCH, y })),
      series[m]!,
    ),
  );
  const { plot } = plotter;
  const names = ["facts, told again and again", "the same keys, other values", "pairs that come once"];
  const labels = names.map((text, i) => ({ text, x: (i + 0.5) * stage }));
  return wholeFigure(plotter, series, `${what} along the stream, by memory`, {
    height: 300,
    x: { label: "tokens read" },
    y: { label: what, grid: true, zero: true },
    marks: [
      plot.ruleX([stage, 2 * stage], { stroke: colour("baseline"), strokeDasharray: "2 4" }),
      plot.text(labels, {
        x: "x",
        text: "text",
        frameAnchor: "top",
        lineWidth: 7,
        dy: 2,
        lineAnchor: "top",
        fill: colour("ink-2"),
      }),
      ...lines,
    ],
  });
}

await demonstrate("titans", async (stage) => {
  console.log("Three memories of two layers read the same stream and write every token into their weights:");
  console.log(
    "facts that are told again and again, then the same keys with other values, then pairs that come once.\n",
  );
  const found = await readStream(stage);
  const after = (stages: number) => (stages * found.stage) / STRETCH - 1;
  const columns = ["at first", "facts known", "values changed", "known again"];
  console.log("Surprise: how large the gradient of a token is");
  printRow("", columns, 15);
  const begin = after(1) + 1;
  memories.forEach(({ name }, m) => {
    printRow(
      name,
      [0, after(1), begin, after(2)].map((at) => found.surprise[m]![at]!),
      15,
    );
  });
  console.log("\nError: how far its answers to the facts' keys are off (0 is right, 1 no answer, 2 another one)");
  printRow("", ["facts known", "known again", "after all", "size of weights"], 16);
  memories.forEach(({ name }, m) => {
    printRow(name, [...[1, 2, 3].map((n) => found.error[m]![after(n)]!), found.norm[m]![after(3)]!], 16);
  });
  const [alone, carried, fading] = found.error.map((errors) => errors.map((x) => x.toFixed(3)));
  console.log(`
What is known does not surprise any more, and does again when it changes. Momentum carries every surprise on to the tokens
after it, and so takes larger steps: the error falls to ${carried![after(1)]} instead of ${alone![after(1)]}, and pairs that come once overwrite
more of the facts. Forgetting costs some of what is known (${fading![after(1)]}), and keeps the weights small.`);
  return {
    title: "A memory while it reads",
    lead: "The same stream, read by three memories of two layers that write every token into their weights, with the gates of the paper set by hand.",
    figures: [
      html`<section><h2>Surprise</h2><figure>${along(stage, found, found.surprise, "size of a token’s gradient")}<figcaption>Means of ${STRETCH} tokens and of several seeds. What is known does not surprise; when the values change, everything does.</figcaption></figure></section>`,
      html`<section><h2>What it knows</h2><figure>${along(stage, found, found.error, "error of its answers")}<figcaption>Of the answers to the facts’ keys, from the values that hold at the time: 0 is right, 1 is no answer, 2 an answer that has nothing to do with the value. In the last stage none of them is told again.</figcaption></figure></section>`,
    ],
  };
});
