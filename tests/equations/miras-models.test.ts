/** Moneta, Yaad and Memora: their equations, and the chunks that they are trained in. */
import { describe, expect, it } from "vitest";
import { jit, np, readSync, scope, slice, type Tensor, type Tree } from "../../src/array/index.ts";
import {
  type AssociativeMemoryConfig,
  associativeMemory,
  type BiasChoice,
  biasOf,
  chunkGradientSum,
  lagGradientSum,
  lagGradients,
  lagToken,
  literalTail,
  memoraUpdate,
  monetaGradient,
  monetaUpdate,
  type RetentionChoice,
  simplexViolation,
  table1,
  yaadUpdate,
} from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, relativeError, toNumbers, toTensor } from "../common/tensors.ts";
import {
  byToken,
  chunksOf,
  constantGate,
  type EngineRun,
  inChunks,
  ofRun,
  type RunTensors,
  randomGate,
  randomTokens,
  tensorsOf,
} from "../miras/engine-runs.ts";
import { exactly } from "../miras/exact.ts";
import * as oracle from "../oracles/index.ts";

const token = oracle.mirasTokenFixture;
const three = oracle.mirasSequenceFixture;
/** The reference prints ten digits. */
const printed = 1e-9;
const column = (gate: oracle.Vector): oracle.Matrix => gate.map((value) => [value]);
const [gradientAtStart, gradientAtSimplex] = [token.weights, token.positive].map((w) =>
  oracle.mirasMatrixGradient({ kind: "l2", scale: "half" }, w, token.key, token.value),
) as [oracle.Matrix, oracle.Matrix];

const byChunks = { kind: "gradientDescent", gradientPoint: "chunk" } as const;
const biases = {
  l2: { kind: "l2", scale: "half" },
  sign: { kind: "huber", form: "mixture", l1: "sign", smooth: false },
  direction: { kind: "huber", form: "mixture", l1: "direction", smooth: false },
  cubes: { kind: "lp", p: 3, smooth: false },
} as const satisfies Record<string, BiasChoice>;
const retentions = {
  decay: { kind: "l2", gradientAt: "previous" },
  lq: { kind: "lq", qDual: 4, map: "printed" },
  kl: { kind: "kl", slice: "row", total: 1, lagToken: true },
} as const satisfies Record<string, RetentionChoice>;

/** A matrix memory given the reference's three tokens. */
function threeTokens(bias: BiasChoice, retention: RetentionChoice, start: oracle.Matrix = token.weights): EngineRun {
  return {
    config: { architecture: { kind: "matrix" }, bias, retention, algorithm: byChunks, dim: 3 },
    layers: [start],
    tokens: three.tokens,
    gates: {
      retain: column(three.retain),
      stepSize: column(three.stepSize),
      ...(bias.kind === "huber" ? { threshold: column(three.threshold) } : {}),
    },
  };
}

const logarithms = (w: oracle.Matrix) => w.map((row) => row.map(Math.log));

