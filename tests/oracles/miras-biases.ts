/** Attentional biases: what each of them loses on one token, and the slope of that loss with respect to the prediction. */

import { dot, type Matrix, norm, outer, scale, subtract, type Vector } from "./matrix.ts";

/** "half" is `½‖r‖²`, "full" is `‖r‖²`. */
export type MirasLossScale = "half" | "full";

/** `tanh(slope r)` for the sign and `sqrt(r² + epsilon)` for the size. */
export interface MirasSmoothing {
  slope: number;
  epsilon: number;
}

export type MirasBias =
  | { kind: "dot"; scale: MirasLossScale }
  | { kind: "l2"; scale: MirasLossScale }
  | { kind: "lp"; p: number; smooth?: MirasSmoothing }
  | { kind: "huber-coordinate"; threshold: number | Vector }
  | { kind: "huber-norm"; threshold: number }
  /** `slope` replaces the sign by `tanh(slope r)`; without it the sign is hard. */
  | { kind: "huber-mixture"; threshold: number; l1: "sign" | "direction"; slope?: number }
  | { kind: "value-shift"; radius: number };

/** Eq 13: quadratic up to the threshold, linear beyond. */
export function mirasHuber(a: number, threshold: number): number {
  return Math.abs(a) <= threshold ? 0.5 * a * a : threshold * (Math.abs(a) - 0.5 * threshold);
}

/** Slope of Eq 13: `clip(a, -δ, δ)`. */
export function mirasHuberSlope(a: number, threshold: number): number {
  return Math.max(-threshold, Math.min(threshold, a));
}

/**
 * The loss of one token, a sum over channels. The dot bias is `-2⟨y, v⟩` ("full", Eq 8) or `-⟨y, v⟩` ("half").
 * Smoothing changes only the slope that is used, so the loss of a smoothed bias is the exact one.
 */
export function mirasLoss(bias: MirasBias, prediction: Vector, value: Vector): number {
  const r = subtract(prediction, value);
  const size = norm(r);
  switch (bias.kind) {
    case "dot":
      return -scaleFactor(bias.scale) * dot(prediction, value);
    case "l2":
      return 0.5 * scaleFactor(bias.scale) * dot(r, r);
    case "lp":
      return sum(r.map((entry) => Math.abs(entry) ** bias.p));
    case "huber-coordinate":
      return sum(r.map((entry, j) => mirasHuber(entry, at(bias.threshold, j))));
    case "huber-norm":
      return mirasHuber(size, bias.threshold);
    case "huber-mixture":
      if (size <= bias.threshold) return 0.5 * dot(r, r);
      return bias.l1 === "direction"
        ? mirasHuber(size, bias.threshold)
        : bias.threshold * sum(r.map((entry) => Math.abs(entry)));
    case "value-shift":
      return 0.5 * (size + bias.radius) ** 2;
    default:
      return bias satisfies never;
  }
}

/** `e = ∂loss/∂prediction`: what is pulled back through the memory. At r = 0 the norm-based ones give 0. */
export function mirasOutputError(bias: MirasBias, prediction: Vector, value: Vector): Vector {
  const r = subtract(prediction, value);
  const size = norm(r);
  switch (bias.kind) {
    case "dot":
      return scale(-scaleFactor(bias.scale), value);
    case "l2":
      return scale(scaleFactor(bias.scale), r);
    case "lp":
      return r.map((entry) => lpSlope(entry, bias.p, bias.smooth));
    case "huber-coordinate":
      return r.map((entry, j) => mirasHuberSlope(entry, at(bias.threshold, j)));
    case "huber-norm":
      return size <= bias.threshold ? r : scale(bias.threshold / size, r);
    case "huber-mixture":
      if (size <= bias.threshold) return r;
      if (bias.l1 === "direction") return scale(bias.threshold / size, r);
      return r.map((entry) => bias.threshold * smoothSign(entry, bias.slope));
    case "value-shift":
      return size === 0 ? scale(0, r) : scale(1 + bias.radius / size, r);
    default:
      return bias satisfies never;
  }
}

/** The gradient of `mirasLoss(bias, W k, v)` for a matrix memory W [value, key]: `e kᵀ`. */
export function mirasMatrixGradient(bias: MirasBias, weights: Matrix, key: Vector, value: Vector): Matrix {
  const prediction = weights.map((row) => dot(row, key));
  return outer(mirasOutputError(bias, prediction, value), key);
}

/** Eq 17: the shift of the value inside the ball that makes `½‖r - shift‖²` largest, `-Δ r/‖r‖`. */
export function mirasWorstShift(residual: Vector, radius: number): Vector {
  return scale(-radius / norm(residual), residual);
}

function lpSlope(r: number, p: number, smooth: MirasSmoothing | undefined): number {
  if (smooth) return p * Math.tanh(smooth.slope * r) * (r * r + smooth.epsilon) ** ((p - 1) / 2);
  return p * Math.sign(r) * Math.abs(r) ** (p - 1);
}

function smoothSign(r: number, slope: number | undefined): number {
  return slope === undefined ? Math.sign(r) : Math.tanh(slope * r);
}

function scaleFactor(lossScale: MirasLossScale): number {
  return lossScale === "full" ? 2 : 1;
}

function at(threshold: number | Vector, channel: number): number {
  return typeof threshold === "number" ? threshold : threshold[channel]!;
}

function sum(values: Vector): number {
  return values.reduce((total, value) => total + value, 0);
}
