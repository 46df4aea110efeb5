/** Attentional biases in plain numbers, written from the paper: the loss and the error of one token's residual. */
import { norm, type Vector } from "../oracles/index.ts";

/** One bias: functions of the residual r = M(k) - v and of the threshold. */
export interface PlainBias {
  loss(r: Vector, threshold: Vector): number;
  error(r: Vector, threshold: Vector): Vector;
}

const sum = (x: Vector) => x.reduce((total, value) => total + value, 0);

/** One threshold for all channels is a list of one. */
const at = (threshold: Vector, j: number) => threshold[threshold.length === 1 ? 0 : j]!;

export function plainHuber(a: number, delta: number): number {
  return Math.abs(a) <= delta ? (a * a) / 2 : delta * (Math.abs(a) - delta / 2);
}

export const plainBiases = {
  l2: (scale: number): PlainBias => ({
    loss: (r) => (scale * sum(r.map((x) => x * x))) / 2,
    error: (r) => r.map((x) => scale * x),
  }),
  lp: (p: number): PlainBias => ({
    loss: (r) => sum(r.map((x) => Math.abs(x) ** p)),
    error: (r) => r.map((x) => p * Math.sign(x) * Math.abs(x) ** (p - 1)),
  }),
  smoothLp: (p: number, slope: number, epsilon: number): PlainBias => ({
    loss: (r) => sum(r.map((x) => Math.abs(x) ** p)),
    error: (r) => r.map((x) => p * Math.tanh(slope * x) * (x * x + epsilon) ** ((p - 1) / 2)),
  }),
  huberCoordinate: (): PlainBias => ({
    loss: (r, threshold) => sum(r.map((x, j) => plainHuber(x, at(threshold, j)))),
    error: (r, threshold) => r.map((x, j) => (Math.abs(x) <= at(threshold, j) ? x : at(threshold, j) * Math.sign(x))),
  }),
  huberNorm: (): PlainBias => ({
    loss: (r, [delta]) => plainHuber(norm(r), delta!),
    error: (r, [delta]) => (norm(r) <= delta! ? r : r.map((x) => (delta! * x) / norm(r))),
  }),
  huberMixture: (sign: (x: number) => number = Math.sign): PlainBias => ({
    loss: (r, [delta]) =>
      norm(r) <= delta! ? sum(r.map((x) => x * x)) / 2 : delta! * (sum(r.map(Math.abs)) - delta! / 2),
    error: (r, [delta]) => (norm(r) <= delta! ? r : r.map((x) => delta! * sign(x))),
  }),
  valueShift: (radius: number): PlainBias => ({
    loss: (r) => (norm(r) + radius) ** 2 / 2,
    error: (r) => r.map((x) => x * (1 + radius / norm(r))),
  }),
};
