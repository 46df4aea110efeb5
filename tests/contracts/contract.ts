/** The contract that every layer over sequences obeys, as tests: a new layer is tested by calling `layerContract`. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  countElements,
  type Engine,
  grad,
  jit,
  key,
  leaves,
  liveTensors,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  slice,
  startEngine,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import { type Block, sliceTokens } from "../../src/common/block.ts";
import type { SequenceLayer } from "../../src/common/layer.ts";
import { detachState, resetRows, selectRows } from "../../src/common/state.ts";
import type { StreamGrid } from "../../src/common/stream.ts";
import { type NumberTree, toNumbers } from "../common/tensors.ts";
import { flatten, type Matrix, randomSource, unflatten } from "../oracles/index.ts";
import {
  changed,
  distance,
  expectIdentical,
  matrixOf,
  numbersOf,
  randomBlock,
  rowsOf,
  sizeOf,
  tensorOf,
} from "./blocks.ts";
import { type Reader, stepReader, streamReader } from "./readers.ts";

/** A layer and what the contract needs to know of it. */
export interface ContractSubject<P extends Tree, S extends Tree> {
  readonly layer: SequenceLayer<P, S>;
  /** Features of a token. */
  readonly dim: number;
  /** Tokens of the test sequences; 11 by default, odd on purpose. */
  readonly tokens?: number;
  /** The grid of a layer that works in chunks. Without one, `step` itself may be cut anywhere, and empty slots leave no gap. */
  readonly grid?: StreamGrid;
  /** How a sequence is cut into calls; by default `step` itself, or the host driver where there is a grid. */
  readonly reader?: (engine: Engine) => Reader<P>;
  /** The layer in plain double-precision numbers, for one sequence [tokens, dim]. */
  readonly oracle?: (params: NumberTree, x: Matrix) => Matrix;
  /**
   * How far two forms of the same computation may be apart where no oracle says which is right, relative to the size of the outputs.
   * 2e-6 by default: some thirty float32 roundings, for short chains of operations; say why where it is larger.
   */
  readonly tolerance?: number;
  /** The same for outer gradients, relative to the largest of them. Twice `tolerance` by default: reverse mode doubles the chain of roundings. */
  readonly gradientTolerance?: number;
  /** How the inner losses of 4,096 tokens are averaged: over so many sequences, and from so many tokens on. 1 and 0 by default; say why where they are not. */
  readonly longRun?: { readonly sequences?: number; readonly settled?: number };
  /** For a layer with a memory: a step that also returns the inner losses of its tokens, of any shape. */
  readonly stepWithLosses?: (params: P, state: S, x: Tensor) => [y: Tensor, state: S, losses: Tensor];
}

