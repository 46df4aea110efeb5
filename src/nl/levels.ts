/** How often parts of a model or of a training run are updated, and the order that follows: Definition 2 of the paper. */
import { ConfigError, unknownName } from "../utils/index.ts";

/** A part with a state of its own. */
export interface NestedComponent {
  readonly name: string;
  /**
   * How many data points lie between two updates: 1 for an update at each, C for one every C points, `Infinity` for none, and 0 for a part without a state that lasts,
   * which is solved anew for every data point.
   */
  readonly period: number;
  /** The parts whose state at a moment this one's state at the same moment is made from. */
  readonly needs?: readonly string[];
}

/** Parts that are updated equally often and do not need each other. */
export interface NestedLevel<C extends NestedComponent = NestedComponent> {
  readonly period: number;
  readonly components: readonly C[];
}

/**
 * Updates per data point: $f = 1/C$, infinite where nothing lasts, 0 where nothing changes.
 *
 * @param period C, as in `NestedComponent`
 * @throws ConfigError if the period is neither 0, nor a whole number, nor infinite
 */
export function updateFrequency(period: number): number {
  if (period !== Infinity && !(Number.isInteger(period) && period >= 0)) {
    throw new ConfigError(
      `a period is ${period}; it must be a whole number of data points, 0 for what is solved anew each time, or Infinity for what never changes`,
    );
  }
  return 1 / period;
}

/**
 * Whether one part is faster than another: it is updated more often, or equally often and the other one needs it.
 *
 * $$A \succ B \iff f_A > f_B, \quad\text{or}\quad f_A = f_B \text{ and the state of } B \text{ at } t \text{ needs that of } A \text{ at } t$$
 *
 * @param a the name of one of the components
 * @param b the name of another
 * @throws ConfigError if a name is unknown or appears twice, a period is none, or parts need each other in a circle
 */
export function isFaster(components: readonly NestedComponent[], a: string, b: string): boolean {
  const needed = neededByName(components);
  const [first, second] = [find(components, a), find(components, b)];
  const [fa, fb] = [updateFrequency(first.period), updateFrequency(second.period)];
  return fa === fb ? needed.get(b)!.has(a) : fa > fb;
}

/**
 * Sorts parts into levels, the fastest first; parts of which neither is faster share one.
 *
 * Levels have no numbers: the paper counts them from either end.
 *
 * @throws ConfigError if a name is unknown or appears twice, a period is none, or parts need each other in a circle
 */
export function orderLevels<C extends NestedComponent>(components: readonly C[]): NestedLevel<C>[] {
  const needed = neededByName(components);
  const rankOf = (component: C): number => {
    const before = components.filter(
      ({ name, period }) => period === component.period && needed.get(component.name)!.has(name),
    );
    return before.reduce((rank, one) => Math.max(rank, rankOf(one) + 1), 0);
  };
  const ranked = components.map((component) => ({ component, rank: rankOf(component) }));
  const levels = new Map<string, C[]>();
  for (const { component, rank } of ranked.sort((a, b) => byPeriod(a.component, b.component) || a.rank - b.rank)) {
    const key = `${component.period} ${rank}`;
    levels.set(key, [...(levels.get(key) ?? []), component]);
  }
  return [...levels.values()].map((group) => ({ period: group[0]!.period, components: group }));
}

function byPeriod(a: NestedComponent, b: NestedComponent): number {
  return a.period === b.period ? 0 : a.period - b.period;
}

function find(components: readonly NestedComponent[], name: string): NestedComponent {
  const found = components.find((component) => component.name === name);
  if (found === undefined)
    throw new ConfigError(
      unknownName(
        "component",
        name,
        components.map((component) => component.name),
      ),
    );
  return found;
}

/** All that each part needs, also through others. */
function neededByName(components: readonly NestedComponent[]): Map<string, ReadonlySet<string>> {
  const needed = new Map<string, ReadonlySet<string>>();
  for (const { name, period } of components) {
    updateFrequency(period);
    if (needed.has(name)) throw new ConfigError(`two components are called "${name}"; give each a name of its own`);
    const found = new Set<string>();
    const open = [...(find(components, name).needs ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const component = find(components, next);
      if (found.has(next)) continue;
      found.add(next);
      open.push(...(component.needs ?? []));
    }
    if (found.has(name))
      throw new ConfigError(
        `"${name}" needs itself at the same moment, directly or through others; let one of them use an older state`,
      );
    needed.set(name, found);
  }
  return needed;
}