describeNative("Moneta, Yaad and Memora on one token", () => {
  it("MIRAS Eq. 25: monetaGradient is the reference's for every printed p, exact and smooth", async () => {
    for (const p of [1, 1.5, 3, 4] as const) {
      const gradient = await exactly((w, k, v) => monetaGradient(w!, k!, v!, p), token.weights, token.key, token.value);
      expectClose(gradient, token.lp[p], printed);
    }
    const smooth = { slope: 10, epsilon: 1e-6 };
    const actual = await exactly(
      (w, k, v) => [monetaGradient(w!, k!, v!), monetaGradient(w!, k!, v!, 3, smooth)],
      token.weights,
      token.key,
      token.value,
    );
    expectClose(actual, [token.lp[3], token.lpSmooth], printed);
  });

  it("MIRAS Eq. 24: monetaUpdate carries the sum on and reads it through its norm, as the reference has it", async () => {
    const gates = { retain: 0.9, stepSize: 0.1 };
    const actual = await exactly((a, g) => monetaUpdate(a!, g!, gates), token.weights, token.lp[3]);
    const { accumulator, printed: weights, accumulatorNorm } = token.moneta;
    expectClose(actual, { accumulator, weights }, printed);
    expect(oracle.mirasLNorm(accumulator.flat(), 4)).toBeCloseTo(accumulatorNorm, 9);
    const linear = await exactly((a, g) => monetaUpdate(a!, g!, gates, 2), token.weights, gradientAtStart);
    const step = plainStep(0.9, 0.1);
    expectClose(linear, { accumulator: step, weights: step }, 1e-14);
  });

  it("MIRAS Eq. 24-25: monetaUpdate with monetaGradient gives the reference's three tokens, channel gates those of an explicit loop", async () => {
    const run = (a: Tensor, keys: Tensor, values: Tensor, retain: Tensor, stepSize: Tensor) => {
      let state = monetaUpdate(a, np.zerosLike(a), { retain: 1, stepSize: 0 });
      for (const t of [0, 1, 2]) {
        const gradient = monetaGradient(state.weights, slice(keys, t), slice(values, t));
        const at = (gate: Tensor) => np.expandDims(slice(gate, t), -1);
        state = monetaUpdate(state.accumulator, gradient, { retain: at(retain), stepSize: at(stepSize) });
      }
      return state;
    };
    const { keys, values } = three.tokens;
    const f = (...args: Tensor[]) => run(...(args as Parameters<typeof run>));
    const scalar = await exactly(f, token.weights, keys, values, column(three.retain), column(three.stepSize));
    expectClose(scalar, { accumulator: three.monetaAccumulator[1], weights: three.monetaWeights[1] }, printed);
    const [retain, stepSize] = [randomGate(601, 3, 2, 0.8, 1), randomGate(602, 3, 2, 0.05, 0.3)];
    const channels = await exactly<{ accumulator: oracle.Matrix }>(f, token.weights, keys, values, retain, stepSize);
    const expected = oracle.mirasMoneta(
      { ...three.tokens, retain, stepSize },
      oracle.mirasInitialState([token.weights]),
      { memory: oracle.mirasMatrixMemory, p: 3, q: 4, map: "printed", read: "exact", chunk: 1 },
    );
    expectClose(channels.accumulator, expected.state.accumulator[0]!, printed);
  });

  it("MIRAS Eq. 26: yaadUpdate takes the square below the threshold and the bounded step above it, token by token", async () => {
    for (const [l1, expected] of [
      ["sign", three.yaadSign[1]],
      ["direction", three.yaadDirection[1]],
    ] as const) {
      const actual = await exactly(
        (w, keys, values) =>
          [0, 1, 2].reduce((weights, t) => {
            const gates = {
              retain: three.retain[t]!,
              stepSize: three.stepSize[t]!,
              threshold: np.full([1], 0.6, { dtype: weights.dtype }),
            };
            return yaadUpdate(weights, slice(keys!, t), slice(values!, t), gates, l1);
          }, w!),
        token.weights,
        three.tokens.keys,
        three.tokens.values,
      );
      expectClose(actual, expected, printed);
    }
  });

  it("MIRAS Eq. 26: yaadUpdate with no residual above the threshold is the delta rule, and above it the step has a bound that no outlier moves", async () => {
    const update = (threshold: number, value: oracle.Vector) =>
      exactly(
        (w, k, v, d) => yaadUpdate(w!, k!, v!, { retain: 0.9, stepSize: 0.5, threshold: d! }),
        token.weights,
        token.key,
        value,
        [threshold],
      );
    expectClose(await update(100, token.value), token.deltaPrevious, printed);
    const [far, farther] = [
      await update(0.5, oracle.scale(1e2, token.value)),
      await update(0.5, oracle.scale(1e3, token.value)),
    ];
    expectClose(farther, far, 0);
    const step = oracle.addMatrix(far, oracle.scaleMatrix(-0.9, token.weights));
    // eta delta sqrt(d) |k|
    expect(oracle.treeNorm(step)).toBeCloseTo(0.5 * 0.5 * Math.SQRT2, 12);
    const unbounded = await update(1e9, oracle.scale(1e3, token.value));
    expect(oracle.treeNorm(unbounded)).toBeGreaterThan(100);
  });

  it("MIRAS Eq. 27: memoraUpdate is a softmax of old logarithms and the gradient, rows by themselves", async () => {
    const gates = { retain: 0.9, stepSize: 0.5 };
    const actual = await exactly((w, g) => memoraUpdate(w!, g!, gates), token.positive, gradientAtSimplex);
    expectClose(actual, token.softmaxRows, printed);
    const whole = await exactly(
      (w, g) => memoraUpdate(w!, g!, gates, "matrix"),
      oracle.scaleMatrix(0.5, token.positive),
      gradientAtSimplex,
    );
    const logits = token.positive.map((row, i) =>
      row.map((w, j) => 0.9 * Math.log(w / 2) - 0.5 * gradientAtSimplex[i]![j]!),
    );
    expectClose(whole.flat(), oracle.mirasSoftmax(logits.flat()), printed);
  });

  it("MIRAS Eq. 27: memoraUpdate three times gives the reference's tokens; without a gradient it tends to equal weights", async () => {
    const { keys, values } = three.tokens;
    const actual = await exactly(
      (w, k, v) =>
        [0, 1, 2].reduce((weights, t) => {
          const gradient = slice(
            lagGradients(weights, np.expandDims(slice(k!, t), 0), np.expandDims(slice(v!, t), 0)),
            0,
          );
          return memoraUpdate(weights, gradient, { retain: three.retain[t]!, stepSize: three.stepSize[t]! });
        }, w!),
      token.positive,
      keys,
      values,
    );
    expectClose(actual, three.memora[1], printed);
    const faded = await exactly(
      (w) =>
        Array.from({ length: 40 }).reduce<Tensor>(
          (x) => memoraUpdate(x, np.zerosLike(x), { retain: 0.6, stepSize: 1 }),
          w!,
        ),
      token.positive,
    );
    expectClose(
      faded,
      faded.map((row) => row.map(() => 1 / 3)),
      1e-8,
    );
  });
});

