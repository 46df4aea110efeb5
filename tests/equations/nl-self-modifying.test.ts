import { expect, it } from "vitest";
import { grad, mapTree, np, type Tensor } from "../../src/array/index.ts";
import type { MemoryArchitecture, MemoryWeights } from "../../src/common/index.ts";
import {
  adaptiveProjections,
  agreementMatrixWrite,
  boundedGates,
  parametricStep,
  recallObjective,
  regressionMatrixWrite,
  residualMemory,
  type SelfModifyingBlock,
  type SelfModifyingMemories,
  type SelfModifyingRule,
  selfGeneratedTarget,
  selfModifyingArchitecture,
  selfModifyingChunk,
  selfModifyingStep,
  selfModifyingWrite,
  sharedTargetStep,
  staticProjections,
} from "../../src/nl/index.ts";
import { describeNative } from "../array/native/support.ts";
import type { NumberTree } from "../common/tensors.ts";
import { inFloat64, wide } from "../miras/float64.ts";
import { type PlainMemory, plainAnswer, plainWrite } from "../nl/plain-self-modifying.ts";
import * as oracle from "../oracles/index.ts";

const [dim, hidden] = [3, 5];
const random = oracle.randomSource(76);
const names = ["key", "value", "stepSize", "retain", "memory"] as const;
type Name = (typeof names)[number];

const network = (): PlainMemory => [random.normalMatrix(hidden, dim, 0.6), random.normalMatrix(dim, hidden, 0.6)];
const matrix = (): PlainMemory => [random.normalMatrix(dim, dim, 0.6)];
const named = (make: () => PlainMemory) =>
  Object.fromEntries(names.map((name) => [name, make()])) as Record<Name, PlainMemory>;
const [networks, matrices] = [named(network), named(matrix)];
const [k, v, q, x] = [
  random.unitVector(dim),
  random.normalVector(dim),
  random.unitVector(dim),
  random.normalVector(dim),
];
const queryWeight = random.normalMatrix(dim, dim);
const gates = { maxStepSize: 0.6, biases: { stepSize: 0.3, retain: 1 } };

const mlp: MemoryArchitecture = selfModifyingArchitecture("mlp", dim, hidden / dim, "silu");
const linear: MemoryArchitecture = selfModifyingArchitecture("matrix", dim, 1, "silu");
const weights = (memory: PlainMemory): MemoryWeights => ({ layers: memory.map(wide) });
const all = (memories: Record<Name, PlainMemory>) =>
  Object.fromEntries(names.map((name) => [name, weights(memories[name])])) as unknown as SelfModifyingMemories;

async function expectSame(
  found: Promise<NumberTree> | NumberTree,
  expected: unknown,
  tolerance = 1e-10,
): Promise<void> {
  expect(oracle.maxDifference(oracle.flatten(await found), oracle.flatten(expected))).toBeLessThan(tolerance);
}

const mean = (u: oracle.Vector) => u.reduce((sum, value) => sum + value, 0) / u.length;
const plainGates = (stepSize: oracle.Vector, retain: oracle.Vector) => ({
  stepSize: gates.maxStepSize * oracle.sigmoid(mean(stepSize) + gates.biases.stepSize),
  retain: oracle.sigmoid(mean(retain) + gates.biases.retain),
});

const rules: [string, SelfModifyingRule][] = [
  ["dgd", { rule: "dgd", erase: true, eraseLayers: "all" }],
  ["dgd, the input layer erasing", { rule: "dgd", erase: true, eraseLayers: "input" }],
  ["dgd without erase", { rule: "dgd", erase: false, eraseLayers: "all" }],
  ["delta", { rule: "delta", erase: true, eraseLayers: "all" }],
];

