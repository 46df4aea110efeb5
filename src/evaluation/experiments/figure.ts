/** Figures of an experiment as data: which metric of which arm is drawn where. */

/** A number of an arm, averaged over its seeds when it is drawn. */
export interface Value {
  readonly arm: string;
  readonly metric: string;
}

interface Captioned {
  readonly title: string;
  readonly caption: string;
  /** The axis of the values with its unit; shares are drawn in percent, from 0 to 100. */
  readonly value: { readonly label: string; readonly share?: boolean };
}

/** Lines with bands: the 95 % interval over seeds. */
export interface LinesFigure extends Captioned {
  readonly kind: "lines";
  /** The horizontal axis with its unit. */
  readonly x: { readonly label: string; readonly logarithmic?: boolean };
  readonly lines: readonly {
    readonly label: string;
    readonly dashed?: boolean;
    readonly points: readonly (Value & { readonly x: number })[];
  }[];
  /** What guessing gives: an arm's metric `chance`, or a number. */
  readonly chance?: Value | number;
  /** An upright line, such as at the length of training. */
  readonly mark?: { readonly x: number; readonly label: string };
}

/** Bars side by side in groups, with 95 % intervals; dots in the place of bars for what is no share of a whole. */
export interface BarsFigure extends Captioned {
  readonly kind: "bars";
  readonly groups: readonly {
    readonly label: string;
    /** Bars of the same label have the same colour in every group. */
    readonly bars: readonly (Value & { readonly label: string })[];
    /** What guessing gives in this group. */
    readonly chance?: Value | number;
  }[];
}

/** A figure of an experiment's page, as data. */
export type Figure = LinesFigure | BarsFigure;

/**
 * The points of a line over lengths: the metrics `<metric>@<length>` of one arm.
 *
 * @param metric its name before the `@`
 */
export function overLengths(
  arm: string,
  metric: string,
  lengths: readonly number[],
): readonly (Value & { readonly x: number })[] {
  return lengths.map((length) => ({ x: length, arm, metric: at(metric, length) }));
}

/** The name of a metric at a length. */
export function at(metric: string, length: number): string {
  return `${metric}@${length}`;
}
