import { describe, expect, it } from "vitest";
import {
  jit,
  leaves,
  liveTensors,
  mapTree,
  readSync,
  release,
  scope,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import { optimizerNamed, optimizerNames, optimizers } from "../../src/optim/index.ts";
import { ConfigError, ShapeError } from "../../src/utils/index.ts";
import { randomSource } from "../oracles/index.ts";

function randomParams(seed: number) {
  const random = randomSource(seed);
  const numbers = (...shape: number[]) => tensor(random.normalVector(shape.reduce((a, b) => a * b, 1)), shape);
  return {
    embedding: numbers(7, 4),
    blocks: [{ output: numbers(4, 6), norm: { scale: numbers(4) }, initialMemory: numbers(2, 3, 4) }],
    temperature: numbers(),
  };
}

describe("optimizerNamed", () => {
  it("says of every optimizer what it is, where it comes from, and all its settings", () => {
    expect(optimizerNames).toEqual([
      "sgd",
      "momentum",
      "nesterov",
      "adam",
      "adamw",
      "adagrad",
      "muon",
      "dgd",
      "preconditioned-momentum",
      "delta-momentum",
      "deep-momentum",
      "m3",
    ]);
    for (const name of optimizerNames) {
      const { title, paper, equation, defaults, learningRate } = optimizers[name];
      expect(title).toMatch(/^[A-Z].*\.$/);
      expect(paper).not.toBe("");
      expect(equation).toMatch(/^(\d+(-\d+)?)?$/);
      expect(Object.keys(defaults)).toContain("weightDecay");
      expect(learningRate).toBeGreaterThan(0);
      expect(optimizerNamed(name, defaults).name).toBe(name);
    }
  });

  it("refuses unknown names and settings with the nearest one, and values of another type", () => {
    expect(() => optimizerNamed("adanw")).toThrow(ConfigError);
    expect(() => optimizerNamed("adanw")).toThrow('unknown optimizer "adanw"; did you mean "adamw"?');
    expect(() => optimizerNamed("toString")).toThrow(ConfigError);
    expect(() => optimizerNamed("m3", { peroid: 3 })).toThrow('m3: unknown setting "peroid"; did you mean "period"?');
    expect(() => optimizerNamed("muon", { nesterov: 1 })).toThrow("muon: nesterov must be a boolean, not 1");
    expect(() => optimizerNamed("sgd", { weightDecay: -1 })).toThrow("weightDecay must be at least 0, not -1");
  });

  it("takes settings that differ from the defaults", () => {
    scope(() => {
      const params = { w: tensor([1, 2], [1, 2]) };
      const optimizer = optimizerNamed("sgd", { weightDecay: 0.5 });
      const [next] = optimizer.update(params, params, optimizer.init(params), tensor([0.5], []));
      expect([...readSync(next.w)]).toEqual([0.25, 0.5]);
    });
  });

  describe.each(optimizerNames)("%s", (name) => {
    it("keeps what it remembers in its state alone: a step after writing out and reading back is the same, bit for bit", () => {
      scope(() => {
        const optimizer = optimizerNamed(name);
        const update = jit((p: Tree, g: Tree, s: Tree, rate: Tensor) => optimizer.update(p, g, s, rate));
        const copy = <T extends Tree>(tree: T): T => mapTree(tree, (leaf) => tensor(readSync(leaf), leaf.shape));
        const run = (between: <T extends Tree>(tree: T) => T) => {
          let [params, state]: [Tree, Tree] = [randomParams(1), optimizer.init(randomParams(1))];
          for (let step = 0; step < 4; step++)
            [params, state] = update(between(params), randomParams(10 + step), between(state), tensor([0.03], []));
          return [...leaves(params), ...leaves(state)].map((leaf) => [...readSync(leaf)]);
        };
        const through = run((tree) => tree);
        expect(run(copy)).toEqual(through);
        expect(through.flat().every(Number.isFinite)).toBe(true);
      });
    });

    it("leaves nothing alive but parameters and state, and does not touch its arguments", () => {
      const optimizer = optimizerNamed(name);
      const [params, gradients, rate] = [randomParams(1), randomParams(2), tensor([0.1], [])];
      const before = leaves(params).map((leaf) => [...readSync(leaf)]);
      const state = optimizer.init(params);
      const alive = liveTensors();
      const [next, nextState] = optimizer.update(params, gradients, state, rate);
      expect(liveTensors()).toBe(alive + leaves(next).length + leaves(nextState).length);
      expect(leaves(params).map((leaf) => [...readSync(leaf)])).toEqual(before);
      release(next, nextState, params, gradients, rate, state);
    });

    it("stays where it is without gradient and decay, from the start", () => {
      scope(() => {
        const optimizer = optimizerNamed(name, { weightDecay: 0 });
        const params = randomParams(1);
        const zero = mapTree(params, (leaf) => tensor(new Float32Array(leaf.size), leaf.shape));
        const [next] = optimizer.update(params, zero, optimizer.init(params), tensor([0.1], []));
        expect(leaves(next).map((leaf) => [...readSync(leaf)])).toEqual(
          leaves(params).map((leaf) => [...readSync(leaf)]),
        );
      });
    });

    it("lowers the loss of a small regression", () => {
      scope(() => {
        const optimizer = optimizerNamed(name, name === "dgd" ? { inputNorm: 0.1 } : {});
        const target = randomParams(5);
        const distance = (params: typeof target) => {
          const goal = leaves(target);
          return leaves(params).reduce(
            (sum, leaf, i) => sum + [...readSync(leaf)].reduce((s, x, k) => s + (x - readSync(goal[i]!)[k]!) ** 2, 0),
            0,
          );
        };
        let params = randomParams(6);
        const start = distance(params);
        let state = optimizer.init(params);
        const goal = target;
        for (let step = 0; step < 40; step++) {
          const away = subtract(params, goal);
          [params, state] = optimizer.update(params, away, state, tensor([0.05], []));
        }
        expect(distance(params)).toBeLessThan(0.7 * start);
      });
    });

    it("refuses the state of other parameters", () => {
      scope(() => {
        const optimizer = optimizerNamed(name);
        const params = randomParams(1);
        const other = optimizer.init({ else: params.blocks });
        if (leaves(other).length === 1) return;
        expect(() => optimizer.update(params, params, other, tensor([0.1], []))).toThrow(ShapeError);
      });
    });
  });
});

function subtract<T extends Tree>(a: T, b: T): T {
  const others = leaves(b);
  let next = 0;
  return mapTree(a, (leaf) => {
    const other = readSync(others[next++]!);
    return tensor(
      readSync(leaf).map((value, i) => value - other[i]!),
      leaf.shape,
    );
  });
}