/** alpha W - eta g of the reference's token under the squared error. */
function plainStep(retain: number, stepSize: number): oracle.Matrix {
  return oracle.addMatrix(oracle.scaleMatrix(retain, token.weights), oracle.scaleMatrix(-stepSize, gradientAtStart));
}

describeNative("the reference's three tokens in chunks", () => {
  const sizes = [1, 3] as const;

  it("MIRAS Eq. 28 and MIRAS Algorithm 2: associativeChunk under decay gives the squared error, and Yaad's two mixtures", async () => {
    for (const [bias, expected] of [
      [biases.l2, three.delta],
      [biases.sign, three.yaadSign],
      [biases.direction, three.yaadDirection],
    ] as const) {
      const runs = await chunksOf(threeTokens(bias, retentions.decay), sizes);
      for (const [i, size] of sizes.entries()) expectClose([...runs[i]!.state.layers], [expected[size]], printed);
    }
  });

  it("MIRAS Eq. 28 and MIRAS Algorithm 1: associativeChunk carries Moneta's sum from chunk to chunk, its weights those of the printed map", async () => {
    const run = threeTokens(biases.cubes, retentions.lq);
    const memory = associativeMemory(run.config);
    const results = await ofRun<[oracle.Matrix, oracle.Matrix][]>(run, (given) =>
      sizes.map((size) => {
        const { state } = inChunks(memory, given, size);
        return [state.layers[0]!, memory.weights(state).layers[0]!];
      }),
    );
    for (const [i, size] of sizes.entries())
      expectClose(results[i]!, [three.monetaAccumulator[size], three.monetaWeights[size]], printed);
  });

  it("MIRAS Eq. 28 and MIRAS Algorithm 3: associativeChunk takes Memora's gradients at the weights that the lag token leaves", async () => {
    const run = threeTokens(biases.l2, retentions.kl, logarithms(token.positive));
    const memory = associativeMemory(run.config);
    const weights = await ofRun<oracle.Matrix[]>(run, (given) =>
      sizes.map((size) => memory.weights(inChunks(memory, given, size).state).layers[0]!),
    );
    for (const [i, size] of sizes.entries()) expectClose(weights[i]!, three.memora[size], printed);
  });

  it("MIRAS Eq. 5, 28: associativeRecurrence gives all of them token by token, with a period of one and of three", async () => {
    const starts = { l2: token.weights, kl: logarithms(token.positive) };
    for (const [run, expected] of [
      [threeTokens(biases.l2, retentions.decay), three.delta],
      [threeTokens(biases.sign, retentions.decay), three.yaadSign],
      [threeTokens(biases.direction, retentions.decay), three.yaadDirection],
      [threeTokens(biases.cubes, retentions.lq), three.monetaWeights],
      [threeTokens(biases.l2, retentions.kl, starts.kl), three.memora],
    ] as const) {
      const memory = associativeMemory(run.config);
      const weights = await ofRun<oracle.Matrix[]>(run, (given) =>
        sizes.map((size) => memory.weights(byToken(memory, given, size).state).layers[0]!),
      );
      for (const [i, size] of sizes.entries()) expectClose(weights[i]!, expected[size], printed);
    }
  });

  it("MIRAS Eq. 30: lagToken is Memora's first token", async () => {
    const actual = await exactly(
      (w, k, v) => lagToken(w!, k!, v!, { retain: 0.9, stepSize: 0.1 }),
      token.positive,
      three.tokens.keys[0]!,
      three.tokens.values[0]!,
    );
    expectClose(actual, three.memoraLag, printed);
  });

  it("MIRAS Eq. 31-32: lagGradients added up, and lagGradientSum as one product, lead literalTail to the reference's end but for its floor", async () => {
    const { keys, values } = three.tokens;
    const [gradients, sum, tail] = await exactly<[oracle.Matrix[], oracle.Matrix, oracle.Matrix]>(
      (w, k, v, logRetain, stepSize) => {
        const total = lagGradientSum(w!, k!, v!, logRetain!, stepSize!);
        return [lagGradients(w!, k!, v!), total, literalTail(w!, 0.95 * 0.8, total)];
      },
      three.memoraLag,
      keys.slice(1),
      values.slice(1),
      three.retain.slice(1).map(Math.log),
      three.stepSize.slice(1),
    );
    const expected = [1, 2].map((t) =>
      oracle.mirasMatrixGradient({ kind: "l2", scale: "half" }, three.memoraLag, keys[t]!, values[t]!),
    );
    expectClose(gradients, expected, 1e-12);
    const added = oracle.addMatrix(oracle.scaleMatrix(0.2 * 0.8, expected[0]!), oracle.scaleMatrix(0.3, expected[1]!));
    expectClose(sum, added, 1e-12);
    const raw = oracle.addMatrix(oracle.scaleMatrix(0.76, three.memoraLag), oracle.scaleMatrix(-1, sum));
    expectClose(raw, three.memoraWeightsTail, printed);
    // Without the floor the next logarithm would be of a negative number.
    expect(Math.min(...raw.flat())).toBeLessThan(0);
    const floored = raw.map((row) => row.map((w) => Math.max(w, 1e-8)));
    const rows = floored.map((row) => oracle.scale(1 / row.reduce((a, b) => a + b), row));
    expectClose(tail, rows, 1e-12);
    expect(Math.min(...tail.flat())).toBeGreaterThan(0);
  });

  it("MIRAS Eq. 32: lagGradientSum has the gates of its own tokens, whatever came before", async () => {
    const random = oracle.randomSource(611);
    const [weights, keys, values] = [random.normalMatrix(2, 3), random.normalMatrix(5, 3), random.normalMatrix(5, 2)];
    const [retain, stepSize] = [random.uniformVector(5, 0.3, 1), random.uniformVector(5, 0, 1)];
    const actual = await exactly(
      (w, k, v, logRetain, step) => lagGradientSum(w!, k!, v!, logRetain!, step!),
      weights,
      keys,
      values,
      retain.map(Math.log),
      stepSize,
    );
    const errors = keys.map((key, i) => oracle.subtract(oracle.matVec(weights, key), values[i]!));
    const perRow = (gate: oracle.Vector) => gate.map((x) => [x, x]);
    const gates = { retain: perRow(retain), stepSize: perRow(stepSize) };
    expectClose(actual, oracle.mirasBatchedSum(errors, keys, gates), 1e-12);
  });
});