describeNative("a memory between static projections", () => {
  it("NL Eq. 76: staticProjections are matrices times the token, a gate one row of one", async () => {
    const rows = { query: 3, key: 3, value: 3, stepSize: 1, retain: 1 } as const;
    const plain = Object.fromEntries(Object.entries(rows).map(([name, n]) => [name, random.normalMatrix(n, dim)]));
    const given = mapTree(Object.fromEntries(Object.entries(plain).map(([name, w]) => [name, wide(w)])), (w) => w);
    const found = await inFloat64((w, u) => ({ ...staticProjections(w as never, u) }), given, wide(x));
    for (const [name, w] of Object.entries(plain))
      await expectSame((found as Record<string, NumberTree>)[name]!, oracle.matVec(w, x));
  });

  it("NL Eq. 77-78: parametricStep is M (alpha I - eta k k^T) + eta v k^T, a descent of recallObjective, and reads what it wrote", async () => {
    const [M] = matrices.memory as [oracle.Matrix];
    const [stepSize, retain] = [0.4, 0.8];
    const step = (m: Tensor, eta: Tensor, alpha: Tensor) =>
      parametricStep(m, { query: wide(q), key: wide(k), value: wide(v), stepSize: eta, retain: alpha });
    const [y, next] = (await inFloat64(step, wide(M), wide([stepSize]), wide([retain]))) as [
      oracle.Vector,
      oracle.Matrix,
    ];
    const transition = oracle.addMatrix(
      oracle.scaleMatrix(retain, oracle.identity(dim)),
      oracle.scaleMatrix(-stepSize, oracle.outer(k, k)),
    );
    const expected = oracle.addMatrix(oracle.matMul(M, transition), oracle.scaleMatrix(stepSize, oracle.outer(v, k)));
    await expectSame(next, expected);
    await expectSame(y, oracle.matVec(expected, q));
    const loss = (m: Tensor) => recallObjective(linear, { layers: [m] }, wide(k), wide(v));
    const gradient = (await inFloat64((m) => grad(loss)(m), wide(M))) as oracle.Matrix;
    await expectSame(next, oracle.addMatrix(oracle.scaleMatrix(retain, M), oracle.scaleMatrix(-stepSize, gradient)));
  });

  it("NL Eq. 77, 80-81, 85: recallObjective is half the squared distance of the answer, and falls along selfModifyingWrite without erase", async () => {
    const memory = networks.memory;
    const loss = (at: PlainMemory, target = v) => oracle.norm(oracle.subtract(plainAnswer(at, k), target)) ** 2 / 2;
    const found = inFloat64((m) => recallObjective(mlp, m, wide(k), wide(v)), weights(memory));
    await expectSame(found, loss(memory));
    const write = { key: wide(k), target: wide(v), stepSize: 1, retain: 1 };
    const next = (await inFloat64((m) => selfModifyingWrite(mlp, m, write, rules[2]![1]), weights(memory))) as {
      layers: PlainMemory;
    };
    // The step is minus the gradient: by central differences of the loss, its target held fixed.
    const gradient = oracle.centralGradientTree(loss, memory, { step: 1e-4 });
    const moved = next.layers.map((layer, l) => oracle.addMatrix(memory[l]!, oracle.scaleMatrix(-1, layer)));
    await expectSame(moved, gradient, 1e-6);
  });

  it("NL Eq. 89, 91: residualMemory is x + W1 silu(W2 x), the identity where W1 is zero", async () => {
    const [w2, w1] = networks.key as [oracle.Matrix, oracle.Matrix];
    await expectSame(inFloat64(residualMemory, wide(w2), wide(w1), wide(x)), plainAnswer([w2, w1], x));
    await expectSame(inFloat64(residualMemory, wide(w2), wide(oracle.scaleMatrix(0, w1)), wide(x)), x, 1e-15);
  });
});

