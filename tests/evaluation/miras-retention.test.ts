import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, startEngine } from "../../src/array/index.ts";
import { biasCurves } from "../../src/evaluation/miras-biases.ts";
import { type RetentionFindings, retentionExperiment } from "../../src/evaluation/miras-retention.ts";

let engine: Engine;
let found: RetentionFindings;
beforeAll(async () => {
  engine = await startEngine();
  found = await retentionExperiment(engine, { seeds: [0, 1], dim: 16, writes: 32, retain: 0.95 });
});
afterAll(() => engine.dispose());

const strengthOf = (name: string) => found.gates.find((gate) => gate.name === name)!.strength;

describe("the first of many pairs", () => {
  it("is there right after it was written, whatever the gate", () => {
    for (const { name, strength } of found.gates) {
      expect(strength, name).toHaveLength(found.writes.length);
      for (const one of strength[0]!) expect(one, name).toBeCloseTo(1, 6);
    }
    expect(found.writes).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32]);
  });

  it("stays where nothing is forgotten, and fades as the gate says under decay", () => {
    for (const [i, writes] of found.writes.entries())
      for (const seed of [0, 1]) {
        expect(strengthOf("none")[i]![seed]).toBeCloseTo(1, 4);
        expect(strengthOf("l2 decay")[i]![seed]).toBeCloseTo(0.95 ** writes, 4);
      }
  });

  it("is forgotten sooner under a threshold than by decay alone", () => {
    for (const strength of strengthOf("elastic net").at(-1)!) expect(strength).toBeLessThan(0.95 ** 32);
  });

  it("outlives decay where a divergence is all that retains", () => {
    for (const name of ["chi square", "Hellinger"])
      for (const strength of strengthOf(name).at(-1)!) expect(strength, name).toBeGreaterThan(0.8);
  });

  it("is kept differently by every gate", () => {
    const ends = found.gates.map(({ strength }) => strength.at(-1)![0]!.toFixed(6));
    expect(new Set(ends).size).toBe(ends.length);
  });
});

describe("errors of a residual", () => {
  const { residuals, biases, dim, threshold, radius } = biasCurves();
  const root = Math.sqrt(dim);
  const closedForms: Record<string, (r: number) => number> = {
    "dot product": () => 1,
    l2: (r) => r,
    "lp, p = 1": () => root,
    "lp, p = 1.5": (r) => 1.5 * root * Math.sqrt(r / root),
    "lp, p = 3": (r) => (3 * r * r) / root,
    "Huber, coordinates": (r) => Math.min(r, threshold),
    "Huber, norm": (r) => Math.min(r, threshold),
    "Huber, mixture": (r) => (r <= threshold ? r : threshold * root),
    "value shift": (r) => r + radius,
  };

  it("cover every bias, from far below the threshold to far beyond it", () => {
    expect(biases.map(({ name }) => name)).toEqual(Object.keys(closedForms));
    expect(residuals[0]).toBeCloseTo(0.01, 12);
    expect(residuals.at(-1)).toBeCloseTo(100, 9);
  });

  it.each(biases.map(({ name }) => name))("are the closed form's: %s", (name) => {
    const { errors } = biases.find((bias) => bias.name === name)!;
    for (const [i, r] of residuals.entries()) {
      if (Math.abs(r / threshold - 1) < 1e-3) continue; // on which side rounding puts it does not matter
      expect(errors[i]! / closedForms[name]!(r)).toBeCloseTo(1, 3);
    }
  });
});
