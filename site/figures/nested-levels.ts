/** Levels that are updated at different frequencies, following the same numbers. */
import { detached, key, np, random, readSync, release, scope, type Tensor, tensor } from "neural-memory/array";
import { isDue, type PeriodicState, periodicUpdate } from "neural-memory/nl";
import type { Curve, Figure, Panel } from "./parts/live-figure.ts";

const TOKENS = 128;

/** A slow wave with noise on it. */
function signal(noise: number): number[] {
  const draws = scope(() => readSync(random.normal(key(3), [TOKENS])));
  return Array.from(draws, (draw, t) => Math.sin((2 * Math.PI * t) / TOKENS) + noise * draw);
}

/** A level: one number that takes a step against the summed gradients of its loss whenever a period has passed. */
function follow(numbers: readonly number[], period: number): [number, number][] {
  let state: PeriodicState<Tensor> = detached(() =>
    scope(() => ({ params: tensor([0], []), pending: tensor([0], []) })),
  );
  return numbers.map((target, t) => {
    const next = detached(() =>
      scope(() => {
        // Half of the way to the mean of a period's numbers.
        const change = np.multiply(0.5 / period, np.subtract(state.params, target));
        return periodicUpdate(state, change, isDue(period, t + 1));
      }),
    );
    release(state);
    state = next;
    const [level] = readSync(state.params);
    if (t === numbers.length - 1) release(state);
    return [t + 1, level!];
  });
}

export const figure: Figure<"ratio" | "noise"> = {
  sliders: [
    { name: "ratio", label: "each level’s period over the last one’s", min: 2, max: 6, step: 1, start: 4 },
    { name: "noise", label: "noise", min: 0, max: 1, step: 0.1, start: 0.4 },
  ],
  async compute({ ratio, noise }): Promise<Panel[]> {
    const numbers = signal(noise);
    const levels = [1, ratio, ratio ** 2].map(
      (period): Curve => ({
        name: period === 1 ? "every token" : `every ${period} tokens`,
        points: follow(numbers, period),
        steps: true,
      }),
    );
    const given: Curve = { name: "what is read", points: numbers.map((y, t) => [t + 1, y] as const), reference: true };
    return [
      {
        title: "Three levels that read the same numbers",
        x: "token",
        y: "what a level holds",
        curves: [given, ...levels],
      },
    ];
  },
};
