/** `nn`: activations, with those rewritten that the array library computes with overflow or cancellation. */
import { borrow } from "./borrow.ts";
import { scope } from "./lifetimes.ts";
import { np } from "./namespaces.ts";
import { jax } from "./runtime.ts";
import { isTensor, type Tensor, type TensorLike } from "./tensor.ts";

/** The largest argument whose exponential is finite with room to spare, by element type. */
const largestExponent = { float32: 88, float64: 700 };

/**
 * The logistic function, finite with its derivatives for every logit.
 *
 * $$\sigma(x) = \frac{1}{1+e^{-x}}$$
 *
 * The library's own overflows below -88, where its derivative is 0 times infinity: there the function is 0, a gate exactly closed.
 */
function sigmoid(x: TensorLike): Tensor {
  return scope(() => {
    const least = -largestExponent[precisionOf(x)];
    const open = np.reciprocal(np.add(np.exp(np.negative(np.maximum(x, least))), 1));
    return np.where(np.less(x, least), 0, open);
  });
}

function precisionOf(x: TensorLike): "float32" | "float64" {
  return isTensor(x) && x.dtype === "float64" ? "float64" : "float32";
}

/** $$\mathrm{silu}(x) = x\,\sigma(x)$$ */
function silu(x: TensorLike): Tensor {
  return scope(() => np.multiply(x, sigmoid(x)));
}

/**
 * The Gaussian error linear unit, by default in the form with the hyperbolic tangent.
 *
 * $$\mathrm{gelu}(x) = \frac{x}{2}\left(1 + \tanh u\right) = x\,\sigma(2u), \qquad u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)$$
 *
 * The library's own computes the tangent from two cases, which doubles the work of its derivative.
 */
function gelu(x: TensorLike, options: { approximate?: boolean | undefined } = {}): Tensor {
  if (options.approximate === false) return library.gelu(x, options);
  return scope(() => {
    const slope = np.add(np.multiply(np.square(x), 2 * Math.sqrt(2 / Math.PI) * 0.044715), 2 * Math.sqrt(2 / Math.PI));
    return np.multiply(x, sigmoid(np.multiply(x, slope)));
  });
}

/** How many terms of the series of atanh(s)/s in s^2 are summed: at s <= 1/3 the first one left out is 1.4e-8, or 2e-18. */
const atanhTerms = { float32: 7, float64: 17 };

/**
 * The smooth positive part, as accurate for large negative arguments as for large positive ones.
 *
 * $$\log(1+e^x) = \max(x, 0) + \log(1+e) = \max(x, 0) + 2\,\mathrm{atanh}\frac{e}{2+e}, \qquad e = e^{-|x|}$$
 *
 * The library's own is infinite above 88 and 0 below -17, and is wrong by 1e-3 of its value at -10: gates that should forget
 * slowly would forget at the wrong rate.
 */
function softplus(x: TensorLike): Tensor {
  return scope(() => {
    const e = np.exp(np.negative(np.abs(x)));
    const s = np.divide(e, np.add(e, 2));
    const square = np.square(s);
    const terms = atanhTerms[precisionOf(x)];
    const coefficients = Array.from({ length: terms }, (_, n) => 1 / (2 * n + 1));
    const series = coefficients
      .slice(0, -1)
      .reduceRight<TensorLike>((sum, c) => np.add(np.multiply(sum, square), c), coefficients.at(-1)!);
    return np.add(np.maximum(x, 0), np.multiply(np.multiply(s, series), 2));
  });
}

/** $$\log\sigma(x) = -\mathrm{softplus}(-x)$$ */
function logSigmoid(x: TensorLike): Tensor {
  return scope(() => np.negative(softplus(np.negative(x))));
}

const library = borrow(jax.nn);

/** Activations and other neural-network operations. */
export const nn = borrow(jax.nn, { gelu, sigmoid, silu, swish: silu, softplus, logSigmoid });
