import { describe, expect, it } from "vitest";
import { toyVerdicts } from "../../src/evaluation/optimizer-toy-claims.ts";
import { toyProblems } from "../../src/evaluation/optimizer-toy-problems.ts";
import { type OptimizerToyData, type ToyResult, trajectories } from "../../src/evaluation/optimizer-toys.ts";
import { curveOf } from "../../src/evaluation/optimizer-toys-report.ts";

describe("optimizer toys", () => {
  for (const [name, momentum] of [
    ["sgd", 0],
    ["momentum", 0.9],
  ] as const) {
    it(`${name} follows plain numbers on the quadratic`, () => {
      const problem = toyProblems[2]!;
      const { start, constants } = problem.draw(3);
      const [curve] = trajectories(problem, name, [{ rate: 0.1, seed: 3 }]);
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
      const [curve] = trajectories(valley, name, [{ rate: 0.01, seed: 2 }]);
      let [r, a] = valley.draw(2).start as [number, number];
      let [mr, ma] = [0, 0];
      for (let step = 0; step <= 20; step++) {
        const h = r - a + Math.sin(r);
        const loss = r * r + h * h;
        expect(Math.abs(curve![step]![0]! - loss)).toBeLessThan(1e-5 * (1 + loss));
        [mr, ma] = [momentum * mr + 2 * r + 2 * h * (1 + Math.cos(r)), momentum * ma - 2 * h];
        [r, a] = [r - 0.01 * mr, a - 0.01 * ma];
      }
      const [tasks] = trajectories(orthogonal, name, [{ rate: 0.03, seed: 2 }]);
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
    expect(curves[0]!.at(-1)).toEqual([null]);
    expect(trajectories(toyProblems[0]!, "sgd", runs)).toEqual(curves);
  });

  it("counts the seeds in which a claim holds, and turns with the data", () => {
    const result = (optimizer: string, arrival: (number | null)[]): ToyResult => ({
      optimizer,
      learningRate: 1,
      losses: [],
      arrival,
      earlierLoss: [],
    });
    const data = (delta: (number | null)[], heavy: (number | null)[]): OptimizerToyData => ({
      seeds: [1, 2, 3],
      pilotSeeds: [],
      learningRates: [],
      findings: [
        {
          problem: "varying curvature",
          tasks: 1,
          stepsPerTask: 1,
          threshold: 1,
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
    const points = curveOf({ optimizer: "sgd", learningRate: 1, losses, arrival: [], earlierLoss: [] });
    expect(points).toHaveLength(2);
    expect(points[1]!.y).toBeCloseTo(100, 8);
    expect(points[1]!.high).toBeCloseTo(100 * 10 ** Math.SQRT2, 6);
  });
});
