import { describe, expect, it } from "vitest";
import { type Activation, activate, activationDerivative, erf, sigmoid, softplus } from "./activations.ts";
import { centralGradient, centralGradientTree } from "./finite-differences.ts";

describe("oracle: finite differences", () => {
  it("centralGradient is exact on a quadratic up to rounding, Richardson on a quartic", () => {
    const quadratic = centralGradient(([x, y]) => 3 * x! * x! + x! * y!, [2, -1], { step: 0.5 });
    expect(quadratic[0]).toBeCloseTo(11, 12);
    expect(quadratic[1]).toBeCloseTo(2, 12);
    const quartic = (x: number[]): number => x[0]! ** 4;
    expect(centralGradient(quartic, [2], { step: 0.1, richardson: true })[0]).toBeCloseTo(32, 10);
    expect(Math.abs(centralGradient(quartic, [2], { step: 0.1 })[0]! - 32)).toBeGreaterThan(0.1);
  });

  it("Richardson reaches 1e-11 on a transcendental function", () => {
    const [slope] = centralGradient(([x]) => Math.sin(x!) * Math.exp(x!), [0.7], { richardson: true });
    expect(Math.abs(slope! - (Math.sin(0.7) + Math.cos(0.7)) * Math.exp(0.7))).toBeLessThan(1e-11);
  });

  it("centralGradientTree keeps the structure and skips what is not a number", () => {
    const tree = { b: [[1, 2], [3]], a: null, name: "x", c: 4 };
    const gradient = centralGradientTree((t) => t.b[0]![1]! * t.c + t.b[1]![0]!, tree);
    expect(gradient.a).toBeNull();
    expect(gradient.name).toBe("x");
    [gradient.b[0]![0]!, gradient.b[0]![1]! - 4, gradient.b[1]![0]! - 1, gradient.c - 2].forEach((error) => {
      expect(Math.abs(error)).toBeLessThan(1e-9);
    });
  });
});

describe("oracle: activations", () => {
  const points = [-9, -3.3, -1, -0.2, 0, 1e-3, 0.5, 2.5, 4, 8];

  it.each<Activation>(["identity", "silu", "gelu-tanh", "gelu-erf"])(
    "%s derivative equals finite differences",
    (name) => {
      for (const x of points) {
        const [slope] = centralGradient((at) => activate(name, at[0]!), [x], { richardson: true, step: 1e-3 });
        expect(Math.abs(slope! - activationDerivative(name, x))).toBeLessThan(1e-10);
      }
    },
  );

  it("erf has its tabulated values (Abramowitz and Stegun, table 7.1) and is odd", () => {
    expect(erf(0)).toBe(0);
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(erf(1)).toBeCloseTo(0.8427007929497149, 15);
    expect(erf(2)).toBeCloseTo(0.9953222650189527, 15);
    expect(erf(-3)).toBeCloseTo(-0.9999779095030014, 15);
    expect(erf(7)).toBe(1);
  });

  it("the two GELU forms are close but not the same", () => {
    const gaps = points.map((x) => Math.abs(activate("gelu-erf", x) - activate("gelu-tanh", x)));
    expect(Math.max(...gaps)).toBeGreaterThan(1e-4);
    expect(Math.max(...gaps)).toBeLessThan(5e-4);
  });

  it("sigmoid and softplus stay finite far out: log(1 - sigmoid(z)) is -softplus(z)", () => {
    for (const z of [-700, -30, -1, 0, 2, 30]) {
      expect(Math.exp(-softplus(z))).toBeCloseTo(1 - sigmoid(z), 14);
    }
    expect(softplus(800)).toBe(800);
    expect(sigmoid(-800)).toBe(0);
  });
});
