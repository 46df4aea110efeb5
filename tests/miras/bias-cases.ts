/** Every bias of the library beside the same one in plain numbers. */
import {
  type AttentionalBias,
  dotProductBias,
  huberBias,
  l2Bias,
  lpBias,
  paperSmoothing,
  valueShiftBias,
} from "../../src/miras/index.ts";
import { dot, type Matrix, randomSource, scale, subtract, type Vector } from "../oracles/index.ts";
import { type PlainBias, plainBiases } from "./plain-biases.ts";

export interface BiasCase {
  readonly name: string;
  readonly bias: AttentionalBias;
  loss(prediction: Vector, value: Vector, threshold: Vector): number;
  error(prediction: Vector, value: Vector, threshold: Vector): Vector;
  /** Whether the error is a smooth stand-in for the loss's derivative. */
  readonly surrogate?: true;
}

function ofResidual(name: string, bias: AttentionalBias, plain: PlainBias): BiasCase {
  return {
    name,
    bias,
    loss: (prediction, value, threshold) => plain.loss(subtract(prediction, value), threshold),
    error: (prediction, value, threshold) => plain.error(subtract(prediction, value), threshold),
  };
}

const { slope, epsilon } = paperSmoothing;
const tanh = (x: number) => Math.tanh(slope * x);

/** The exponents of the paper's ablation. */
export const exponents = [1, 1.5, 2, 2.8, 3, 3.2, 4];

export const biasCases: readonly BiasCase[] = [
  {
    name: "dot product",
    bias: dotProductBias(),
    loss: (prediction, value) => -dot(prediction, value),
    error: (_, value) => scale(-1, value),
  },
  {
    name: "dot product, scale 2",
    bias: dotProductBias({ scale: 2 }),
    loss: (prediction, value) => -2 * dot(prediction, value),
    error: (_, value) => scale(-2, value),
  },
  ofResidual("l2 half", l2Bias(), plainBiases.l2(1)),
  ofResidual("l2 full", l2Bias({ scale: "full" }), plainBiases.l2(2)),
  ...exponents.map((p) => ofResidual(`lp, p = ${p}`, lpBias({ p }), plainBiases.lp(p))),
  ...exponents.map((p) => ({
    ...ofResidual(
      `smooth lp, p = ${p}`,
      lpBias({ p, smooth: paperSmoothing }),
      plainBiases.smoothLp(p, slope, epsilon),
    ),
    surrogate: true as const,
  })),
  ofResidual("huber coordinate", huberBias({ form: "coordinate" }), plainBiases.huberCoordinate()),
  ofResidual("huber norm", huberBias({ form: "norm" }), plainBiases.huberNorm()),
  ofResidual("huber mixture, sign", huberBias({ form: "mixture" }), plainBiases.huberMixture()),
  ofResidual("huber mixture, direction", huberBias({ form: "mixture", l1: "direction" }), plainBiases.huberNorm()),
  {
    ...ofResidual(
      "huber mixture, smooth sign",
      huberBias({ form: "mixture", smooth: paperSmoothing }),
      plainBiases.huberMixture(tanh),
    ),
    surrogate: true,
  },
  ofResidual("value shift", valueShiftBias({ radius: 0.25 }), plainBiases.valueShift(0.25)),
];

/** Predictions, values and thresholds of some tokens: residuals on both sides of every threshold, none within 0.01 of one or of zero. */
export function biasTokens(): { prediction: Matrix; value: Matrix; threshold: Matrix } {
  const random = randomSource(71);
  const tokens = 6;
  const away = (x: number) => x + 0.02 * Math.sign(x);
  const value = random.normalMatrix(tokens, 5);
  const prediction = value.map((row, t) => row.map((v) => v + away(random.normal() * (t < 3 ? 0.3 : 1.5))));
  return { prediction, value, threshold: value.map(() => [random.uniform() * 0.2 + 0.9]) };
}
