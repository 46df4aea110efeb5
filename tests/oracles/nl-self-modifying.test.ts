import { describe, expect, it } from "vitest";
import { causalConvolution } from "./convolution.ts";
import { centralGradientTree } from "./finite-differences.ts";
import {
  addMatrix,
  dot,
  identity,
  type Matrix,
  matMul,
  matVec,
  norm,
  outer,
  scale,
  scaleMatrix,
  type Vector,
  zeroMatrix,
} from "./matrix.ts";
import {
  initialSelfModifyingState,
  type SelfModifyingMemories,
  type SelfModifyingMemory,
  type SelfModifyingName,
  type SelfModifyingOptions,
  type SelfModifyingRule,
  selfModifyingForward,
  selfModifyingGradient,
  selfModifyingLoss,
  selfModifyingTitans,
  selfModifyingUpdate,
} from "./nl-self-modifying.ts";
import { l2Normalise } from "./norms.ts";
import { randomSource } from "./random.ts";
import { combine, flatten, maxDifference } from "./tree.ts";

const random = randomSource(709);
const d = 4;
const names = ["key", "value", "stepSize", "retain", "memory"] as const;

const matrix = (deviation = 0.6): SelfModifyingMemory => ({
  kind: "matrix",
  weight: random.normalMatrix(d, d, deviation),
});
const mlp = (hidden = 5): SelfModifyingMemory => ({
  kind: "mlp",
  inward: random.normalMatrix(hidden, d, 0.7),
  outward: random.normalMatrix(d, hidden, 0.4),
});
const memoriesOf = (make: () => SelfModifyingMemory): SelfModifyingMemories => ({
  key: make(),
  value: make(),
  stepSize: make(),
  retain: make(),
  memory: make(),
});
const matrices = memoriesOf(() => matrix());
const mlps = memoriesOf(() => mlp());
const weightOf = (memory: SelfModifyingMemory): Matrix => {
  if (memory.kind !== "matrix") throw new RangeError("not a matrix");
  return memory.weight;
};

const x = random.normalMatrix(7, d);
const queryWeight = random.normalMatrix(d, d, 0.5);
const options: SelfModifyingOptions = {
  memoryChunk: 1,
  projectionChunk: 1,
  maxStepSize: 0.4,
  stepSizeBias: 0.2,
  retainBias: 2,
  normaliseEpsilon: 1e-12,
};
const run = (memories: SelfModifyingMemories, changes: Partial<SelfModifyingOptions> = {}, tokens = x) =>
  selfModifyingTitans(initialSelfModifyingState(memories), { x: tokens, queryWeight }, { ...options, ...changes });

/** `α I - η k kᵀ`. */
const eraser = (retain: number, stepSize: number, key: Vector): Matrix =>
  addMatrix(scaleMatrix(retain, identity(key.length)), scaleMatrix(-stepSize, outer(key, key)));

/** What a memory settles on along the key when one pair with a fixed target is written many times. */
function settled(rule: SelfModifyingRule, retain: number, stepSize: number, target: Vector): Vector {
  const key = random.unitVector(d);
  let memory = matrix();
  for (let n = 0; n < 100; n++) {
    memory = selfModifyingUpdate(memory, memory, { key, target, retain, stepSize }, rule).memory;
  }
  return selfModifyingForward(memory, key);
}