describeNative("the sum of a chunk's gradients", () => {
  const random = oracle.randomSource(621);
  const [out, inputs, length] = [3, 4, 5];
  const weights = random.normalMatrix(out, inputs);
  const [keys, values] = [random.normalMatrix(length, inputs), random.normalMatrix(length, out)];
  const threshold = randomGate(622, length, 1, 0.5, 2);

  for (const [name, choice, plain] of [
    ["the l_p bias", { kind: "lp", p: 3, smooth: false }, () => ({ kind: "lp", p: 3 })],
    ["the squared error", biases.l2, () => ({ kind: "l2", scale: "half" })],
    [
      "Yaad's mixture",
      biases.sign,
      (t: number) => ({ kind: "huber-mixture", threshold: threshold[t]![0]!, l1: "sign" }),
    ],
  ] as [string, BiasChoice, (t: number) => oracle.MirasBias][]) {
    it(`MIRAS Eq. 29: chunkGradientSum is one product over the tokens for ${name}, gates one a token and one a channel`, async () => {
      const errors = keys.map((key, t) => oracle.mirasOutputError(plain(t), oracle.matVec(weights, key), values[t]!));
      for (const channels of [1, out]) {
        const [retain, stepSize] = [randomGate(623, length, channels, 0.3, 1), randomGate(624, length, channels, 0, 1)];
        const actual = await exactly(
          (w, k, v, logRetain, step, delta) =>
            chunkGradientSum(biasOf(choice), w!, k!, v!, { logRetain: logRetain!, stepSize: step!, threshold: delta! }),
          weights,
          keys,
          values,
          logarithms(retain),
          stepSize,
          threshold,
        );
        const spread = (gate: oracle.Matrix) =>
          gate.map((row) => (channels === 1 ? Array<number>(out).fill(row[0]!) : row));
        const gates = { retain: spread(retain), stepSize: spread(stepSize) };
        expectClose(actual, oracle.mirasBatchedSum(errors, keys, gates), 1e-12);
        const explicit = keys.reduce(
          (sum, key, t) => {
            const later = (r: number) => gates.retain.slice(t + 1).reduce((product, gate) => product * gate[r]!, 1);
            const scaled = errors[t]!.map((e, r) => e * gates.stepSize[t]![r]! * later(r));
            return oracle.addMatrix(sum, oracle.outer(scaled, key));
          },
          oracle.zeroMatrix(out, inputs),
        );
        expectClose(actual, explicit, 1e-12);
      }
    });
  }

  it("MIRAS Eq. 28: associativeChunk expands the recurrence to every token, channel gates on the values", async () => {
    const gates = { retain: randomGate(625, length, out, 0.3, 1), stepSize: randomGate(626, length, out, 0, 1) };
    const queries = random.normalMatrix(length, inputs);
    const [run] = await chunksOf(
      {
        config: {
          architecture: { kind: "matrix" },
          bias: biases.cubes,
          retention: retentions.decay,
          algorithm: byChunks,
          dim: out,
        },
        layers: [weights],
        tokens: { keys, values, queries },
        gates,
      },
      [length],
    );
    const gradients = keys.map((key, t) => oracle.mirasMatrixGradient({ kind: "lp", p: 3 }, weights, key, values[t]!));
    const states = oracle.mirasExpandedStates(weights, gradients, gates);
    expectClose(
      run!.outputs,
      states.map((w, t) => oracle.matVec(w, queries[t]!)),
      1e-11,
    );
    expectClose([...run!.state.layers], [states.at(-1)!], 1e-11);
  });
});

