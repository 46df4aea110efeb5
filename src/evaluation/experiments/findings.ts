/** What was found in all parts of an experiment, for those who judge and draw it. */
import { type MeanInterval, meanInterval } from "../intervals.ts";
import type { Value } from "./figure.ts";

/** What is read of a part: one arm with one seed. */
export interface FoundMetrics {
  readonly arm: string;
  readonly seed: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Present where a number was not finite; there are no metrics then. */
  readonly failure?: object;
}

/** Metrics by arm, averaged over seeds. */
export class Findings {
  private readonly parts: readonly FoundMetrics[];

  constructor(parts: readonly FoundMetrics[]) {
    this.parts = parts;
  }

  /** The values of a metric, one a seed that has it. */
  values({ arm, metric }: Value): readonly number[] {
    return this.parts.flatMap((part) => {
      const value = part.arm === arm ? part.metrics[metric] : undefined;
      return value === undefined ? [] : [value];
    });
  }

  /** Mean and 95 % interval over seeds; `undefined` where nothing was found. */
  interval(value: Value): MeanInterval | undefined {
    const values = this.values(value);
    return values.length === 0 ? undefined : meanInterval(values);
  }

  /** NaN where nothing was found: no comparison with it holds. */
  mean(value: Value): number {
    return this.interval(value)?.mean ?? Number.NaN;
  }

  /** Seeds with which an arm met a number that is not finite. */
  diverged(arm: string): readonly number[] {
    return this.parts.flatMap((part) => (part.arm === arm && part.failure !== undefined ? [part.seed] : []));
  }

  /** Whether the interval of one lies wholly above that of another; two seeds of each are needed. */
  above(one: Value, other: Value): boolean {
    const [a, b] = [this.interval(one), this.interval(other)];
    return a?.low !== undefined && b?.high !== undefined && a.low > b.high;
  }
}

/** A share in percent, for sentences. */
export function percent(share: number): string {
  return Number.isNaN(share) ? "nothing" : `${Number((100 * share).toFixed(1))}\u00a0%`;
}
