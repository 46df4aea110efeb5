/** The axes of a plot in parallel coordinates: where a value lies on its axis, and what is written beside it. */
import { valueText } from "./sweep-plan.ts";
import type { SweepParameter } from "./sweep-settings.ts";

/** One axis, from 0 at its foot to 1 at its top. */
export interface SweepAxis {
  readonly name: string;
  /** Where a value lies. */
  at(value: unknown): number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

/** Ticks of an axis of numbers. */
const TICKS = 5;
/** Significant digits of their texts. */
const DIGITS = 3;

/**
 * The axis of a parameter: a range is linear or logarithmic as it was drawn, values that were listed stand at equal distances, numbers in their order.
 *
 * @param key the parameter's
 */
export function parameterAxis(key: string, parameter: SweepParameter): SweepAxis {
  if ("values" in parameter) return listedAxis(key, parameter.values);
  const { min, max, scale, integer } = parameter;
  return numberAxis(scale === "log" ? `${key} (log)` : key, { from: min, to: max, scale, integer });
}

/** An axis of numbers between two ends; the first may be the larger one, which turns the axis over. */
export function numberAxis(
  name: string,
  {
    from,
    to,
    scale = "linear",
    integer = false,
  }: { readonly from: number; readonly to: number; readonly scale?: "linear" | "log"; readonly integer?: boolean },
): SweepAxis {
  const bend = scale === "log" ? Math.log : (value: number) => value;
  const straighten = scale === "log" ? Math.exp : (value: number) => value;
  const [low, high] = [bend(from), bend(to)];
  const at = (value: unknown) => (low === high ? 0.5 : (bend(value as number) - low) / (high - low));
  const shares = low === high ? [0.5] : Array.from({ length: TICKS }, (_, i) => i / (TICKS - 1));
  const values = shares.map((share) => {
    const value = straighten(low + share * (high - low));
    return integer ? Math.round(value) : value;
  });
  const ticks = [...new Set(values)].map((value) => ({ at: at(value), text: shortNumber(value) }));
  return { name, at, ticks };
}

function listedAxis(name: string, values: readonly unknown[]): SweepAxis {
  const distinct = [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
  const ordered = distinct.every((value) => typeof value === "number") ? distinct.toSorted((a, b) => a - b) : distinct;
  const places = new Map(ordered.map((value, i) => [JSON.stringify(value), i]));
  const place = (i: number) => (ordered.length === 1 ? 0.5 : i / (ordered.length - 1));
  return {
    name,
    at: (value) => place(places.get(JSON.stringify(value))!),
    ticks: ordered.map((value, i) => ({ at: place(i), text: valueText(value) })),
  };
}

function shortNumber(value: number): string {
  const short = Number(value.toPrecision(DIGITS));
  return short !== 0 && (Math.abs(short) < 1e-3 || Math.abs(short) >= 1e5) ? short.toExponential() : `${short}`;
}