const [dim, length] = [4, 8];
const hidden = 8;

/** A random two-layer memory with residual and norm, as the paper's models have it. */
function networkRun(name: "moneta" | "yaad" | "memora", changes: Partial<EngineRun> = {}): EngineRun {
  const { architecture, ...choices } = table1[name].settings(1);
  const config = {
    ...choices,
    architecture: { ...architecture, expansion: hidden / dim },
    dim,
  } as AssociativeMemoryConfig;
  const random = oracle.randomSource(631);
  return {
    config,
    layers: [random.normalMatrix(hidden, dim, 0.7), random.normalMatrix(dim, hidden, 0.5)],
    tokens: randomTokens(632, length, dim),
    gates: {
      retain: randomGate(633, length, dim, 0.8, 0.99),
      stepSize: randomGate(634, length, dim, 0.01, 0.1),
      ...(name === "yaad" ? { threshold: randomGate(635, length, 1, 0.5, 1.5) } : {}),
    },
    norm: { scale: random.uniformVector(dim, 0.8, 1.2), shift: random.normalVector(dim, 0.1) },
    ...changes,
  };
}

/** The same in plain numbers. */
function plainRun(name: "moneta" | "yaad" | "memora", run: EngineRun, chunk: number): oracle.MirasRun {
  const { tokens, gates, norm, mask } = run;
  const memory: oracle.MirasMemory = {
    activation: "gelu-erf",
    residual: true,
    norm: { epsilon: 1e-5, gamma: [...norm!.scale], beta: [...norm!.shift] },
  };
  const sequence = {
    ...tokens,
    retain: gates.retain,
    stepSize: gates.stepSize,
    ...(mask ? { mask: mask.map(Boolean) } : {}),
  };
  const start = oracle.mirasInitialState([...run.layers]);
  switch (name) {
    case "moneta":
      return oracle.mirasMoneta(sequence, start, {
        memory,
        p: 3,
        smooth: { slope: 10, epsilon: 1e-6 },
        q: 4,
        map: "printed",
        normGuard: 1e-12,
        read: "exact",
        chunk,
      });
    case "yaad":
      return oracle.mirasYaad({ ...sequence, threshold: gates.threshold!.map(([x]) => x!) }, start, {
        memory,
        l1: "sign",
        slope: 10,
        chunk,
      });
    case "memora": {
      const options: oracle.MirasMemoraOptions = { memory, totals: [dim, hidden], tail: "log", floor: null, chunk };
      return oracle.mirasMemora(sequence, oracle.mirasMemoraInitialState([...run.layers], options), options);
    }
  }
}

