/** `npm run demo:miras`: the delta rule, Yaad, Moneta's bias and Memora write the same pairs, of which one in twenty is an outlier. */
import {
  detached,
  key,
  nn,
  np,
  random,
  read,
  release,
  scope,
  slice,
  splitKey,
  type Tensor,
  tensor,
} from "../../src/array/index.ts";
import { l2Normalize } from "../../src/common/index.ts";
import { colour, distinctSeries, dottedLine, wholeFigure } from "../../src/evaluation/figure-parts.ts";
import { html } from "../../src/evaluation/html.ts";
import { type AssociativeMemoryConfig, type AssociativeState, associativeMemory } from "../../src/miras/index.ts";
import { demonstrate, printRow, type Stage } from "./demonstrate.ts";

/** Tokens of one compiled program, each a chunk of its own. */
const TOKENS = 8;
/** What the gates keep at every token, and Huber's delta. */
const [RETAIN, THRESHOLD] = [0.9995, 0.3];

/** A memory of the demonstration. */
interface Rule extends Pick<AssociativeMemoryConfig, "bias" | "retention"> {
  readonly name: string;
}

/** Biases and retentions of the paper's models, each on a plain matrix, so that nothing else differs. Moneta's retention is left out: it leaves answers of any size to the norm behind it. */
const rules: readonly Rule[] = [
  { name: "delta rule", bias: { kind: "l2", scale: "half" }, retention: { kind: "none" } },
  {
    name: "Yaad: Huber, decay",
    bias: { kind: "huber", form: "mixture", l1: "sign", smooth: false },
    retention: { kind: "l2", gradientAt: "previous" },
  },
  {
    name: "Moneta's bias: l3, decay",
    bias: { kind: "lp", p: 3, smooth: false },
    retention: { kind: "l2", gradientAt: "previous" },
  },
  {
    name: "Memora: l2, relative entropy",
    bias: { kind: "l2", scale: "half" },
    retention: { kind: "kl", slice: "row", total: "entries", lagToken: false },
  },
];

/** How large the demonstration is. */
function sizesOf(toy: boolean) {
  const stepSizes = toy ? [0.25, 1] : Array.from({ length: 10 }, (_, i) => 2 ** (i - 8));
  return toy
    ? { dim: 8, seeds: 1, pairs: 16, passes: 1, stepSizes, factors: [1, 100] }
    : { dim: 32, seeds: 3, pairs: 128, passes: 4, stepSizes, factors: [1, 3, 10, 30, 100, 300] };
}
type Sizes = ReturnType<typeof sizesOf>;

/** Pairs that every one of the memories can hold: $v = W^* k$, where the rows of $W^*$ are positive and have mean one. [factors, seeds, pairs, dim] */
function associations({ dim, seeds, pairs, factors }: Sizes) {
  return detached(() =>
    scope(() => {
      const [ofKeys, ofMap] = splitKey(key(0), 2);
      const keys = l2Normalize(random.normal(ofKeys!, [seeds, pairs, dim]));
      const map = np.multiply(nn.softmax(np.multiply(random.normal(ofMap!, [seeds, dim, dim]), 1.5), -1), dim);
      const values = np.matmul(keys, np.swapaxes(map, -1, -2));
      const outlier = tensor(
        Float32Array.from({ length: pairs }, (_, pair) => Number(pair % 20 === 7)),
        [pairs, 1],
      );
      const factor = tensor(factors, [factors.length, 1, 1, 1]);
      const all = (x: Tensor) => np.broadcastTo(x, [factors.length, seeds, pairs, dim]);
      const written = np.multiply(values, np.add(1, np.multiply(outlier, np.subtract(factor, 1))));
      return { keys: all(keys), values: all(values), written, counted: np.subtract(1, outlier) };
    }),
  );
}

/**
 * How far the recall of the pairs that are not outliers is off, by step size and by the outliers' factor: the length of what is wrong over that of what is right.
 */