describe("oracle: one write of self-modifying Titans", () => {
  it("Eq 89: W_1 = 0 is the identity map, whatever W_2", () => {
    const memory: SelfModifyingMemory = {
      kind: "mlp",
      inward: random.normalMatrix(5, d),
      outward: zeroMatrix(d, 5),
    };
    expect(selfModifyingForward(memory, x[0]!)).toEqual(x[0]);
  });

  it.each([
    ["matrix", matrix(), {}],
    ["matrix, dot product", matrix(), { rule: "delta" }],
    ["MLP", mlp(), {}],
    ["MLP, tanh GELU", mlp(), { activation: "gelu-tanh" }],
    ["MLP, dot product", mlp(), { rule: "delta" }],
  ] as [string, SelfModifyingMemory, SelfModifyingRule][])(
    "%s: the gradient equals finite differences",
    (_, memory, rule) => {
      const [key, target] = [random.unitVector(d), random.normalVector(d)];
      const differences = centralGradientTree((m) => selfModifyingLoss(m, key, target, rule), memory, {
        richardson: true,
      });
      expect(maxDifference(selfModifyingGradient(memory, key, target, rule), differences)).toBeLessThan(1e-9);
    },
  );

  it("R39: the target is a constant, so differences that let it move give something else", () => {
    const memory = mlp();
    const [key, value] = [random.unitVector(d), random.normalVector(d)];
    const found = selfModifyingGradient(memory, key, selfModifyingForward(memory, value));
    const moving = centralGradientTree((m) => selfModifyingLoss(m, key, selfModifyingForward(m, value)), memory, {
      richardson: true,
    });
    expect(maxDifference(found, moving)).toBeGreaterThan(0.1);
    expect(flatten(selfModifyingGradient(memory, key, selfModifyingForward(memory, key))).every((g) => g === 0)).toBe(
      true,
    );
  });

  it("Eq 88 under L2: the closed form with twice the erase", () => {
    const memory = matrix();
    const [key, target] = [random.unitVector(d), random.normalVector(d)];
    const { memory: found } = selfModifyingUpdate(memory, memory, { key, target, retain: 0.9, stepSize: 0.3 });
    const closed = addMatrix(matMul(weightOf(memory), eraser(0.9, 0.6, key)), scaleMatrix(0.3, outer(target, key)));
    expect(maxDifference(weightOf(found), closed)).toBeLessThan(1e-14);
  });

  it("η = 0 and α = 1 is a no-op; without erase and at α = 1 it is the delta rule of Eq 65", () => {
    for (const memory of [matrix(), mlp()]) {
      const [key, target] = [random.unitVector(d), random.normalVector(d)];
      const still = selfModifyingUpdate(memory, memory, { key, target, retain: 1, stepSize: 0 });
      expect(maxDifference(still.memory, memory)).toBe(0);
    }
    const memory = matrix();
    const [key, target] = [random.unitVector(d), random.normalVector(d)];
    const write = { key, target, retain: 1, stepSize: 0.3 };
    const rule = addMatrix(matMul(weightOf(memory), eraser(1, 0.3, key)), scaleMatrix(0.3, outer(target, key)));
    const descent = selfModifyingUpdate(memory, memory, write, { erase: false }).memory;
    expect(maxDifference(weightOf(descent), rule)).toBeLessThan(1e-14);
    const delta = selfModifyingUpdate(memory, memory, write, { rule: "delta" }).memory;
    expect(maxDifference(weightOf(delta), rule)).toBeLessThan(1e-14);
  });

  it.each([
    [1, 0.3],
    [0.9, 0.3],
    [0.95, 0.8],
  ])("R41: α = %f, η = %f settles on η v̂/(1-α+2η), on η v̂/(1-α+η) for Eq 92", (retain, stepSize) => {
    const target = random.normalVector(d);
    const l2 = scale(stepSize / (1 - retain + 2 * stepSize), target);
    expect(maxDifference(settled({}, retain, stepSize, target), l2)).toBeLessThan(1e-12);
    const product = scale(stepSize / (1 - retain + stepSize), target);
    expect(maxDifference(settled({ rule: "delta" }, retain, stepSize, target), product)).toBeLessThan(1e-12);
  });

  it("R41: the eigenvalue along the key is α - 2η, so η above (1+α)/2 runs away", () => {
    const target = random.normalVector(d);
    expect(norm(settled({}, 0.9, 0.94, target))).toBeLessThan(10);
    expect(norm(settled({}, 0.9, 1, target))).toBeGreaterThan(100);
  });

  it("R43: with the printed minus sign Eq 92 settles on the negated target", () => {
    const target = random.normalVector(d);
    const printed = settled({ rule: "delta" }, 1, 0.3, scale(-1, target));
    expect(maxDifference(printed, scale(-1, target))).toBeLessThan(1e-12);
    expect(dot(printed, target)).toBeLessThan(0);
  });

  it("Eq 88 moves like plain descent on the loss plus half the squared output (fact 3 of Eq 57)", () => {
    const memory = matrix();
    const [key, target] = [random.unitVector(d), random.normalVector(d)];
    const objective = (m: SelfModifyingMemory): number => {
      const output = selfModifyingForward(m, key);
      return selfModifyingLoss(m, key, target) + dot(output, output) / 2;
    };
    const slope = centralGradientTree(objective, memory, { richardson: true });
    const { memory: found } = selfModifyingUpdate(memory, memory, { key, target, retain: 1, stepSize: 0.3 });
    expect(maxDifference(found, combine(1, memory, -0.3, slope))).toBeLessThan(1e-9);
  });

  it("R40: with no error each layer shrinks by α - η along its own unit input and by α elsewhere", () => {
    const memory = mlp();
    if (memory.kind !== "mlp") throw new RangeError("not an MLP");
    const key = random.unitVector(d);
    const raw = random.normalVector(d);
    const across = l2Normalise(
      raw.map((value, i) => value - dot(raw, key) * key[i]!),
      0,
    );
    const hidden = matVec(memory.inward, key).map((z) => z / (1 + Math.exp(-z)));
    const write = { key, target: selfModifyingForward(memory, key), retain: 0.9, stepSize: 0.3 };
    const { memory: found } = selfModifyingUpdate(memory, memory, write);
    if (found.kind !== "mlp") throw new RangeError("not an MLP");
    const close = (a: Vector, b: Vector): void => expect(maxDifference(a, b)).toBeLessThan(1e-14);
    close(matVec(found.inward, key), scale(0.6, matVec(memory.inward, key)));
    close(matVec(found.inward, across), scale(0.9, matVec(memory.inward, across)));
    close(matVec(found.outward, hidden), scale(0.6, matVec(memory.outward, hidden)));
    const { memory: onlyInput } = selfModifyingUpdate(memory, memory, write, { eraseLayers: "input" });
    if (onlyInput.kind !== "mlp") throw new RangeError("not an MLP");
    expect(maxDifference(onlyInput.inward, found.inward)).toBe(0);
    expect(maxDifference(onlyInput.outward, scaleMatrix(0.9, memory.outward))).toBeLessThan(1e-15);
  });

  it("α = 0 and η = 0 return an MLP to the identity map, a matrix to zero", () => {
    const write = { key: random.unitVector(d), target: random.normalVector(d), retain: 0, stepSize: 0 };
    const [wide, flat] = [mlp(), matrix()];
    expect(selfModifyingForward(selfModifyingUpdate(wide, wide, write).memory, x[0]!)).toEqual(x[0]);
    expect(norm(selfModifyingForward(selfModifyingUpdate(flat, flat, write).memory, x[0]!))).toBe(0);
  });

  it("R44: the surprise is the weighted sum of earlier steps", () => {
    const memory = matrix();
    const writes = [1, 2, 3].map(() => ({
      key: random.unitVector(d),
      target: random.normalVector(d),
      retain: 1,
      stepSize: 0.3,
    }));
    let state = { memory, surprise: combine(0, memory, 0, memory) };
    for (const write of writes) {
      state = selfModifyingUpdate(state.memory, memory, write, { momentum: 0.5, erase: false }, state.surprise);
    }
    const steps = writes.map(({ key, target }) =>
      scaleMatrix(-0.3, weightOf(selfModifyingGradient(memory, key, target))),
    );
    const total = [1.75, 1.5, 1].reduce(
      (sum, weight, n) => addMatrix(sum, scaleMatrix(weight, steps[n]!)),
      weightOf(memory),
    );
    expect(maxDifference(weightOf(state.memory), total)).toBeLessThan(1e-14);
  });
});

