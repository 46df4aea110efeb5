/** The engine's forms of computation against one another and against plain loops, for everything that can be combined. */
import { describe, expect, it } from "vitest";
import { jit, scope, type Tensor } from "../../src/array/index.ts";
import { associativeMemory, type RetentionChoice } from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, relativeError, toNumbers, toTensor } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  algorithms,
  biases,
  dim,
  gateModes,
  gatesOf,
  l2Retentions,
  length,
  mappedRetentions,
  matrix,
  network,
  runWith,
} from "./engine-cases.ts";
import {
  bothForms,
  byToken,
  cutRun,
  type EngineRun,
  inChunks,
  ofRuns,
  type RunNumbers,
  randomGate,
  randomTokens,
  tensorsOf,
} from "./engine-runs.ts";

const tolerance = 1e-9;

function expectSame(actual: RunNumbers, expected: RunNumbers, title: string): void {
  expect(relativeError(actual.outputs, expected.outputs), `outputs, ${title}`).toBeLessThan(tolerance);
  expect(relativeError([...actual.state.layers], [...expected.state.layers]), `state, ${title}`).toBeLessThan(
    tolerance,
  );
  if (expected.state.steps)
    expect(relativeError([...actual.state.steps!], [...expected.state.steps]), `steps, ${title}`).toBeLessThan(
      tolerance,
    );
}

/** Expects chunks of the given sizes to be the plain form with those periods, for every run. */
async function expectForms(runs: readonly (readonly [title: string, run: EngineRun])[], sizes = [3]): Promise<void> {
  const results = await ofRuns<{ chunked: RunNumbers; plain: RunNumbers }[]>(
    runs.map(([, run]) => run),
    (given, { config }) => {
      const memory = associativeMemory(config);
      return sizes.map((size) => ({ chunked: inChunks(memory, given, size), plain: byToken(memory, given, size) }));
    },
  );
  for (const [i, [title]] of runs.entries())
    for (const [j, { chunked, plain }] of results[i]!.entries())
      expectSame(chunked, plain, `${title}, chunks of ${sizes[j]}`);
}

/** The native engine has no arc tangent in float64: the smooth elastic net is tested in float32. */
const float64Retentions = Object.entries(mappedRetentions).filter(([name]) => name !== "elastic net smooth") as [
  keyof typeof mappedRetentions,
  RetentionChoice,
][];

/** The first three tokens of a run: a multiplier is sought at each, which makes programs large. */
function firstTokens(run: EngineRun): EngineRun {
  const { keys, values, queries } = run.tokens;
  const cut = (rows: oracle.Matrix) => rows.slice(0, 3);
  const gates = Object.fromEntries(Object.entries(run.gates).map(([name, rows]) => [name, cut(rows)]));
  return {
    ...run,
    tokens: { keys: cut(keys), values: cut(values), queries: cut(queries) },
    gates: gates as unknown as EngineRun["gates"],
  };
}

const isDivergence = ({ kind }: RetentionChoice) => kind === "fDivergence";

