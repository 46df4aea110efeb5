import { describe, expect, it } from "vitest";
import { momentumCarry } from "../../src/evaluation/optimizer-toy-carry.ts";
import { firstToArrive, toyVerdicts } from "../../src/evaluation/optimizer-toy-claims.ts";
import { toyProblems } from "../../src/evaluation/optimizer-toy-problems.ts";
import {
  arrivalOf,
  bestRate,
  curveOf,
  measureOptimizerToys,
  type OptimizerToyData,
  type ToyResult,
  type ToyRun,
  trajectories,
} from "../../src/evaluation/optimizer-toys.ts";

describe("optimizer toys", () => {
  for (const [name, momentum] of [
    ["sgd", 0],
    ["momentum", 0.9],
  ] as const) {
    it(`${name} follows plain numbers on the quadratic`, () => {
      const problem = toyProblems[2]!;
      const { start, constants } = problem.draw(3);
      const [{ losses: curve, distances }] = trajectories(problem, name, [{ rate: 0.1, seed: 3 }]) as [ToyRun];
      const w = [...start];
      const m = w.map(() => 0);
      const slope = () =>
        w.map((_, n) =>
          [0, 1, 2, 3].reduce((sum, k) => sum + constants[Math.floor(n / 3) * 4 + k]! * w[k * 3 + (n % 3)]!, 0),
        );
      for (let step = 0; step <= 20; step++) {
        const g = slope();
        const loss = 0.5 * g.reduce((sum, x, n) => sum + x * w[n]!, 0);
        expect(Math.abs(curve![step]![0]! - loss)).toBeLessThan(2e-6 * (1 + loss));
        expect(Math.abs(distances[step]! - Math.hypot(...w))).toBeLessThan(2e-6 * (1 + Math.hypot(...w)));
        for (const n of w.keys()) {
          m[n] = momentum * m[n]! + g[n]!;
          w[n] = w[n]! - 0.1 * m[n]!;
        }
      }
    });
  }

  for (const [name, momentum] of [
    ["sgd", 0],
    ["momentum", 0.9],
  ] as const) {
    it(`${name} follows plain numbers in the valley and on orthogonal tasks`, () => {
      const [valley, orthogonal] = toyProblems as [(typeof toyProblems)[0], (typeof toyProblems)[0]];
      const [{ losses: curve }] = trajectories(valley, name, [{ rate: 0.01, seed: 2 }]) as [ToyRun];
      let [r, a] = valley.draw(2).start as [number, number];
      let [mr, ma] = [0, 0];
      for (let step = 0; step <= 20; step++) {
        const h = r - a + Math.sin(r);
        const loss = r * r + h * h;
        expect(Math.abs(curve![step]![0]! - loss)).toBeLessThan(1e-5 * (1 + loss));
        [mr, ma] = [momentum * mr + 2 * r + 2 * h * (1 + Math.cos(r)), momentum * ma - 2 * h];
        [r, a] = [r - 0.01 * mr, a - 0.01 * ma];
      }
      const [{ losses: tasks }] = trajectories(orthogonal, name, [{ rate: 0.03, seed: 2 }]) as [ToyRun];
      const { start, constants } = orthogonal.draw(2);
      const w = [...start];
      const m = w.map(() => 0);
      const error = (task: number) =>
        w.reduce((sum, x, k) => sum + x * constants[task * 5 + k]!, 0) - constants[task * 5 + 4]!;
      for (let step = 0; step <= 180; step++) {
        for (const task of [0, 1, 2]) expect(Math.abs(tasks![step]![task]! - error(task) ** 2)).toBeLessThan(1e-5);
        const task = Math.min(2, Math.floor(step / 60));
        const pull = 2 * error(task);
        for (const k of w.keys()) {
          m[k] = momentum * m[k]! + pull * constants[task * 5 + k]!;
          w[k] = w[k]! - 0.03 * m[k]!;
        }
      }
    });
  }

  it("reports runs that are not finite, and the same numbers for the same seed", () => {
    const runs = [{ rate: 1, seed: 4 }];
    const curves = trajectories(toyProblems[0]!, "sgd", runs);
    expect(curves[0]!.losses.at(-1)).toEqual([null]);
    expect(trajectories(toyProblems[0]!, "sgd", runs)).toEqual(curves);
  });

  it("counts the seeds in which a claim holds, and turns with the data", () => {
    const result = (optimizer: string, arrival: (number | null)[]): ToyResult => ({
      optimizer,
      learningRate: 1,
      atEdge: false,
      curve: [],
      notFinite: 0,
      arrival,
      earlierLoss: [],
    });
    const data = (delta: (number | null)[], heavy: (number | null)[]): OptimizerToyData => ({
      seeds: [1, 2, 3],
      pilotSeeds: [],
      learningRates: [],
      carries: [],
      findings: [
        {
          problem: "varying curvature",
          tasks: 1,
          stepsPerTask: 1,
          threshold: 1,
          byDistance: false,
          results: [result("delta-momentum", delta), result("momentum", heavy)],
        },
      ],
    });
    const holds = (delta: (number | null)[], heavy: (number | null)[]) => toyVerdicts(data(delta, heavy))[0]!.holds;
    expect(holds([1, 2, 5], [3, null, 4])).toBe(2);
    expect(holds([3, null, 4], [1, 2, 5])).toBe(1);
    expect(holds([null, null, null], [null, null, null])).toBe(0);
  });

  it("draws the mean and deviation of logarithms, and ends where a seed is not finite", () => {
    const losses = [
      [[1], [10], [1]],
      [[1], [1000], [null]],
    ];
    const points = curveOf(losses, 2);
    expect(points).toHaveLength(2);
    expect(points[1]!.mean).toBeCloseTo(100, 8);
    expect(points[1]!.high).toBeCloseTo(100 * 10 ** Math.SQRT2, 6);
  });

  const runOf = (losses: (number | null)[], distances = losses): ToyRun => ({
    losses: losses.map((x) => [x]),
    distances,
  });
  const [valley, , quadratic] = toyProblems as [
    (typeof toyProblems)[0],
    (typeof toyProblems)[0],
    (typeof toyProblems)[0],
  ];

  it("counts steps until what is followed stays below the threshold: the loss, or the distance over that at the start", () => {
    expect(arrivalOf(runOf([1, 1e-4, 1, 1e-4, 1e-5]), valley)).toBe(3);
    expect(arrivalOf(runOf([1, 1, 1]), valley)).toBeNull();
    expect(arrivalOf(runOf([1, 1e-4, null]), valley)).toBeNull();
    expect(arrivalOf(runOf([1, 1, 1], [5, 0.1, 0.04]), quadratic)).toBe(2);
  });

  it("picks the rate that arrives first, by the lower loss between equals, and none that is not finite while there is another", () => {
    const [fast, slow, never, worse, broken] = [
      [1, 1e-4, 1e-5],
      [1, 1, 1e-4],
      [1, 1, 0.1],
      [1, 1, 0.5],
      [1, null, null],
    ].map((x) => [runOf(x)]);
    expect(bestRate([slow!, fast!, never!], valley)).toBe(1);
    expect(bestRate([worse!, never!, broken!], valley)).toBe(1);
    expect(bestRate([broken!, never!], valley)).toBe(1);
    expect(bestRate([broken!, broken!], valley)).toBe(0);
  });

  it("names who arrives first with every seed, and ties within the spread", () => {
    const result = (optimizer: string, arrival: (number | null)[]): ToyResult => ({
      optimizer,
      learningRate: 1,
      atEdge: false,
      curve: [],
      notFinite: 0,
      arrival,
      earlierLoss: [],
    });
    const results = [
      result("sgd", [50, 60]),
      result("adam", [10, 12]),
      result("muon", [11, 13]),
      result("m3", [1, null]),
    ];
    expect(firstToArrive({ results })).toEqual(["adam", "muon"]);
    expect(firstToArrive({ results: [result("m3", [1, null])] })).toEqual([]);
  });

  it("a heavy ball keeps its momentum to the power of the steps of an old direction, M3 all of it within its period", () => {
    for (const share of momentumCarry("momentum", "momentum", [1, 2]).left) expect(share).toBeCloseTo(0.9 ** 19, 5);
    for (const share of momentumCarry("m3", "slowMomentum", [1, 2]).left) expect(share).toBeCloseTo(1, 5);
  });

  it("measures every problem with rates of the grid, and says where one is at its edge", () => {
    const { findings, learningRates, carries } = measureOptimizerToys({ optimizers: ["sgd"], seeds: [1, 2] });
    expect(findings.map(({ problem }) => problem)).toEqual(toyProblems.map(({ name }) => name));
    expect(carries).toEqual([]);
    for (const { results } of findings) {
      const [{ learningRate, atEdge, arrival }] = results as [ToyResult];
      expect(atEdge).toBe([learningRates[0], learningRates.at(-1)].includes(learningRate));
      expect(arrival).toHaveLength(2);
    }
    // Gradient descent cannot be fast on a valley of condition 10,000.
    expect(findings[3]!.results[0]!.arrival).toEqual([null, null]);
    expect(findings[2]!.results[0]!.arrival.every((step) => step !== null)).toBe(true);
  });
});