describe("oracle: a stream through self-modifying Titans", () => {
  it("chunks of one token: Eq 86-88 by the closed form, all five memories", () => {
    const found = run(matrices);
    let weights = Object.fromEntries(names.map((name) => [name, weightOf(matrices[name])])) as Record<
      (typeof names)[number],
      Matrix
    >;
    const mean = (v: Vector): number => v.reduce((sum, value) => sum + value, 0) / v.length;
    x.forEach((token, t) => {
      const query = l2Normalise(matVec(queryWeight, token), 1e-12);
      const key = l2Normalise(matVec(weights.key, token), 1e-12);
      const value = matVec(weights.value, token);
      const stepSize = 0.4 / (1 + Math.exp(-mean(matVec(weights.stepSize, token)) - 0.2));
      const retain = 1 / (1 + Math.exp(-mean(matVec(weights.retain, token)) - 2));
      expect(maxDifference(found.outputs[t], matVec(weights.memory, query))).toBeLessThan(1e-13);
      weights = Object.fromEntries(
        names.map((name) => {
          const write = scaleMatrix(stepSize, outer(matVec(weights[name], value), key));
          return [name, addMatrix(matMul(weights[name], eraser(retain, 2 * stepSize, key)), write)];
        }),
      ) as typeof weights;
      const { stepSize: step, retain: kept, memories } = found.trace[t]!;
      expect(Math.abs(step - stepSize) + Math.abs(kept - retain)).toBeLessThan(1e-14);
      for (const name of names) expect(maxDifference(weightOf(memories[name]), weights[name])).toBeLessThan(1e-13);
    });
  });

  it("Eq 90, product form: A_1…A_n on the boundary state, A_{j+1}…A_n on each frozen write", () => {
    const { trace } = run(matrices, { memoryChunk: 7, projectionChunk: 7 });
    for (const name of names) {
      const base = weightOf(matrices[name]);
      const factors = trace.map(({ key, stepSize, retain }) => eraser(retain, stepSize, key));
      const writes = trace.map(({ key, stepSize, targets }) =>
        scaleMatrix(-stepSize, weightOf(selfModifyingGradient(matrices[name], key, targets[name]!))),
      );
      const product = (from: number): Matrix => factors.slice(from).reduce(matMul, identity(d));
      const closed = writes.reduce(
        (sum, write, j) => addMatrix(sum, matMul(write, product(j + 1))),
        matMul(base, product(0)),
      );
      expect(maxDifference(weightOf(trace.at(-1)!.memories[name]), closed), name).toBeLessThan(1e-13);
    }
  });

  it("Eq 93: matrix memories erase the running state and write the error of the boundary state", () => {
    const { trace } = run(matrices, { memoryChunk: 3, projectionChunk: 3 });
    const base = weightOf(trace[2]!.memories.memory);
    const before = weightOf(trace[3]!.memories.memory);
    const { key, stepSize, retain, targets } = trace[4]!;
    const error = matVec(base, key).map((value, i) => value - targets.memory![i]!);
    const closed = addMatrix(matMul(before, eraser(retain, stepSize, key)), scaleMatrix(-stepSize, outer(error, key)));
    expect(maxDifference(weightOf(trace[4]!.memories.memory), closed)).toBeLessThan(1e-14);
  });

  it("Eq 90 without erase and at α = 1: one chunk is one step along the summed gradient", () => {
    for (const memories of [matrices, mlps]) {
      const { trace } = run(memories, { memoryChunk: 7, projectionChunk: 7, erase: false, decay: false });
      for (const name of names) {
        const loss = (m: SelfModifyingMemory): number =>
          trace.reduce(
            (sum, { key, stepSize, targets }) => sum + stepSize * selfModifyingLoss(m, key, targets[name]!),
            0,
          );
        const slope = centralGradientTree(loss, memories[name], { richardson: true });
        const step = combine(1, memories[name], -1, slope);
        expect(maxDifference(trace.at(-1)!.memories[name], step), name).toBeLessThan(1e-8);
      }
    }
  });

  it("two chunk sizes: each memory is read and differentiated at the start of its own chunk (R42)", () => {
    const { outputs, trace } = run(mlps, { memoryChunk: 2, projectionChunk: 3 });
    const stateBefore = (t: number, chunk: number): SelfModifyingMemories => {
      const boundary = chunk * Math.floor(t / chunk);
      return boundary === 0 ? mlps : trace[boundary - 1]!.memories;
    };
    for (const [t, token] of trace.entries()) {
      const own = stateBefore(t, 2);
      const shared = stateBefore(t, 3);
      expect(outputs[t]).toEqual(selfModifyingForward(own.memory, token.query));
      expect(token.key).toEqual(l2Normalise(selfModifyingForward(shared.key, x[t]!), 1e-12));
      expect(token.value).toEqual(selfModifyingForward(shared.value, x[t]!));
      expect(token.targets.memory).toEqual(selfModifyingForward(own.memory, token.value));
      expect(token.targets.retain).toEqual(selfModifyingForward(shared.retain, token.value));
    }
  });

  it("is causal, and the printed index of Eq 90 would not be (R42)", () => {
    const sizes = { memoryChunk: 3, projectionChunk: 3 };
    const changed = x.map((row, t) => (t === 5 ? row.map((value) => value + 1) : row));
    for (const readState of ["chunk", "running"] as const) {
      const [a, b] = [run(mlps, { ...sizes, readState }), run(mlps, { ...sizes, readState }, changed)];
      expect(maxDifference(a.outputs.slice(0, 5), b.outputs.slice(0, 5))).toBe(0);
      expect(maxDifference(a.outputs[6], b.outputs[6])).toBeGreaterThan(1e-3);
    }
    const printed = (tokens: Matrix): Vector => {
      const { trace } = run(mlps, sizes, tokens);
      return selfModifyingForward(trace[5]!.memories.memory, trace[3]!.query);
    };
    expect(maxDifference(printed(x), printed(changed))).toBeGreaterThan(1e-3);
  });

  it("the chunk read sees nothing of its chunk, the running read does", () => {
    const sizes = { memoryChunk: 4, projectionChunk: 4 };
    const changed = x.map((row, t) => (t === 4 ? row.map((value) => value + 1) : row));
    const difference = (readState: "chunk" | "running"): number =>
      maxDifference(
        run(mlps, { ...sizes, readState }).outputs[6],
        run(mlps, { ...sizes, readState }, changed).outputs[6],
      );
    expect(difference("chunk")).toBe(0);
    expect(difference("running")).toBeGreaterThan(1e-3);
    const online = run(mlps).outputs;
    expect(maxDifference(run(mlps, { readState: "running" }).outputs, online)).toBe(0);
    expect(maxDifference(run(mlps, sizes).outputs, online)).toBeGreaterThan(1e-3);
  });

  it("pieces give what the whole gives, with momentum and a convolution", () => {
    const taps = { query: random.normalMatrix(4, d), key: random.normalMatrix(4, d), value: random.normalMatrix(4, d) };
    const all: SelfModifyingOptions = {
      ...options,
      memoryChunk: 2,
      projectionChunk: 3,
      momentum: 0.4,
      convolution: { length: 4, mix: (branch, window) => causalConvolution(window, taps[branch]).outputs.at(-1)! },
    };
    const start = initialSelfModifyingState(mlps);
    const whole = selfModifyingTitans(start, { x, queryWeight }, all);
    const first = selfModifyingTitans(start, { x: x.slice(0, 4), queryWeight }, all);
    const second = selfModifyingTitans(first.state, { x: x.slice(4), queryWeight }, all);
    expect(maxDifference([...first.outputs, ...second.outputs], whole.outputs)).toBe(0);
    expect(maxDifference(second.state, whole.state)).toBe(0);
    const queries = x.map((row) => matVec(queryWeight, row));
    const projected = selfModifyingTitans(start, { x, queries }, all);
    expect(maxDifference(projected.outputs, whole.outputs)).toBe(0);
    const convolved = causalConvolution(queries, taps.query).outputs.map((row) => l2Normalise(row, 1e-12));
    expect(
      maxDifference(
        whole.trace.map(({ query }) => query),
        convolved,
      ),
    ).toBe(0);
  });

  it("frozen gates: η = 0 and α = 1 leave a static map, η = 0 alone only decays", () => {
    const still = run(mlps, { maxStepSize: 0, decay: false });
    for (const [t, output] of still.outputs.entries()) {
      expect(output).toEqual(selfModifyingForward(mlps.memory, still.trace[t]!.query));
    }
    expect(maxDifference(still.state.memories, mlps)).toBe(0);
    const { trace } = run(matrices, { maxStepSize: 0 });
    const kept = trace.reduce((product, { retain }) => product * retain, 1);
    expect(
      maxDifference(weightOf(trace.at(-1)!.memories.value), scaleMatrix(kept, weightOf(matrices.value))),
    ).toBeLessThan(1e-14);
  });

  it("a frozen memory stays where it is and the others move on", () => {
    const frozen: SelfModifyingName[] = ["key", "value"];
    const { state } = run(mlps, { frozen });
    for (const name of names) {
      const moved = maxDifference(state.memories[name], mlps[name]);
      if (frozen.includes(name)) expect(moved, name).toBe(0);
      else expect(moved, name).toBeGreaterThan(1e-3);
    }
  });

  it("an adaptive query is a memory like the others; frozen it is a static projection (R37)", () => {
    const adaptive = { ...matrices, query: { kind: "matrix", weight: queryWeight } as SelfModifyingMemory };
    const start = initialSelfModifyingState(adaptive);
    const moving = selfModifyingTitans(start, { x }, options);
    const frozen = selfModifyingTitans(start, { x }, { ...options, frozen: ["query"] });
    expect(maxDifference(frozen.outputs, run(matrices).outputs)).toBe(0);
    expect(maxDifference(moving.outputs[0], frozen.outputs[0])).toBe(0);
    expect(maxDifference(moving.outputs[3], frozen.outputs[3])).toBeGreaterThan(1e-3);
    expect(() => selfModifyingTitans(start, { x, queryWeight }, options)).toThrow(RangeError);
  });

  it("gates stay in range for extreme inputs", () => {
    const { trace } = run(mlps, {}, scaleMatrix(100, x));
    for (const { stepSize, retain } of trace) {
      expect(stepSize).toBeGreaterThanOrEqual(0);
      expect(stepSize).toBeLessThanOrEqual(0.4);
      expect(retain).toBeGreaterThanOrEqual(0);
      expect(retain).toBeLessThanOrEqual(1);
    }
  });

  it("three tokens: the outer slope of the last output reaches every initial state", () => {
    const loss = (memories: SelfModifyingMemories): number => {
      const output = run(memories, {}, x.slice(0, 3)).outputs[2]!;
      return dot(output, output);
    };
    for (const name of names) {
      const direction = mlp();
      const moved = (by: number): SelfModifyingMemories => ({
        ...mlps,
        [name]: combine(1, mlps[name], by, direction),
      });
      const slope = (loss(moved(1e-4)) - loss(moved(-1e-4))) / 2e-4;
      expect(Math.abs(slope), name).toBeGreaterThan(1e-4);
    }
  });
});