describeNative("projections that are memories", () => {
  const block: SelfModifyingBlock = { architecture: mlp, query: wide(queryWeight), gates };

  it("NL Eq. 79, 83, 86: adaptiveProjections are the memories' answers to the token, the query's a static matrix's or a memory's", async () => {
    const answers = { key: 0, value: 0, stepSize: 0, retain: 0 };
    const given = () => ({ ...all(networks), query: weights(networks.memory) });
    const run = (m: SelfModifyingMemories, u: Tensor, w?: Tensor) => ({ ...adaptiveProjections(mlp, m, u, w) });
    const fixed = (await inFloat64(run, all(networks), wide(x), wide(queryWeight))) as Record<string, NumberTree>;
    const adaptive = (await inFloat64(run, given(), wide(x))) as Record<string, NumberTree>;
    for (const name of Object.keys(answers) as (keyof typeof answers)[])
      await expectSame(fixed[name]!, plainAnswer(networks[name], x));
    await expectSame(fixed.query!, oracle.matVec(queryWeight, x));
    await expectSame(adaptive.query!, plainAnswer(networks.memory, x));
  });

  it("boundedGates stay in their ranges whatever the features", async () => {
    for (const size of [-1e4, 0, 1e4]) {
      const features = { stepSize: wide([size, size]), retain: wide([size, size]) };
      const found = (await inFloat64((t) => boundedGates(t, gates), features)) as Record<string, number[]>;
      expect(found.stepSize![0]).toBeGreaterThanOrEqual(0);
      expect(found.stepSize![0]).toBeLessThanOrEqual(gates.maxStepSize);
      expect(found.retain![0]).toBeGreaterThanOrEqual(0);
      expect(found.retain![0]).toBeLessThanOrEqual(1);
    }
  });

  it("NL Eq. 79-82: sharedTargetStep writes each memory under its own answer with the value as target, and reads what it wrote", async () => {
    const run = (m: SelfModifyingMemories, u: Tensor) => {
      const [y, written] = sharedTargetStep({ ...block, query: wide(queryWeight) }, m, u);
      return { y, written };
    };
    const found = (await inFloat64(run, all(networks), wide(x))) as {
      y: oracle.Vector;
      written: Record<Name, { layers: PlainMemory }>;
    };
    const answer = (name: Name) => plainAnswer(networks[name], x);
    const own = plainGates(answer("stepSize"), answer("retain"));
    for (const name of names) {
      const key = name === "memory" ? answer("key") : answer(name);
      const write = { key, target: answer("value"), ...own };
      const { memory } = plainWrite(networks[name], networks[name], write, {
        rule: "dgd",
        erase: false,
        eraseLayers: "all",
      });
      await expectSame(found.written[name].layers, memory);
      if (name === "memory") await expectSame(found.y, plainAnswer(memory, oracle.matVec(queryWeight, x)));
    }
  });
});