const models = ["moneta", "yaad", "memora"] as const;

describeNative("the three models on their own memory", () => {
  const { layers, key, value, output, l2, l3 } = oracle.mirasMlpFixture;

  it("MIRAS Eq. 28: associativeChunk takes the reference's gradients of the two-layer memory", async () => {
    for (const [bias, { gradient }] of [
      [biases.l2, l2],
      [biases.cubes, l3],
    ] as const) {
      const run: EngineRun = {
        config: { ...networkRun("yaad").config, bias, dim: 3 },
        layers,
        tokens: { keys: [key], values: [value], queries: [key] },
        gates: { retain: [[1]], stepSize: [[1]] },
        norm: { scale: [1, 1, 1], shift: [0, 0, 0] },
      };
      const [after] = await chunksOf(run, [1]);
      const written = layers.map((w, l) => oracle.addMatrix(w, oracle.scaleMatrix(-1, after!.state.layers[l]!)));
      expectClose(written, gradient, printed);
      const [idle] = await chunksOf({ ...run, gates: { retain: [[1]], stepSize: [[0]] } }, [1]);
      expectClose(idle!.outputs, [output], printed);
    }
  });

  for (const name of models) {
    it(`MIRAS Eq. 28: associativeChunk as ${name} passes over empty slots, wherever they are`, async () => {
      for (const mask of [
        [1, 1, 0, 1, 0, 1, 1, 1],
        [0, 1, 1, 1, 1, 0, 0, 0],
      ]) {
        const run = networkRun(name, { mask });
        const runs = await chunksOf(run, [1, 3]);
        for (const [i, size] of [1, 3].entries()) {
          const expected = plainRun(name, run, size);
          expect(relativeError(runs[i]!.outputs, expected.outputs), `chunks of ${size}`).toBeLessThan(1e-9);
        }
      }
    });

    it(`MIRAS Eq. 28: associativeChunk as ${name} errs in the second order of the step size`, async () => {
      const scales = [1e-3, 5e-4, 2.5e-4];
      const run = networkRun(name, {
        gates: { ...networkRun(name).gates, retain: constantGate(length, 1), stepSize: constantGate(length, 1) },
      });
      const memory = associativeMemory(run.config);
      const errors = await ofRun<number[]>(run, (given) =>
        scales.map((scale) => {
          const gates = { ...given.gates, stepSize: np.multiply(given.gates.stepSize, scale) };
          const [exact, chunked] = [1, 8].map((size) => inChunks(memory, { ...given, gates }, size).outputs);
          return np.sqrt(np.sum(np.square(np.subtract(chunked!, exact!))));
        }),
      );
      const slope = Math.log(errors[0]! / errors[2]!) / Math.log(scales[0]! / scales[2]!);
      expect(slope).toBeGreaterThan(1.9);
      expect(slope).toBeLessThan(2.1);
    });
  }

  it("MIRAS Eq. 28: associativeChunk as memora is exact in chunks of two, and in no longer ones", async () => {
    const run = networkRun("memora");
    const exact = plainRun("memora", run, 1).outputs;
    const [two, four] = await chunksOf(run, [2, 4]);
    expect(relativeError(two!.outputs, exact)).toBeLessThan(1e-9);
    expect(relativeError(four!.outputs, exact)).toBeGreaterThan(1e-4);
    const [without] = await chunksOf(
      { ...run, config: { ...run.config, retention: { kind: "kl", slice: "row", total: "entries", lagToken: false } } },
      [2],
    );
    expect(relativeError(without!.outputs, exact)).toBeGreaterThan(1e-4);
  });

  it("Moneta's weights have the norm of its sum to the power 3 - q, each matrix by itself", async () => {
    for (const qDual of [3, 4, 5]) {
      const base = networkRun("moneta");
      const run = { ...base, config: { ...base.config, retention: { kind: "lq", qDual, map: "printed" } as const } };
      const memory = associativeMemory(run.config);
      const [sums, weights] = await ofRun<[oracle.Matrix[], oracle.Matrix[]]>(run, (given) => {
        const { state } = inChunks(memory, given, 4);
        return [state.layers, memory.weights(state).layers];
      });
      for (const [l, sum] of sums.entries()) {
        const norm = oracle.mirasLNorm(sum.flat(), qDual);
        expectClose([oracle.mirasLNorm(weights[l]!.flat(), qDual)], [norm ** (3 - qDual)], 1e-9);
      }
    }
  });

  it("Moneta carries its sum, not its weights: to carry those is another model", async () => {
    const run = networkRun("moneta");
    const memory = associativeMemory(run.config);
    const carried = await ofRun<oracle.Matrix>(run, (given) => {
      let { state } = given;
      const outputs = [0, 4].map((from) => {
        const at = (x: Tensor) => slice(x, [from, from + 4]);
        const { keys, values, queries } = given.tokens;
        const tokens = { keys: at(keys), values: at(values), queries: at(queries) };
        const gates = { logRetain: at(given.gates.logRetain), stepSize: at(given.gates.stepSize) };
        const result = memory.chunk(state, tokens, gates, { norm: given.norm! });
        state = { layers: memory.weights(result.state).layers };
        return result.outputs;
      });
      return np.concatenate(outputs, -2);
    });
    const expected = plainRun("moneta", run, 4).outputs;
    expectClose(carried.slice(0, 4), expected.slice(0, 4), 1e-9);
    expect(relativeError(carried.slice(4), expected.slice(4))).toBeGreaterThan(1e-3);
  });

  it("Yaad with no residual above its threshold is the squared error's chunk, and is not below it", async () => {
    const run = networkRun("yaad", { gates: { ...networkRun("yaad").gates, threshold: constantGate(length, 1e3) } });
    const [squared] = await chunksOf(run, [4]);
    const memory: oracle.MirasMemory = {
      activation: "gelu-erf",
      residual: true,
      norm: { epsilon: 1e-5, gamma: [...run.norm!.scale], beta: [...run.norm!.shift] },
    };
    const sequence = { ...run.tokens, retain: run.gates.retain, stepSize: run.gates.stepSize };
    const expected = oracle.mirasDelta(sequence, oracle.mirasInitialState([...run.layers]), { memory, chunk: 4 });
    expectClose(squared!.outputs, expected.outputs, 1e-9);
    const [bounded] = await chunksOf(networkRun("yaad"), [4]);
    expect(relativeError(bounded!.outputs, expected.outputs)).toBeGreaterThan(1e-3);
  });
});