describeNative("chunks and the plain form, in float64", () => {
  for (const [name, retention] of float64Retentions) {
    it(`retention ${name}: a network's chunks are the plain form, gates on every axis`, async () => {
      const modes = isDivergence(retention) ? (["values"] as const) : gateModes;
      const runs = modes.map((mode) => [mode, runWith({ architecture: network, retention }, { mode })] as const);
      await expectForms(
        isDivergence(retention) ? runs.map(([mode, run]) => [mode, firstTokens(run)] as const) : runs,
        [2],
      );
    });

    it(`retention ${name}: a matrix's chunks are the plain form, with momentum and with a gate of rank one`, async () => {
      const runs: [string, EngineRun][] = [["rank one", runWith({ retention }, { mode: "rank one" })]];
      if (!isDivergence(retention) && !(retention.kind === "kl" && retention.lagToken)) {
        const algorithm = algorithms.momentum;
        runs.push(["momentum", runWith({ retention, algorithm })]);
        runs.push(["momentum, channels", runWith({ retention, algorithm }, { mode: "values" })]);
      }
      await expectForms(
        isDivergence(retention) ? runs.map(([title, run]) => [title, firstTokens(run)] as const) : runs,
        [2],
      );
    });
  }

  for (const [name, architecture] of Object.entries({ matrix, network })) {
    it(`every bias under decay: a ${name}'s chunks are the plain form`, async () => {
      await expectForms(
        Object.entries(biases).map(([title, bias]) => [title, runWith({ architecture, bias }, { mode: "values" })]),
      );
    });

    it(`decay and momentum with gates on every axis: a ${name}'s chunks are the plain form`, async () => {
      const algorithm = algorithms.momentum;
      await expectForms([
        ...gateModes.map((mode) => [mode, runWith({ architecture }, { mode })] as const),
        ["momentum", runWith({ architecture, algorithm })] as const,
        ["momentum, channels", runWith({ architecture, algorithm }, { mode: "values" })] as const,
      ]);
    });
  }

  it("a network with residual and norm around one, two and three matrices: chunks are the plain form", async () => {
    const random = oracle.randomSource(811);
    const norm = { scale: random.uniformVector(dim, 0.8, 1.2), shift: random.normalVector(dim, 0.1) };
    const widths = (depth: number) => [dim, ...Array<number>(depth - 1).fill(4), dim];
    await expectForms(
      [1, 2, 3].map((depth) => {
        const architecture = { ...network, depth, residual: true, norm: true };
        const shape = widths(depth);
        const layers = shape.slice(1).map((out, l) => random.normalMatrix(out, shape[l]!, 0.6));
        return [`depth ${depth}`, runWith({ architecture }, { mode: "model", layers, norm })] as const;
      }),
    );
  });

  it("a vector memory, whose keys have one feature: chunks are the plain form", async () => {
    const tokens = { ...randomTokens(812, length, 1), values: randomTokens(813, length, dim).values };
    const layers = [oracle.randomSource(814).normalMatrix(dim, 1)];
    await expectForms([
      [
        "dot product",
        runWith({ architecture: { kind: "vector" }, bias: biases["dot product"] }, { mode: "values", tokens, layers }),
      ],
      [
        "delta",
        runWith({ architecture: { kind: "vector" }, algorithm: algorithms.token }, { mode: "values", tokens, layers }),
      ],
    ]);
  });
});

describeNative("chunks that are solved, in float64", () => {
  for (const [name, algorithm] of [
    ["gradients at each token's weights", algorithms.token],
    ["implicit steps", algorithms.implicit],
  ] as const) {
    it(`${name}: exact for every retention, gate axis and scale of the loss, at any chunk size`, async () => {
      for (const bias of [biases["l2 half"], biases["l2 full"]]) {
        await expectForms(
          Object.entries(l2Retentions).flatMap(([title, retention]) =>
            gateModes.map((mode) => {
              const run = runWith({ retention, algorithm, bias }, { mode });
              return [`${title}, ${mode}`, run] as const;
            }),
          ),
        );
      }
    });
  }

  it("decayed gradients are taken at each token's weights, whatever the gradient point says", async () => {
    await expectForms([["decayed", runWith({ retention: l2Retentions.decayed })]]);
  });

  it("several pairs a token, and erasing elsewhere than where is written: exact at any chunk size", async () => {
    const pairs = { tokens: randomTokens(821, length, dim, 2), gates: gatesOf("values", 2 * length) };
    const random = oracle.randomSource(822);
    const erase = {
      keys: Array.from({ length }, () => random.unitVector(dim)),
      gate: randomGate(823, length, dim, 0.1, 0.9),
    };
    const tokens = { ...randomTokens(824, length, dim), erase };
    const algorithm = algorithms.token;
    await expectForms([
      ["two pairs", runWith({ algorithm }, pairs)],
      ["two pairs, decayed", runWith({ algorithm, retention: l2Retentions.decayed }, pairs)],
      ...(["scalar", "values", "keys", "rank one"] as const).flatMap((mode) =>
        ([biases["l2 half"], biases["l2 full"]] as const).flatMap((bias) =>
          ([l2Retentions.previous, l2Retentions.decayed] as const).map(
            (retention) =>
              [
                `erase, ${mode}, ${bias.scale}, ${retention.gradientAt}`,
                runWith({ algorithm, retention, bias }, { mode, tokens }),
              ] as const,
          ),
        ),
      ),
    ]);
  });

  it("an implicit step takes the gradient at the weights after it, with gates on every axis", async () => {
    for (const mode of ["scalar", "values", "keys"] as const) {
      for (const bias of ["half", "full"] as const) {
        const run = runWith({ algorithm: algorithms.implicit, bias: { kind: "l2", scale: bias } }, { mode });
        const [{ state }] = (await ofRuns<RunNumbers>([run], (given, { config }) =>
          byToken(associativeMemory(config), cutRun(given, 0, 1), 1),
        )) as [RunNumbers];
        const [after, before] = [state.layers[0]!, run.layers[0]!];
        const [key, value] = [run.tokens.keys[0]!, run.tokens.values[0]!];
        const gate = (gates: oracle.Matrix, i: number, j: number) =>
          gates[0]!.length === 1 ? gates[0]![0]! : gates[0]![mode === "keys" ? j : i]!;
        const error = oracle.scale(bias === "full" ? 2 : 1, oracle.subtract(oracle.matVec(after, key), value));
        const expected = before.map((row, i) =>
          row.map((w, j) => gate(run.gates.retain, i, j) * w - gate(run.gates.stepSize, i, j) * error[i]! * key[j]!),
        );
        expect(relativeError(after, expected), `${mode}, ${bias}`).toBeLessThan(tolerance);
      }
    }
  });
});

