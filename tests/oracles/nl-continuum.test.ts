import { describe, expect, it } from "vitest";
import { centralGradientTree } from "./finite-differences.ts";
import { add, dot, type Matrix, scale, subtract, type Vector, zeroMatrix } from "./matrix.ts";
import {
  type ContinuumBlock,
  type ContinuumLoss,
  type ContinuumOptions,
  continuumBlock,
  continuumForward,
  continuumGradient,
  continuumStream,
  initialContinuumState,
  newContinuumContext,
} from "./nl-continuum.ts";
import { randomSource } from "./random.ts";
import { combine, flatten, maxDifference, treeNorm } from "./tree.ts";

const random = randomSource(710);
const [d, h] = [3, 4];
const block = (): ContinuumBlock => ({
  gain: random.uniformVector(d, 0.7, 1.3),
  up: random.normalMatrix(h, d, 0.6),
  down: random.normalMatrix(d, h, 0.5),
});
const still = (): ContinuumBlock => ({ ...block(), down: zeroMatrix(d, h) });
const blocks = [block(), block(), block()];
const pair = blocks.slice(0, 2);
const x = random.normalMatrix(16, d);
const targets = random.normalMatrix(16, d);
const epsilon = 1e-5;

/** `½‖y - target‖²`. */
const squares: ContinuumLoss = (output, token) => {
  const error = subtract(output, targets[token]!);
  return { value: dot(error, error) / 2, slope: error };
};
const chain = (chunks: number[], stepSize = 0.05, rest: Partial<ContinuumOptions> = {}): ContinuumOptions => ({
  levels: chunks.map((chunk) => ({ chunk, stepSize })),
  epsilon,
  ...rest,
});
const run = (start: ContinuumBlock[], options: ContinuumOptions, inputs = x) =>
  continuumStream(initialContinuumState(start), inputs, squares, options);
/** Sum of the losses of tokens [from, to) with constant blocks. */
const total = (constant: ContinuumBlock[], from: number, to: number, options: ContinuumOptions): number => {
  let sum = 0;
  for (let t = from; t < to; t++) sum += squares(continuumForward(constant, x[t]!, options), t)!.value;
  return sum;
};
const slopeOf = (f: (start: ContinuumBlock[]) => number, at: ContinuumBlock[]): ContinuumBlock[] =>
  centralGradientTree(f, at, { richardson: true });

describe("oracle: forward and gradient of the continuum memory system", () => {
  it("Eq 70: blocks whose last matrix is zero give the identity; swapping two blocks changes the output", () => {
    const options = chain([1, 1]);
    expect(continuumForward([still(), still()], x[0]!, options)).toEqual(x[0]);
    const swapped = continuumForward([...pair].reverse(), x[0]!, options);
    expect(maxDifference(continuumForward(pair, x[0]!, options), swapped)).toBeGreaterThan(1e-3);
  });

  it("a block ignores the length of its input but for the residual", () => {
    const change = (row: Vector): Vector => subtract(continuumBlock(blocks[0]!, row, 0), row);
    expect(maxDifference(change(scale(7, x[0]!)), change(x[0]!))).toBeLessThan(1e-14);
  });

  it.each([
    ["chain", chain([1, 1, 1])],
    ["weighted sum", chain([1, 1, 1], 0, { form: "independent", weights: [0.5, -0.3, 0.8] })],
  ] as [string, ContinuumOptions][])("%s: gradients equal finite differences, for the input too", (_, options) => {
    const slope = subtract(continuumForward(blocks, x[0]!, options), targets[0]!);
    const found = continuumGradient(blocks, x[0]!, slope, options);
    const byBlocks = slopeOf((b) => total(b, 0, 1, options), blocks);
    expect(maxDifference(found.gradients, byBlocks)).toBeLessThan(1e-9);
    const byInput = centralGradientTree((row) => squares(continuumForward(blocks, row, options), 0)!.value, x[0]!, {
      richardson: true,
    });
    expect(maxDifference(found.inputSlope, byInput)).toBeLessThan(1e-9);
  });

  it("Eq 74: one-hot weights select one block, the output is linear in the weights", () => {
    const read = (weights: Vector): Vector =>
      continuumForward(blocks, x[0]!, chain([1, 1, 1], 0, { form: "independent", weights }));
    expect(maxDifference(read([0, 1, 0]), continuumBlock(blocks[1]!, x[0]!, epsilon))).toBe(0);
    const joined = add(scale(2, read([0.3, 0, 1])), scale(-1, read([0, 0.4, 1])));
    expect(maxDifference(read([0.6, -0.4, 1]), joined)).toBeLessThan(1e-14);
  });

  it("Eq 74: at a given slope a block's gradient does not see the others, in the chain it does", () => {
    const slope = targets[0]!;
    const other = [blocks[0]!, block(), block()];
    const side = chain([1, 1, 1], 0, { form: "independent", weights: [0.5, 0.2, 0.3] });
    const first = (start: ContinuumBlock[], options: ContinuumOptions): ContinuumBlock =>
      continuumGradient(start, x[0]!, slope, options).gradients[0]!;
    expect(maxDifference(first(other, side), first(blocks, side))).toBe(0);
    expect(maxDifference(first(other, chain([1, 1, 1])), first(blocks, chain([1, 1, 1])))).toBeGreaterThan(1e-3);
  });
});