/** The mean of independent values, and its standard error. */
function meanAndError(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

/**
 * Registers the contract's tests for one layer.
 *
 * @param name the layer's name in the titles
 */
export function layerContract<P extends Tree, S extends Tree>(name: string, subject: ContractSubject<P, S>): void {
  const { layer, dim, grid, oracle, tokens = 11, tolerance = 2e-6, gradientTolerance = 2 * tolerance } = subject;
  const { sequences = 1, settled = 0 } = subject.longRun ?? {};
  const chunk = grid?.chunk ?? 1;
  /** Tokens that `step` takes in one call whatever the layer is. */
  const aligned = Math.ceil(tokens / chunk) * chunk;

  describe(`${name}: layer contract`, () => {
    let readWith: Reader<P>;
    let params: P;
    /** `step` compiled, without a mask and with one. */
    let step: (p: P, state: S, u: Tensor) => [Tensor, S];
    let maskedStep: (p: P, state: S, u: Tensor, mask: Tensor) => [Tensor, S];
    const x = randomBlock(1, 3, tokens, dim);

    beforeAll(async () => {
      const engine = await startEngine("wasm");
      const byDefault = () => (grid === undefined ? stepReader(engine, layer) : streamReader(engine, layer, grid));
      readWith = subject.reader?.(engine) ?? byDefault();
      params = scope(() => layer.init(key(7)));
      step = jit((p: P, state: S, u: Tensor) => layer.step(p, state, u));
      maskedStep = jit((p: P, state: S, u: Tensor, mask: Tensor) => layer.step(p, state, u, { mask }));
    });

    function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
      expect(distance(actual, expected)).toBeLessThanOrEqual(tolerance * sizeOf(expected));
    }

    it("gives one output a token, of the token's shape, and every state array has the batch first", () => {
      scope(() => {
        const state = layer.initialState(params, 3);
        const [y, next] = layer.step(params, state, np.ones([3, aligned, dim]));
        expect(y.shape).toEqual([3, aligned, dim]);
        const shapes = (tree: Tree) => new Map([...namedLeaves(tree)].map(([path, leaf]) => [path, leaf.shape]));
        expect(shapes(next)).toEqual(shapes(state));
        for (const leaf of leaves(next)) expect(leaf.shape[0]).toBe(3);
      });
    });

    it("is causal: a changed token leaves every earlier output unchanged, bit for bit", async () => {
      const before = await readWith(params, x, [tokens]);
      for (const t of [1, Math.floor(tokens / 2), tokens - 1]) {
        const after = await readWith(params, changed(x, 1, t, t + 1), [tokens]);
        expectIdentical(sliceTokens(after, 0, t).data, sliceTokens(before, 0, t).data);
        expect(distance(sliceTokens(after, t, t + 1).data, sliceTokens(before, t, t + 1).data)).toBeGreaterThan(0);
      }
    });

    it("gives the same outputs however the sequence is cut into calls", async () => {
      const one = rowsOf(x, [0]);
      const whole = await readWith(params, one, [tokens]);
      const cuts = Array.from({ length: tokens - 1 }, (_, i) => [i + 1, tokens - 1 - i]);
      const third = Math.floor(tokens / 3);
      const truth = oracle?.(toNumbers(params), matrixOf(one)).flat();
      for (const sizes of [...cuts, [third, third, tokens - 2 * third], Array.from({ length: tokens }, () => 1)]) {
        const pieces = await readWith(params, one, sizes);
        if (truth === undefined) {
          expectNear(pieces.data, whole.data);
        } else {
          const [cutError, wholeError] = [distance(pieces.data, truth), distance(whole.data, truth)];
          const rounding = 1e-6 * sizeOf(truth);
          expect(cutError).toBeLessThanOrEqual(2 * wholeError + rounding);
          expect(wholeError).toBeLessThanOrEqual(2 * cutError + rounding);
        }
      }
    });

    it("keeps the sequences of a batch apart", async () => {
      const together = await readWith(params, x, [tokens]);
      const after = await readWith(params, changed(x, 1, 0, tokens), [tokens]);
      expectIdentical(rowsOf(after, [0, 2]).data, rowsOf(together, [0, 2]).data);
      for (const row of [0, 1, 2]) {
        const alone = await readWith(params, rowsOf(x, [row]), [tokens]);
        expectNear(alone.data, rowsOf(together, [row]).data);
      }
    });

    it("gives the same numbers from the same seed", async () => {
      const again = scope(() => layer.init(key(7)));
      expectIdentical(numbersOf(again), numbersOf(params));
      const first = await readWith(params, x, [tokens]);
      const second = await readWith(again, x, [tokens]);
      expectIdentical(second.data, first.data);
      release(again);
    });

    it("leaves no array alive after a step and its release", async () => {
      await readWith(params, x, [tokens]);
      const before = liveTensors();
      await readWith(params, x, [tokens]);
      scope(() => {
        const state = layer.initialState(params, 3);
        layer.step(params, state, np.ones([3, aligned, dim]), { mask: np.ones([3, aligned]) });
      });
      expect(liveTensors()).toBe(before);
    });

    it("changes nothing in an empty slot", () => {
      scope(() => {
        const warm = step(params, layer.initialState(params, 3), alignedInput(2))[1];
        const after = maskedStep(params, warm, alignedInput(3), np.zeros([3, aligned]))[1];
        if (chunk === 1) expectIdentical(numbersOf(after), numbersOf(warm));
        else expectNear(numbersOf(after), numbersOf(warm));
      });
    });

    it("gives right-padded sequences of different lengths the outputs and the state of each alone", async () => {
      const lengths = [aligned - 1, 1, Math.ceil(aligned / 2)];
      const padded = randomBlock(4, 3, aligned, dim);
      const mask = tensor(
        lengths.flatMap((length) => Array.from({ length: aligned }, (_, t) => (t < length ? 1 : 0))),
        [3, aligned],
      );
      const [y, state] = scope(() => maskedStep(params, layer.initialState(params, 3), tensorOf(padded), mask));
      const outputs: Block = { data: readSync(y), shape: y.shape };
      for (const [row, length] of lengths.entries()) {
        const input = sliceTokens(rowsOf(padded, [row]), 0, length);
        const alone = await readWith(params, input, [length]);
        expectNear(sliceTokens(rowsOf(outputs, [row]), 0, length).data, alone.data);
        if (chunk > 1) continue;
        scope(() => {
          const own = step(params, layer.initialState(params, 1), tensorOf(input))[1];
          expectNear(numbersOf(selectRows(state, [row])), numbersOf(own));
        });
      }
      release(y, state, mask);
    });

    if (chunk === 1) {
      it("closes the gap of empty slots anywhere: masked equals removed", () => {
        scope(() => {
          const valid = Array.from({ length: tokens }, (_, t) => t % 4 !== 1 && t % 7 !== 3);
          const kept = valid.flatMap((isValid, t) => (isValid ? [t] : []));
          const input = tensorOf(x);
          const mask = np.broadcastTo(tensor(valid.map(Number)), [3, tokens]);
          const warm = step(params, layer.initialState(params, 3), alignedInput(5))[1];
          const [masked, maskedState] = maskedStep(params, warm, input, mask);
          const index = tensor(Int32Array.from(kept));
          const [removed, removedState] = step(params, warm, np.take(input, index, 1));
          expectNear(readSync(np.take(masked, index, 1)), readSync(removed));
          expectNear(numbersOf(maskedState), numbersOf(removedState));
        });
      });
    }

    it("continues selected and reset rows of a state", () => {
      scope(() => {
        const initial = layer.initialState(params, 3);
        const warm = step(params, initial, alignedInput(2))[1];
        const input = alignedInput(3);
        const [y] = step(params, warm, input);
        const [swapped] = step(params, selectRows(warm, [2, 0]), selectRows(input, [2, 0]));
        expectNear(readSync(swapped), readSync(selectRows(y, [2, 0])));
        const [fresh] = step(params, initial, input);
        const [reset] = step(params, resetRows(warm, initial, [1]), input);
        expectNear(readSync(reset), readSync(resetRows(y, fresh, [1])));
        expect(distance(readSync(slice(fresh, 1)), readSync(slice(y, 1)))).toBeGreaterThan(1e-3);
      });
    });

    it("carries gradients through a cut, and none through a detached state", () => {
      scope(() => {
        // One chunk on each side where there are chunks: more of them would only repeat what is compiled.
        const length = grid === undefined ? aligned : chunk;
        const [first, second, weights] = [2, 3, 6].map((seed) => tensorOf(randomBlock(seed, 3, length, dim))) as [
          Tensor,
          Tensor,
          Tensor,
        ];
        const loss = (y: Tensor) => np.sum(np.multiply(y, weights));
        const start = layer.initialState(params, 3);
        const afterCut = (detach: boolean) => (p: P, input: Tensor) => {
          const middle = layer.step(p, start, input)[1];
          return loss(layer.step(p, detach ? detachState(middle) : middle, second)[0]);
        };
        const oneCall = (p: P, input: Tensor) => {
          const [y] = layer.step(p, start, np.concatenate([input, second], 1));
          return loss(slice(y, [], [length, 2 * length]));
        };
        const gradients = (f: (p: P, input: Tensor) => Tensor) =>
          numbersOf(jit((p: P, input: Tensor) => grad((both: [P, Tensor]) => f(...both))([p, input]))(params, first));
        const [cut, whole] = [gradients(afterCut(false)), gradients(oneCall)];
        expect(distance(cut, whole)).toBeLessThanOrEqual(gradientTolerance * sizeOf(whole));
        const detached = jit((p: P, input: Tensor) => grad((u: Tensor) => afterCut(true)(p, u))(input))(params, first);
        expect(numbersOf(detached).every((value) => value === 0)).toBe(true);
        expect(sizeOf(cut.slice(countElements(params)).map((value) => 1e3 * value))).toBeGreaterThan(1);
      });
    });

    if (oracle !== undefined) {
      it("has the outer gradients of its oracle, by central differences", () => {
        const input = randomBlock(8, 1, aligned, dim);
        const weights = randomSource(10).normalVector(input.data.length);
        const subjectOf = { params: toNumbers(params), x: matrixOf(input) };
        const oracleLoss = (flat: number[]) => {
          const at = unflatten(flat, subjectOf);
          return oracle(at.params, at.x)
            .flat()
            .reduce((sum, value, i) => sum + value * weights[i]!, 0);
        };
        const analytic = scope(() => {
          // The state is made inside: some of the parameters may be what it starts from.
          const f = (at: { params: P; x: Tensor }) => {
            const [y] = layer.step(at.params, layer.initialState(at.params, 1), at.x);
            return np.sum(np.multiply(y, tensor(weights, input.shape)));
          };
          return numbersOf(jit(grad(f))({ params, x: tensorOf(input) }));
        });
        const flat = flatten(subjectOf);
        expect(analytic).toHaveLength(flat.length);
        const scale = sizeOf(analytic);
        const step = 1e-5;
        for (let i = 0; i < flat.length; i += Math.max(1, Math.floor(flat.length / 40))) {
          const shifted = (by: number) => oracleLoss(flat.map((value, j) => (j === i ? value + by : value)));
          const numeric = (shifted(step) - shifted(-step)) / (2 * step);
          expect(Math.abs(analytic[i]! - numeric), `entry ${i}`).toBeLessThanOrEqual(2 * tolerance * scale);
        }
      });
    }

    it("stays finite over 4,096 random tokens, and its inner loss does not grow", () => {
      const span = grid?.segment ?? 64;
      const stepOnce = subject.stepWithLosses ?? ((p: P, s: S, u: Tensor) => [...layer.step(p, s, u), np.zeros([1])]);
      const run = jit((p: P, s: S, u: Tensor) => {
        const [y, next, losses] = stepOnce(p, s, u) as [Tensor, S, Tensor];
        return { next, sizes: np.stack([np.max(np.absolute(y)), np.mean(losses)]) };
      });
      let state = scope(() => layer.initialState(params, sequences));
      const means: number[] = [];
      const random = randomSource(9);
      for (let done = 0; done < 4096; done += span) {
        const u = tensor(random.normalVector(sequences * span * dim), [sequences, span, dim]);
        const { next, sizes } = run(params, state, u);
        const [largest, loss] = readSync(sizes);
        expect(Number.isFinite(largest) && Number.isFinite(loss), `outputs and losses after ${done} tokens`).toBe(true);
        if (done >= settled) means.push(loss!);
        release(u, state, sizes);
        state = next;
      }
      release(state);
      const quarter = Math.floor(means.length / 4);
      const [early, late] = [meanAndError(means.slice(0, quarter)), meanAndError(means.slice(-quarter))];
      // The losses of random tokens fluctuate from segment to segment: by a few per cent, or by what their spread says.
      const noise = Math.max(0.05 * Math.abs(early.mean), 3 * Math.hypot(early.error, late.error));
      expect(late.mean - early.mean).toBeLessThanOrEqual(noise);
    });

    function alignedInput(seed: number): Tensor {
      return tensorOf(randomBlock(seed, 3, aligned, dim));
    }
  });
}