/** A retention in plain numbers: weights of a state, and the state after a token with a gradient and gates of one number. */
interface PlainRetention {
  weights(state: oracle.Matrix): oracle.Matrix;
  next(state: oracle.Matrix, gradient: oracle.Matrix, retain: number, stepSize: number): oracle.Matrix;
}

const entries = (state: oracle.Matrix, f: (x: number) => number) => state.map((row) => row.map(f));
const summed = (state: oracle.Matrix, gradient: oracle.Matrix, retain: number, stepSize: number) =>
  oracle.addMatrix(oracle.scaleMatrix(retain, state), oracle.scaleMatrix(-stepSize, gradient));
const onRows = (
  rule: (weights: oracle.Vector, gradient: oracle.Vector, stepSize: number) => oracle.Vector,
): PlainRetention => ({
  weights: (state) => state,
  next: (state, gradient, _, stepSize) => oracle.mirasOnSlices("row", state, gradient, (w, g) => rule(w, g, stepSize)),
});
const divergence = (name: oracle.MirasDivergenceName) =>
  onRows((w, g, stepSize) => oracle.mirasDivergenceStep(oracle.mirasDivergences[name], w, g, stepSize, 1.5).weights);
const elasticNet = (shrink: typeof oracle.mirasSoftThreshold): PlainRetention => ({
  weights: (state) => state,
  next: (state, gradient, retain, stepSize) => {
    const inverses = { local: stepSize, l1: 3, l2: (retain * stepSize) / (1 - retain) };
    return oracle.mirasOnSlices("matrix", state, gradient, (w, g) =>
      oracle.mirasElasticNetStep(w, g, inverses, shrink),
    );
  },
});
const lq = (qDual: number, map: oracle.MirasLqMap): PlainRetention => ({
  weights: (state) =>
    state.map((row) => oracle.mirasLqView(row, qDual, map, oracle.mirasLqDivisor(state.flat(), qDual))),
  next: summed,
});
const softmaxOf = (logits: oracle.Vector, total: number) => oracle.scale(total, oracle.mirasSoftmax(logits));