describe("oracle: updates of the continuum memory system", () => {
  it("Eq 71: chunks of 4 and 8 over 16 tokens fire 4 and 2 times, at their multiples", () => {
    const { updates, trace } = run(pair, chain([4, 8]));
    expect(updates).toEqual([
      [4, 8, 12, 16],
      [8, 16],
    ]);
    trace.forEach(({ states }, t) => {
      [4, 8].forEach((chunk, l) => {
        const before = t === 0 ? pair[l]! : trace[t - 1]!.states[l]!;
        const moved = maxDifference(states[l], before);
        if ((t + 1) % chunk === 0) expect(moved).toBeGreaterThan(1e-4);
        else expect(moved).toBe(0);
      });
    });
    const size = flatten(pair[0]).length;
    const rewritten = updates.reduce((sum, fired) => sum + fired.length * size, 0);
    expect(rewritten / 16).toBe(size / 4 + size / 8);
  });

  it("one block with an infinite chunk is a static MLP", () => {
    const { outputs, state, updates } = run([blocks[0]!], chain([Infinity]));
    expect(outputs).toEqual(x.map((row) => continuumBlock(blocks[0]!, row, epsilon)));
    expect(state.levels[0]!.state).toEqual(blocks[0]);
    expect(updates).toEqual([[]]);
  });

  it("chunks of one token: descent token by token", () => {
    const options = chain([1, 1]);
    const { trace, outputs } = run(pair, options, x.slice(0, 3));
    let current = pair;
    for (let t = 0; t < 3; t++) {
      expect(maxDifference(outputs[t], continuumForward(current, x[t]!, options))).toBeLessThan(1e-9);
      current = combine(
        1,
        current,
        -0.05,
        slopeOf((b) => total(b, t, t + 1, options), current),
      );
      expect(maxDifference(trace[t]!.states, current)).toBeLessThan(1e-8);
    }
  });

  it("one chunk as long as the stream: one step along the summed gradient at the start", () => {
    const options = chain([16, 16], 0.01);
    const { trace, outputs } = run(pair, options);
    const step = combine(
      1,
      pair,
      -0.01,
      slopeOf((b) => total(b, 0, 16, options), pair),
    );
    expect(maxDifference(trace[15]!.states, step)).toBeLessThan(1e-8);
    expect(outputs).toEqual(x.map((row) => continuumForward(pair, row, options)));
  });

  it("a step size for each token weighs each gradient", () => {
    const options: ContinuumOptions = { levels: [{ chunk: 4, stepSize: (token) => 0.01 * (token + 1) }], epsilon };
    const { state } = run([blocks[0]!], options, x.slice(0, 4));
    const weighted = (b: ContinuumBlock[]): number =>
      [0, 1, 2, 3].reduce((sum, t) => sum + 0.01 * (t + 1) * total(b, t, t + 1, options), 0);
    const step = combine(1, [blocks[0]!], -1, slopeOf(weighted, [blocks[0]!]));
    expect(maxDifference([state.levels[0]!.state], step)).toBeLessThan(1e-8);
  });

  it("R29: with a gradient that does not move, each token counts once; the printed C + 1 terms count one twice", () => {
    const options = chain([4], 1, { rewritten: ["down"] });
    const linear: ContinuumLoss = (output, token) => ({ value: dot(output, targets[token]!), slope: targets[token]! });
    const start = initialContinuumState([blocks[0]!]);
    const { state } = continuumStream(start, x.slice(0, 8), linear, options);
    const gradients = x
      .slice(0, 8)
      .map((row, t) => continuumGradient([blocks[0]!], row, targets[t]!, options).gradients[0]!.down);
    const descend = (terms: Matrix[]): Matrix =>
      terms.reduce((sum, term) => combine(1, sum, -1, term), blocks[0]!.down);
    expect(maxDifference(state.levels[0]!.state.down, descend(gradients))).toBeLessThan(1e-14);
    expect(state.levels[0]!.state.up).toEqual(blocks[0]!.up);
    const printed = descend([...gradients.slice(0, 4), ...gradients.slice(3, 8)]);
    const excess = combine(1, descend(gradients), -1, printed);
    expect(maxDifference(excess, gradients[3])).toBeLessThan(1e-14);
    expect(maxDifference(state.levels[0]!.state.down, printed)).toBeGreaterThan(1e-2);
  });

  it("η = 0 changes no bit, pieces of a stream give what the whole gives", () => {
    const frozen = run(pair, chain([2, 4], 0));
    expect(frozen.outputs).toEqual(x.map((row) => continuumForward(pair, row, chain([2, 4]))));
    for (const form of ["sequential", "nested"] as const) {
      const options = chain([2, 4], 0.05, { form });
      const whole = run(pair, options);
      let state = initialContinuumState(pair);
      const outputs: Matrix = [];
      for (const [from, to] of [
        [0, 3],
        [3, 9],
        [9, 16],
      ] as const) {
        const part = continuumStream(state, x.slice(from, to), squares, options);
        outputs.push(...part.outputs);
        state = part.state;
      }
      expect(outputs).toEqual(whole.outputs);
      expect(state).toEqual(whole.state);
    }
  });

  it("R54: a token without a loss teaches nothing but counts, and the future changes no earlier output", () => {
    const options = chain([2, 4]);
    const silent: ContinuumLoss = (output, token) => (token === 2 ? null : squares(output, token));
    const start = initialContinuumState(pair);
    const { updates, state } = continuumStream(start, x.slice(0, 4), silent, options);
    expect(updates).toEqual([[2, 4], [4]]);
    const slow = run(pair, options, x.slice(0, 4)).state.levels[1]!.state;
    expect(maxDifference(state.levels[1]!.state, slow)).toBeGreaterThan(1e-4);
    const changed = x.map((row, t) => (t === 9 ? scale(2, row) : row));
    const [a, b] = [run(pair, options), run(pair, options, changed)];
    expect(b.outputs.slice(0, 9)).toEqual(a.outputs.slice(0, 9));
    expect(maxDifference(b.outputs[10], a.outputs[10])).toBeGreaterThan(1e-4);
  });
});