describeNative("self-modifying memories, token by token", () => {
  it("NL Eq. 84, 87: selfGeneratedTarget is what the memory makes of the value: the value itself for an identity", async () => {
    const found = inFloat64((m, u) => selfGeneratedTarget(mlp, m, u), weights(networks.key), wide(v));
    await expectSame(found, plainAnswer(networks.key, v));
    const identity = inFloat64((m, u) => selfGeneratedTarget(linear, m, u), weights([oracle.identity(dim)]), wide(v));
    await expectSame(identity, v, 1e-15);
  });

  it.each(rules)("NL Eq. 88: selfModifyingWrite is the update matrix by matrix: %s", async (_, rule) => {
    for (const [architecture, memory] of [
      [mlp, networks.memory],
      [linear, matrices.memory],
    ] as const) {
      const write = { key: wide(k), target: wide(v), stepSize: wide([0.4]), retain: wide([0.8]) };
      const found = inFloat64((m, w) => selfModifyingWrite(architecture, m, w, rule), weights(memory), write);
      const pair = { key: k, target: v, stepSize: 0.4, retain: 0.8 };
      const expected = plainWrite(memory, memory, pair, rule).memory;
      await expectSame(
        found.then((tree) => (tree as { layers: NumberTree }).layers),
        expected,
      );
    }
  });

  it("NL Eq. 88: selfModifyingWrite changes nothing at step size 0 and full retention, nor without erase where key and value are one", async () => {
    const target = plainAnswer(networks.memory, k);
    for (const [stepSize, rule] of [
      [0, rules[0]![1]],
      [0.5, rules[2]![1]],
    ] as const) {
      const write = { key: wide(k), target: wide(target), stepSize, retain: 1 };
      const found = inFloat64((m) => selfModifyingWrite(mlp, m, write, rule), weights(networks.memory));
      await expectSame(
        found.then((tree) => (tree as { layers: NumberTree }).layers),
        networks.memory,
        1e-14,
      );
    }
  });

  it("NL Eq. 83-88: selfModifyingStep reads everything before it writes anything", async () => {
    const run = (m: SelfModifyingMemories, u: Tensor) => {
      const [y, written] = selfModifyingStep({ architecture: mlp, query: wide(queryWeight), gates }, m, u);
      return { y, written };
    };
    const found = (await inFloat64(run, all(networks), wide(x))) as {
      y: oracle.Vector;
      written: Record<Name, { layers: PlainMemory }>;
    };
    const answer = (name: Name, u = x) => plainAnswer(networks[name], u);
    const own = plainGates(answer("stepSize"), answer("retain"));
    await expectSame(found.y, answer("memory", oracle.matVec(queryWeight, x)));
    for (const name of names) {
      const write = { key: answer("key"), target: answer(name, answer("value")), ...own };
      await expectSame(
        found.written[name].layers,
        plainWrite(networks[name], networks[name], write, rules[0]![1]).memory,
      );
    }
  });

  it("NL Eq. 88: selfModifyingStep takes its targets as constants inside, and lets the outer gradient through them", async () => {
    // With static gates and keys held apart, only the target carries the value memory's weights into the main memory.
    const readout = random.normalVector(dim);
    const loss = (m: SelfModifyingMemories) => {
      let [memories, total] = [m, np.zeros([])] as [SelfModifyingMemories, Tensor];
      for (const token of [x, v, k, q]) {
        const [y, next] = selfModifyingStep(
          { architecture: mlp, query: wide(queryWeight), gates },
          memories,
          wide(token),
        );
        total = np.add(total, np.sum(np.multiply(y, wide(readout))));
        memories = next;
      }
      return total;
    };
    const gradients = (await inFloat64((m) => grad(loss)(m), all(networks))) as Record<Name, { layers: PlainMemory }>;
    const plain = (memories: Record<Name, PlainMemory>) => {
      let now = memories;
      return [x, v, k, q].reduce((sum, token) => {
        const answer = (name: Name, u: oracle.Vector) => plainAnswer(now[name], u);
        const own = plainGates(answer("stepSize", token), answer("retain", token));
        const read = answer("memory", oracle.matVec(queryWeight, token));
        const entries = names.map((name) => {
          const write = { key: answer("key", token), target: answer(name, answer("value", token)), ...own };
          return [name, plainWrite(now[name], now[name], write, rules[0]![1]).memory];
        });
        now = Object.fromEntries(entries) as typeof now;
        return sum + oracle.dot(read, readout);
      }, 0);
    };
    const expected = oracle.centralGradientTree(plain, networks, { step: 1e-4 }) as typeof networks;
    for (const name of names) {
      expect(oracle.treeNorm(expected[name])).toBeGreaterThan(1e-4);
      await expectSame(gradients[name].layers, expected[name], 1e-6);
    }
  });
});

