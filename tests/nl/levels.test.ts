import { describe, expect, it } from "vitest";
import {
  isFaster,
  type NestedComponent,
  nestedSystem,
  orderLevels,
  startNested,
  updateFrequency,
} from "../../src/nl/index.ts";
import { ConfigError } from "../../src/utils/index.ts";

const names = (components: readonly NestedComponent[]) =>
  orderLevels(components).map(({ components: level }) => level.map(({ name }) => name));

/** Attention, a memory written each token, an optimiser with two moments, and what is frozen. */
const parts: NestedComponent[] = [
  { name: "frozen", period: Infinity },
  { name: "weights", period: 64, needs: ["first", "second"] },
  { name: "second", period: 64 },
  { name: "memory", period: 1 },
  { name: "first", period: 64 },
  { name: "attention", period: 0 },
];

describe("update frequencies", () => {
  it("are updates per data point, infinite for what is solved anew and 0 for what is frozen", () => {
    expect([0, 1, 4, Infinity].map(updateFrequency)).toEqual([Infinity, 1, 0.25, 0]);
    for (const period of [-1, 1.5, Number.NaN, -Infinity]) expect(() => updateFrequency(period)).toThrow("a period is");
  });
});

describe("the order of levels", () => {
  it("goes by frequency: attention before a linear memory before a frozen network", () => {
    expect(names(parts)).toEqual([["attention"], ["memory"], ["second", "first"], ["weights"], ["frozen"]]);
    expect(orderLevels(parts).map(({ period }) => period)).toEqual([0, 1, 64, 64, Infinity]);
  });

  it("goes by need at equal frequencies: momentum before weights; both moments of Adam share a level", () => {
    const momentum = [
      { name: "weights", period: 1, needs: ["momentum"] },
      { name: "momentum", period: 1 },
    ];
    expect(names(momentum)).toEqual([["momentum"], ["weights"]]);
    expect(isFaster(momentum, "momentum", "weights")).toBe(true);
    expect(isFaster(parts, "first", "second") || isFaster(parts, "second", "first")).toBe(false);
  });

  it("puts frequency before need, and follows needs through parts of other frequencies", () => {
    const through = [
      { name: "a", period: 2, needs: ["slow"] },
      { name: "slow", period: 8, needs: ["b"] },
      { name: "b", period: 2 },
    ];
    expect(names(through)).toEqual([["b"], ["a"], ["slow"]]);
    expect(isFaster(through, "a", "slow")).toBe(true);
    expect(isFaster(through, "slow", "a")).toBe(false);
  });

  it("is antisymmetric and transitive", () => {
    const all = parts.map(({ name }) => name);
    for (const a of all) {
      expect(isFaster(parts, a, a)).toBe(false);
      for (const b of all) {
        if (isFaster(parts, a, b)) expect(isFaster(parts, b, a)).toBe(false);
        for (const c of all) {
          if (isFaster(parts, a, b) && isFaster(parts, b, c)) expect(isFaster(parts, a, c)).toBe(true);
        }
      }
    }
  });

  it("refuses unknown and repeated names, and parts that need each other in a circle", () => {
    expect(() => orderLevels([{ name: "weights", period: 1, needs: ["momentun"] }])).toThrow(
      'unknown component "momentun"',
    );
    expect(() => isFaster(parts, "attenton", "memory")).toThrow('did you mean "attention"?');
    expect(() => orderLevels([parts[0]!, parts[0]!])).toThrow('two components are called "frozen"');
    const circle = [
      { name: "a", period: 1, needs: ["b"] },
      { name: "b", period: 4, needs: ["a"] },
    ];
    expect(() => orderLevels(circle)).toThrow('"a" needs itself at the same moment');
    expect(() => orderLevels([{ name: "a", period: 0.5 }])).toThrow(ConfigError);
  });
});

describe("a nested system's start", () => {
  it("wants a state for each part that keeps one, and for no other", () => {
    const system = nestedSystem([
      { name: "memory", period: 2 },
      { name: "attention", period: 0 },
    ]);
    expect(() => startNested(system, {})).toThrow('component "memory" has no initial state');
    expect(() => startNested(system, { memory: [], attention: [] })).toThrow(
      'unknown component with a state "attention"',
    );
    expect(startNested(system, { memory: [] })).toEqual({ seen: 0, states: { memory: [] }, pending: { memory: [] } });
  });
});