describe("oracle: nested and sequential continuum memory", () => {
  const nested = chain([2, 8], 0.05, { form: "nested" });

  it("Eq 72: the faster level is reset every slow chunk, whichever comes first in the chain", () => {
    const forward = run(pair, nested);
    expect(forward.resets).toEqual([[8, 16], []]);
    expect(run(pair, { ...nested, levels: [...nested.levels].reverse() }).resets).toEqual([[], [8, 16]]);
    for (const t of [8, 16]) expect(forward.trace[t - 1]!.states[0]).toEqual(forward.trace[t - 1]!.inits[0]);
    expect(maxDifference(forward.trace[9]!.states[0], forward.trace[9]!.inits[0])).toBeGreaterThan(1e-4);
    expect(forward.trace[15]!.inits[1]).toEqual(pair[1]);
    expect(() => run(pair, chain([3, 8], 0.05, { form: "nested" }))).toThrow(RangeError);
  });

  it("Eq 72: with a still fast level its init takes the plain gradient of the slow chunk", () => {
    const options: ContinuumOptions = {
      ...nested,
      levels: [
        { chunk: 2, stepSize: 0 },
        { chunk: 8, stepSize: 0.02 },
      ],
    };
    const { trace } = run(pair, options);
    const slope = slopeOf((b) => total(b, 0, 8, options), pair);
    const step = combine(1, pair, -0.02, slope);
    expect(maxDifference(trace[7]!.inits[0], step[0])).toBeLessThan(1e-8);
    expect(maxDifference(trace[7]!.states, step)).toBeLessThan(1e-8);
  });

  it("Eq 72, first order: the init moves by the slow step times the gradients at the moving fast states", () => {
    const { trace } = run(pair, nested);
    let sum = combine(0, pair[0]!, 0, pair[0]!);
    for (let t = 0; t < 8; t++) {
      const current = t === 0 ? pair : trace[t - 1]!.states;
      const slope = squares(continuumForward(current, x[t]!, nested), t)!.slope;
      sum = combine(1, sum, 1, continuumGradient(current, x[t]!, slope, nested).gradients[0]!);
    }
    expect(maxDifference(trace[7]!.inits[0], combine(1, pair[0]!, -0.05, sum))).toBeLessThan(1e-14);
    const through = centralGradientTree(
      (gain) =>
        run([{ ...pair[0]!, gain }, pair[1]!], nested, x.slice(0, 8)).losses.reduce((all, loss) => all + loss, 0),
      pair[0]!.gain,
    );
    expect(maxDifference(through, sum.gain)).toBeGreaterThan(1e-3);
  });

  it("three levels: each init moves at its own slower level's boundary and survives that level's reset", () => {
    const { resets, trace, updates } = run(blocks, chain([2, 4, 8], 0.05, { form: "nested" }));
    expect(resets).toEqual([[4, 8, 12, 16], [8, 16], []]);
    expect(updates[2]).toEqual([8, 16]);
    expect(maxDifference(trace[3]!.inits[0], blocks[0])).toBeGreaterThan(1e-4);
    expect(trace[6]!.inits[1]).toEqual(blocks[1]);
    expect(maxDifference(trace[7]!.inits[0], trace[6]!.inits[0])).toBeGreaterThan(1e-4);
    expect(trace[8]!.inits[0]).toEqual(trace[7]!.inits[0]);
  });

  it("Eq 73: a context moves no init, and the next context starts from it", () => {
    for (const form of ["sequential", "independent"] as const) {
      const options = chain([2, 4], 0.05, { form, weights: [0.5, 0.5] });
      const first = run(pair, options);
      expect(first.state.levels.map(({ init }) => init)).toEqual(pair);
      expect(treeNorm(combine(1, first.trace[15]!.states, -1, pair))).toBeGreaterThan(1e-3);
      const again = continuumStream(newContinuumContext(first.state), x, squares, options);
      expect(again.outputs).toEqual(first.outputs);
    }
  });

  it("Eq 73: with every η = 0, training the inits is training an MLP chain", () => {
    const options = chain([2, 4], 0);
    const whole = (b: ContinuumBlock[]): number =>
      run(b, options, x.slice(0, 4)).losses.reduce((sum, loss) => sum + loss, 0);
    const static4 = (b: ContinuumBlock[]): number => total(b, 0, 4, options);
    expect(whole(pair)).toBeCloseTo(static4(pair), 14);
    expect(maxDifference(slopeOf(whole, pair), slopeOf(static4, pair))).toBeLessThan(1e-9);
  });
});