const plainRetentions: Readonly<Record<keyof typeof mappedRetentions, PlainRetention>> = {
  "lq printed 4": lq(4, "printed"),
  "lq mirror 3": lq(3, "mirror"),
  "kl rows, lag token": { weights: (state) => state.map((row) => softmaxOf(row, row.length)), next: summed },
  "kl whole matrix": {
    weights: (state) => oracle.mirasOnSlices("matrix", state, state, (logits) => softmaxOf(logits, 2)),
    next: summed,
  },
  "f-divergence kl": divergence("kl"),
  "f-divergence chi square": divergence("chi2"),
  "f-divergence reverse kl": divergence("reverse-kl"),
  "f-divergence hellinger": divergence("hellinger"),
  "elastic net": elasticNet(oracle.mirasSoftThreshold),
  "elastic net smooth": elasticNet(oracle.mirasArctanThreshold),
  "elastic net leader": { weights: (state) => entries(state, (a) => oracle.mirasSoftThreshold(a, 0.15)), next: summed },
  "bregman logit": { weights: (state) => entries(state, oracle.sigmoid), next: summed },
  "bregman quadratic": { weights: (state) => state, next: summed },
};

/** A matrix memory with the halved squared error and gates of one number, read after each of its tokens. */
function loopOf(name: keyof typeof mappedRetentions, { layers, tokens, gates }: EngineRun): oracle.Matrix {
  const { weights, next } = plainRetentions[name];
  let state = layers[0]!;
  return tokens.queries.map((query, t) => {
    const [key, value] = [tokens.keys[t]!, tokens.values[t]!];
    const gradient = oracle.mirasMatrixGradient({ kind: "l2", scale: "half" }, weights(state), key, value);
    state = next(state, gradient, gates.retain[t]![0]!, gates.stepSize[t]![0]!);
    return oracle.matVec(weights(state), query);
  });
}

describeNative("every retention against a plain loop, in float64", () => {
  for (const [name, retention] of float64Retentions) {
    it(`retention ${name}: the token rule is that of a loop in plain numbers`, async () => {
      const run = isDivergence(retention) ? firstTokens(runWith({ retention })) : runWith({ retention });
      const { chunked, plain } = await bothForms(run, [1]);
      const outputs = loopOf(name, run);
      for (const { outputs: actual } of [chunked[0]!, plain[0]!])
        expect(relativeError(actual, outputs)).toBeLessThan(tolerance);
    });
  }
});

/** A run that writes nothing to a memory of zeros, and what is read of it. */
const idleRun = (retention: RetentionChoice): EngineRun =>
  runWith(
    { retention },
    {
      layers: [oracle.zeroMatrix(dim, dim)],
      gates: { ...gatesOf("scalar"), stepSize: Array.from({ length }, () => [0]) },
    },
  );
const emptyReads = oracle.zeroMatrix(length, dim);

/** A run whose empty slots are marked, and the same without them. */
function withEmptySlots(run: EngineRun, mask: oracle.Vector): [EngineRun, EngineRun] {
  const pairs = run.tokens.keys.length / run.tokens.queries.length;
  const writes = mask.flatMap((valid) => Array<number>(pairs).fill(valid));
  const kept = <T>(rows: readonly T[]) => rows.filter((_, t) => writes[t] === 1);
  const gates = Object.fromEntries(Object.entries(run.gates).map(([name, rows]) => [name, kept(rows)]));
  const { keys, values, queries, erase } = run.tokens;
  const tokens = {
    keys: kept(keys),
    values: kept(values),
    queries: queries.filter((_, t) => mask[t] === 1),
    ...(erase ? { erase: { keys: kept(erase.keys), gate: kept(erase.gate) } } : {}),
  };
  return [
    { ...run, mask: writes },
    { ...run, tokens, gates: gates as unknown as EngineRun["gates"] },
  ];
}

