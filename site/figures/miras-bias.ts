/** What attentional biases make of a residual: the inner loss, and the error that is written back. */
import { np, readSync, scope, tensor } from "neural-memory/array";
import { type AttentionalBias, biasError, huberBias, l2Bias, lpBias } from "neural-memory/miras";
import type { Curve, Figure, Panel } from "./parts/live-figure.ts";

const POINTS = 121;
const LARGEST = 4;
const residuals = Array.from({ length: POINTS }, (_, i) => -LARGEST + (2 * LARGEST * i) / (POINTS - 1));

/** Loss and error of a memory that answers the residual where nothing should be answered. */
function curvesOf(
  name: string,
  bias: AttentionalBias,
  threshold: number,
  reference = false,
): [loss: Curve, error: Curve] {
  return scope(() => {
    const prediction = tensor(residuals, [POINTS, 1]);
    const value = np.zeros([POINTS, 1]);
    const delta = bias.thresholded ? np.full([POINTS, 1], threshold) : undefined;
    const loss = readSync(bias.loss(prediction, value, delta));
    const error = readSync(biasError(bias, prediction, value, delta));
    const curve = (ys: ArrayLike<number>): Curve => ({
      name,
      points: residuals.map((x, i) => [x, ys[i]!] as const),
      reference,
    });
    return [curve(loss), curve(error)];
  });
}

export const figure: Figure<"p" | "threshold"> = {
  sliders: [
    { name: "p", label: "power p", min: 1, max: 4, step: 0.1, start: 1.5 },
    { name: "threshold", label: "Huber’s δ", min: 0.1, max: 3, step: 0.1, start: 1 },
  ],
  async compute({ p, threshold }): Promise<Panel[]> {
    const biases = [
      curvesOf("l2", l2Bias({ scale: "half" }), threshold, true),
      curvesOf("lp", lpBias({ p, smooth: false }), threshold),
      curvesOf("Huber", huberBias({ form: "coordinate", l1: "sign", smooth: false }), threshold),
    ];
    return [
      {
        title: "The inner loss",
        x: "residual, answer less value",
        y: "loss",
        curves: biases.map(([loss]) => loss),
        range: [0, 8],
      },
      {
        title: "The error that is written back",
        x: "residual, answer less value",
        y: "error, the loss’s slope",
        curves: biases.map(([, error]) => error),
        range: [-4, 4],
      },
    ];
  },
};