describeNative("self-modifying memories in chunks", () => {
  const length = 4;
  const tokens = Array.from({ length }, () => ({ key: random.unitVector(dim), target: random.normalVector(dim) }));
  const [stepSizes, retains] = [random.uniformVector(length, 0.1, 0.6), random.uniformVector(length, 0.7, 1)];
  const pairs = () => ({
    keys: wide(tokens.map(({ key }) => key)),
    targets: wide(tokens.map(({ target }) => target)),
  });
  const chunkGates = () => ({
    logRetain: wide(retains.map((a) => [Math.log(a)])),
    stepSize: wide(stepSizes.map((eta) => [eta])),
  });

  it.each(rules)(
    "NL Eq. 90: selfModifyingChunk is the loop over tokens with gradients at its start, and erases from what runs: %s",
    async (_, rule) => {
      for (const [architecture, memory] of [
        [mlp, networks.memory],
        [linear, matrices.memory],
      ] as const) {
        const run = (m: MemoryWeights, p: ReturnType<typeof pairs>, g: ReturnType<typeof chunkGates>) => {
          const chunk = selfModifyingChunk(architecture, rule, { layers: m.layers }, p, g);
          return { after: chunk.atEnd().layers, read: chunk.beforeTokens(p.keys) };
        };
        const found = (await inFloat64(run, weights(memory), pairs(), chunkGates())) as Record<string, NumberTree>;
        let now = memory;
        const read = tokens.map((token, t) => {
          const answer = plainAnswer(now, token.key);
          const write = { ...token, stepSize: stepSizes[t]!, retain: retains[t]! };
          now = plainWrite(now, memory, write, rule).memory;
          return answer;
        });
        await expectSame(found.after!, now);
        await expectSame(found.read!, read);
      }
    },
  );

  it("NL Eq. 90: selfModifyingChunk without erase and decay is one descent step on the sum of the chunk's losses", async () => {
    const rule = rules[2]![1];
    const run = (m: MemoryWeights, p: ReturnType<typeof pairs>, s: Tensor) =>
      selfModifyingChunk(mlp, rule, { layers: m.layers }, p, { logRetain: np.zerosLike(s), stepSize: s }).atEnd();
    const step = wide(tokens.map(() => [0.3]));
    const found = (await inFloat64(run, weights(networks.memory), pairs(), step)) as { layers: PlainMemory };
    const loss = (at: PlainMemory) =>
      tokens.reduce((sum, { key, target }) => {
        return sum + oracle.norm(oracle.subtract(plainAnswer(at, key), target)) ** 2 / 2;
      }, 0);
    const gradient = oracle.centralGradientTree(loss, networks.memory, { step: 1e-4 });
    const expected = networks.memory.map((layer, l) => oracle.addMatrix(layer, oracle.scaleMatrix(-0.3, gradient[l]!)));
    await expectSame(found.layers, expected, 1e-6);
  });

  it("NL Eq. 92; NL Eq. 93: agreementMatrixWrite and regressionMatrixWrite have their fixed points, and are selfModifyingWrite for a matrix", async () => {
    const [stepSize, retain] = [0.4, 0.9];
    const pair = () => ({ key: wide(k), target: wide(v), stepSize, retain });
    for (const [write, rule, denominator] of [
      [agreementMatrixWrite, rules[3]![1], 1 - retain + stepSize],
      [regressionMatrixWrite, rules[0]![1], 1 - retain + 2 * stepSize],
    ] as const) {
      const once = await inFloat64((m) => write(m, pair()), wide(matrices.memory[0]!));
      await expectSame(
        once,
        plainWrite(matrices.memory, matrices.memory, { key: k, target: v, stepSize, retain }, rule).memory[0],
      );
      const often = (m: Tensor) => Array.from({ length: 60 }).reduce((now: Tensor) => write(now, pair()), m);
      const end = (await inFloat64(often, wide(matrices.memory[0]!))) as oracle.Matrix;
      await expectSame(oracle.matVec(end, k), oracle.scale(stepSize / denominator, v), 1e-8);
    }
  });

  it("NL Eq. 92: agreementMatrixWrite with full retention is the delta rule", async () => {
    const [M] = matrices.memory as [oracle.Matrix];
    const pair = { key: wide(k), target: wide(v), stepSize: 0.4, retain: 1 };
    const error = oracle.subtract(v, oracle.matVec(M, k));
    const expected = oracle.addMatrix(M, oracle.scaleMatrix(0.4, oracle.outer(error, k)));
    await expectSame(
      inFloat64((m) => agreementMatrixWrite(m, pair), wide(M)),
      expected,
    );
  });

  it("NL Eq. 93: regressionMatrixWrite token by token with the boundary's gradient is selfModifyingChunk", async () => {
    const run = (m: Tensor, p: ReturnType<typeof pairs>, g: ReturnType<typeof chunkGates>) => ({
      chunk: selfModifyingChunk(linear, rules[0]![1], { layers: [m] }, p, g).atEnd().layers[0]!,
      tokens: tokens.reduce(
        (now, { key, target }, t) =>
          regressionMatrixWrite(
            now,
            { key: wide(key), target: wide(target), stepSize: stepSizes[t]!, retain: retains[t]! },
            m,
          ),
        m,
      ),
    });
    const found = (await inFloat64(run, wide(matrices.memory[0]!), pairs(), chunkGates())) as Record<
      string,
      NumberTree
    >;
    await expectSame(found.chunk!, found.tokens);
  });
});