describeNative("empty slots, in float64", () => {
  const mask = [1, 0, 1, 1, 0];
  const random = oracle.randomSource(831);
  const erase = {
    keys: Array.from({ length }, () => random.unitVector(dim)),
    gate: randomGate(832, length, dim, 0.1, 0.9),
  };
  const erasing = { tokens: { ...randomTokens(833, length, dim), erase } };
  const cases: [string, EngineRun][] = [
    ...float64Retentions
      .filter(([name]) => !name.startsWith("f-divergence") || name.endsWith("chi square"))
      .map(([name, retention]): [string, EngineRun] => [name, runWith({ retention }, { mode: "values" })]),
    ...gateModes.map((mode): [string, EngineRun] => [`decay, ${mode}`, runWith({ architecture: network }, { mode })]),
    ["momentum", runWith({ architecture: network, algorithm: algorithms.momentum })],
    ["lq with momentum", runWith({ retention: mappedRetentions["lq printed 4"], algorithm: algorithms.momentum })],
    ...gateModes.map((mode): [string, EngineRun] => [
      `solved, ${mode}`,
      runWith({ algorithm: algorithms.token, retention: l2Retentions.decayed }, { mode }),
    ]),
    ["implicit", runWith({ algorithm: algorithms.implicit })],
    ["erase", runWith({ algorithm: algorithms.token }, { ...erasing })],
    ["erase, key channels", runWith({ algorithm: algorithms.token }, { ...erasing, mode: "keys" })],
    [
      "two pairs",
      runWith(
        { algorithm: algorithms.token },
        { tokens: randomTokens(834, length, dim, 2), gates: gatesOf("scalar", 2 * length) },
      ),
    ],
    [
      "least squares",
      runWith(
        { algorithm: { kind: "leastSquares" }, retention: l2Retentions.none },
        { layers: [random.normalMatrix(dim, dim), oracle.identity(dim)] },
      ),
    ],
  ];

  it.each(cases)("%s: a chunk passes over them", async (_, run) => {
    const [masked, removed] = await ofRuns<RunNumbers>(withEmptySlots(run, mask), (given, { config }) =>
      inChunks(associativeMemory(config), given, length),
    );
    const valid = { ...masked!, outputs: masked!.outputs.filter((_, t) => mask[t] === 1) };
    expectSame(valid, removed!, "masked against removed");
  });

  it("gates that are exactly closed stay so beside empty slots", async () => {
    const run = runWith({}, { gates: { ...gatesOf("scalar"), retain: [[0], [0.9], [0], [0.8], [0]] } });
    const [masked, removed] = await ofRuns<RunNumbers>(withEmptySlots(run, mask), (given, { config }) =>
      inChunks(associativeMemory(config), given, length),
    );
    expectSame({ ...masked!, outputs: masked!.outputs.filter((_, t) => mask[t] === 1) }, removed!, "closed gates");
  });

  it("a step size of zero writes nothing under the elastic net, at weights that are zero too", async () => {
    const { chunked, plain } = await bothForms(idleRun(mappedRetentions["elastic net"]), [1, 3]);
    for (const { outputs } of [...chunked, ...plain]) expect(relativeError(outputs, emptyReads)).toBe(0);
  });
});

describe("the smooth elastic net, in float32", () => {
  const retention = mappedRetentions["elastic net smooth"];
  const compiled = (run: EngineRun, size: number) => {
    const memory = associativeMemory(run.config);
    const given = tensorsOf(run, toTensor);
    return jit((keys: Tensor) => {
      const at = { ...given, tokens: { ...given.tokens, keys } };
      return [inChunks(memory, at, size).outputs, byToken(memory, at, size).outputs];
    })(given.tokens.keys) as [Tensor, Tensor];
  };

  it("its token rule is that of a loop, its chunks are the plain form, and empty slots leave it alone", () => {
    scope(() => {
      const run = runWith({ retention });
      for (const outputs of compiled(run, 1)) expectClose(outputs, loopOf("elastic net smooth", run), 1e-5);
      for (const mode of gateModes) {
        const [chunked, plain] = compiled(runWith({ retention }, { mode }), 3);
        expectClose(chunked, toNumbers(plain), 1e-5);
      }
      const mask = [1, 0, 1, 1, 0];
      const [masked, removed] = withEmptySlots(runWith({ retention }, { mode: "values" }), mask).map((given) =>
        toNumbers(compiled(given, length)[0]),
      ) as [oracle.Matrix, oracle.Matrix];
      expectClose(
        masked.filter((_, t) => mask[t] === 1),
        removed,
        1e-5,
      );
    });
  });

  it("a step size of zero writes nothing, at weights that are zero too", () => {
    scope(() => {
      for (const size of [1, 3])
        for (const outputs of compiled(idleRun(retention), size)) expectClose(outputs, emptyReads, 0);
    });
  });
});
