/** What a live figure is: sliders, and the curves that the library computes for their values. */

/** One number that the reader sets. */
export interface Slider {
  readonly name: string;
  /** What stands beside it, with the paper's letter. */
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly start: number;
}

/** One curve of a panel. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn as steps: the value holds until the next point. */
  readonly steps?: boolean;
  /** Drawn thin and grey, as what the others are compared with. */
  readonly reference?: boolean;
}

/** One pair of axes. */
export interface Panel {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly curves: readonly Curve[];
  /** The y axis from and to; by default what the curves need. */
  readonly range?: readonly [from: number, to: number];
}

/** A figure, computed anew whenever a slider moves. */
export interface Figure<Name extends string = string> {
  readonly sliders: readonly (Slider & { readonly name: Name })[];
  compute(values: Readonly<Record<Name, number>>): Promise<readonly Panel[]>;
}
