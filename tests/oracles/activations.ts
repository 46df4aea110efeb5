/** Activation functions and their derivatives in full double precision. */

export type Activation = "silu" | "gelu-tanh" | "gelu-erf" | "identity";

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * Error function by its series of positive terms, so no digit cancels.
 *
 * $$\mathrm{erf}(x)=\frac{2}{\sqrt\pi}e^{-x^2}\sum_{n\ge0}\frac{2^n x^{2n+1}}{1\cdot3\cdots(2n+1)}$$
 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const tanhSlope = Math.sqrt(2 / Math.PI);
const tanhCubic = 0.044715;

export function activate(activation: Activation, x: number): number {
  switch (activation) {
    case "identity":
      return x;
    case "silu":
      return x * sigmoid(x);
    case "gelu-erf":
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "gelu-tanh":
      return 0.5 * x * (1 + Math.tanh(tanhSlope * (x + tanhCubic * x ** 3)));
    default:
      return activation satisfies never;
  }
}

export function activationDerivative(activation: Activation, x: number): number {
  switch (activation) {
    case "identity":
      return 1;
    case "silu":
      return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
    case "gelu-erf":
      return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
    case "gelu-tanh": {
      const t = Math.tanh(tanhSlope * (x + tanhCubic * x ** 3));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * tanhSlope * (1 + 3 * tanhCubic * x * x);
    }
    default:
      return activation satisfies never;
  }
}
