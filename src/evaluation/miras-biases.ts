/** What each attentional bias makes of a residual of some length. */
import { np, readSync, scope, tensor } from "../array/index.ts";
import { type BiasChoice, biasError, biasOf } from "../miras/index.ts";

/** One bias: the length of its error at every length of the residual. */
export interface BiasCurve {
  readonly name: string;
  readonly errors: readonly number[];
}

/** What is drawn. */
export interface BiasFindings {
  /** Coordinates of a residual, all of the same size. */
  readonly dim: number;
  /** Huber's delta; of one coordinate it is this over the root of `dim`. */
  readonly threshold: number;
  /** Delta of the bias that is robust to shifted values. */
  readonly radius: number;
  /** Lengths of the residual. */
  readonly residuals: readonly number[];
  readonly biases: readonly BiasCurve[];
}

const DIM = 16;
const THRESHOLD = 1;
const RADIUS = 0.5;
const POINTS = 49;

const lp = (p: number) => ({ kind: "lp", p, smooth: false }) as const;
const huber = (form: "coordinate" | "norm" | "mixture") =>
  ({ kind: "huber", form, l1: "sign", smooth: false }) as const;

const choices: readonly { readonly name: string; readonly bias: BiasChoice }[] = [
  { name: "dot product", bias: { kind: "dotProduct" } },
  { name: "l2", bias: { kind: "l2", scale: "half" } },
  { name: "lp, p = 1", bias: lp(1) },
  { name: "lp, p = 1.5", bias: lp(1.5) },
  { name: "lp, p = 3", bias: lp(3) },
  { name: "Huber, coordinates", bias: huber("coordinate") },
  { name: "Huber, norm", bias: huber("norm") },
  { name: "Huber, mixture", bias: huber("mixture") },
  { name: "value shift", bias: { kind: "valueShift", radius: RADIUS } },
];

/**
 * The length of the error $e = \partial\ell/\partial\hat v$ as a function of the length of the residual $r = \hat v - v$, from a hundredth to a hundred, for a
 * value of length 1.
 */
export function biasCurves(): BiasFindings {
  const residuals = Array.from({ length: POINTS }, (_, i) => 10 ** (-2 + (4 * i) / (POINTS - 1)));
  const side = 1 / Math.sqrt(DIM);
  const biases = choices.map(({ name, bias }) => ({
    name,
    errors: scope(() => {
      const value = np.full([POINTS, DIM], side);
      const prediction = np.add(value, np.multiply(tensor(Float32Array.from(residuals), [POINTS, 1]), side));
      const delta = np.full([POINTS, 1], name === "Huber, coordinates" ? THRESHOLD * side : THRESHOLD);
      const error = biasError(biasOf(bias), prediction, value, delta);
      return Array.from(readSync(np.sqrt(np.sum(np.square(error), -1))));
    }),
  }));
  return { dim: DIM, threshold: THRESHOLD, radius: RADIUS, residuals, biases };
}
