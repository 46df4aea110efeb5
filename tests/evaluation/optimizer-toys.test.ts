import { beforeAll, describe, expect, it } from "vitest";
import { startEngine } from "../../src/array/index.ts";
import { toyProblems } from "../../src/evaluation/optimizer-toy-problems.ts";
import { trajectories } from "../../src/evaluation/optimizer-toys.ts";

describe("optimizer toys", () => {
  for (const [name, momentum] of [["sgd", 0], ["momentum", 0.9]] as const) {
    it(`${name} follows plain numbers on the quadratic`, () => {
      const problem = toyProblems[2]!;
      const { start, constants } = problem.draw(3);
      const [curve] = trajectories(problem, name, [{ rate: 0.1, seed: 3 }]);
      const w = [...start];
      const m = w.map(() => 0);
      const slope = () => w.map((_, n) => [0, 1, 2, 3].reduce((sum, k) => sum + constants[Math.floor(n / 3) * 4 + k]! * w[k * 3 + (n % 3)]!, 0));
      for (let step = 0; step <= 20; step++) {
        const g = slope();
        const loss = 0.5 * g.reduce((sum, x, n) => sum + x * w[n]!, 0);
        expect(Math.abs(curve![step]![0]! - loss)).toBeLessThan(2e-6 * (1 + loss));
        for (const n of w.keys()) { m[n] = momentum * m[n]! + g[n]!; w[n] = w[n]! - 0.1 * m[n]!; }
      }
    });
  }
});