describe("Memora on its simplex, in float32", () => {
  it("stays positive with rows of the same sum after many large steps", () => {
    scope(() => {
      const run: EngineRun = {
        ...networkRun("memora"),
        gates: { retain: randomGate(641, length, dim, 0.8, 0.99), stepSize: randomGate(642, length, dim, 0.5, 2) },
      };
      const memory = associativeMemory(run.config);
      const given = tensorsOf(run, toTensor);
      const program = jit((state: Tree, keys: Tensor, values: Tensor) => {
        const tokens = { ...given.tokens, keys, values };
        return inChunks(memory, { ...given, state: state as RunTensors["state"], tokens }, 4).state as Tree;
      });
      const random = oracle.randomSource(643);
      let state: Tree = given.state;
      for (let n = 0; n < 50; n++) {
        const { keys, values } = randomTokens(1000 + n, length, dim);
        state = program(
          state,
          toTensor(keys),
          toTensor(values.map((row) => oracle.scale(1 + 9 * random.uniform(), row))),
        );
      }
      const { layers } = memory.weights(state as RunTensors["state"]);
      for (const layer of layers) {
        expect(Math.min(...readSync(layer))).toBeGreaterThan(0);
        const violation = simplexViolation(layer, { total: "entries", slice: "row" });
        expect(Math.max(...oracle.flatten(toNumbers(violation)))).toBeLessThan(1e-5);
      }
    });
  });
});