async function recallErrors({ engine }: Stage, rule: Rule, sizes: Sizes, pairs: ReturnType<typeof associations>) {
  const { dim, seeds, passes, stepSizes, factors } = sizes;
  const algorithm = { kind: "gradientDescent", gradientPoint: "chunk" } as const;
  const memory = associativeMemory({ ...rule, architecture: { kind: "matrix" }, algorithm, dim });
  const leading = [stepSizes.length, factors.length, seeds];
  const kept = rule.retention.kind === "none" ? 1 : RETAIN;
  const write = engine.compile(
    rule.name,
    (state: AssociativeState, keys: Tensor, values: Tensor, steps: Tensor): AssociativeState => {
      const ones = np.ones([...leading, 1, 1]);
      const scaled = (x: number | Tensor) => np.multiply(ones, x);
      const gates = { logRetain: scaled(Math.log(kept)), stepSize: scaled(steps), threshold: scaled(THRESHOLD) };
      let now = state;
      for (let t = 0; t < TOKENS; t++) {
        const at = (x: Tensor) => np.broadcastTo(slice(x, [], [], [t, t + 1]), [...leading, 1, dim]);
        ({ state: now } = memory.chunk(now, { keys: at(keys), values: at(values), queries: at(keys) }, gates));
      }
      return now;
    },
  );
  const steps = detached(() => tensor(stepSizes, [stepSizes.length, 1, 1, 1, 1]));
  let state: AssociativeState = detached(() =>
    scope(() => {
      const fresh = memory.start(memory.init(key(1), 1));
      return { layers: fresh.layers.map((w) => np.broadcastTo(w, [...leading, dim, dim])) };
    }),
  );
  for (let from = 0; from < passes * sizes.pairs; from += TOKENS) {
    const at = from % sizes.pairs;
    const cut = (x: Tensor) => detached(() => slice(x, [], [], [at, at + TOKENS]));
    const [keys, values] = [cut(pairs.keys), cut(pairs.written)];
    const next = await write(state, keys, values, steps);
    release(state, keys, values);
    state = next;
  }
  const errors = detached(() =>
    scope(() => {
      const recalled = np.matmul(pairs.keys, np.swapaxes(memory.weights(state).layers[0]!, -1, -2));
      const total = (x: Tensor) => np.sum(np.multiply(np.square(x), pairs.counted), [-2, -1]);
      return np.mean(np.sqrt(np.divide(total(np.subtract(recalled, pairs.values)), total(pairs.values))), -1);
    }),
  );
  const found = [...(await read(errors))];
  release(state, steps, errors);
  return stepSizes.map((_, s) => found.slice(s * factors.length, (s + 1) * factors.length));
}

function errorText(error: number): string {
  return Number.isFinite(error) ? error.toFixed(3) : "diverged";
}

await demonstrate("miras", async (stage) => {
  const sizes = sizesOf(stage.toy);
  const { pairs, factors, stepSizes } = sizes;
  console.log(
    `Four memories write the same ${pairs} pairs, again and again; one value in twenty is multiplied by a factor.`,
  );
  console.log("Each has the step size with which it recalls best where nothing is wrong. Error of the other pairs:\n");
  printRow("", ["step size", ...factors.map((factor) => (factor === 1 ? "no outliers" : `times ${factor}`))]);
  const given = associations(sizes);
  const found: { readonly name: string; readonly errors: readonly number[] }[] = [];
  for (const rule of rules) {
    const errors = await recallErrors(stage, rule, sizes, given);
    const clean = errors.map(([first]) => (Number.isFinite(first!) ? first! : Infinity));
    const best = clean.indexOf(Math.min(...clean));
    found.push({ name: rule.name, errors: errors[best]! });
    printRow(rule.name, [String(stepSizes[best]), ...errors[best]!.map(errorText)]);
  }
  release(given);
  const last = found.map(({ errors }) => errorText(errors.at(-1)!));
  console.log(`
A memory that answers nothing has error 1. What the delta rule and l3 write grows with their own error, so that one wrong
value undoes all the others (the last column: ${last[0]}, ${last[2]}). What Yaad writes is bounded, and outliers hardly touch
it (${last[1]}). Memora's weights are positive and have a fixed sum: it is led astray, but never far (${last[3]}).`);
  const series = distinctSeries(found.map(({ name }) => name));
  const lines = found.flatMap(({ errors }, i) =>
    dottedLine(
      stage.plotter,
      errors.flatMap((y, f) => (Number.isFinite(y) ? [{ x: factors[f]!, y }] : [])),
      series[i]!,
    ),
  );
  const figure = wholeFigure(stage.plotter, series, "Recall error over the factor of the outliers, by memory", {
    height: 420,
    x: { type: "log", label: "factor of the outliers", tickFormat: "~g" },
    y: { type: "log", label: "recall error", grid: true, tickFormat: "~g" },
    marks: [stage.plotter.plot.ruleY([1], { stroke: colour("baseline"), strokeDasharray: "2 4" }), ...lines],
  });
  return {
    title: "Four memories and outliers",
    lead: `The same ${pairs} pairs are written into matrix memories with the biases and retention gates of MIRAS’ models. One value in twenty is multiplied by a factor; the error is that of the others.`,
    figures: [
      html`<figure>${figure}<figcaption>Means over several seeds, each memory at the step size that is best without outliers. Dotted line: a memory that answers nothing. Moneta is here with its bias alone; where it diverged it has no point.</figcaption></figure>`,
    ],
  };
});
