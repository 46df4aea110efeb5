/** `nn`: activations, with those rewritten that the array library computes with overflow or cancellation. */
import { borrow } from "./borrow.ts";
import { scope } from "./lifetimes.ts";
import { np } from "./namespaces.ts";
import { jax } from "./runtime.ts";
import type { Tensor, TensorLike } from "./tensor.ts";

/**
 * The logistic function, finite with its derivatives for every logit.
 *
 * $$\sigma(x) = \frac{1}{1+e^{-x}} = \frac{e}{1+e} \;(x < 0), \quad \frac{1}{1+e} \;(x \ge 0), \qquad e = e^{-|x|}$$
 *
 * The library's own overflows below -88, where its derivative is 0 times infinity.
 */
function sigmoid(x: TensorLike): Tensor {
  return scope(() => {
    const e = np.exp(np.negative(np.abs(x)));
    return np.divide(np.where(np.less(x, 0), e, 1), np.add(e, 1));
  });
}

/** $$\mathrm{silu}(x) = x\,\sigma(x)$$ */
function silu(x: TensorLike): Tensor {
  return scope(() => np.multiply(x, sigmoid(x)));
}

/** Taylor coefficients of atanh(s)/s in s^2: at s <= 1/3 the first one left out is 1.4e-8, below float32's resolution. */
const atanhCoefficients = [1, 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13];

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
    const series = atanhCoefficients.reduceRight<TensorLike>((sum, c) => np.add(np.multiply(sum, square), c), 0);
    return np.add(np.maximum(x, 0), np.multiply(np.multiply(s, series), 2));
  });
}

/** $$\log\sigma(x) = -\mathrm{softplus}(-x)$$ */
function logSigmoid(x: TensorLike): Tensor {
  return scope(() => np.negative(softplus(np.negative(x))));
}

/** Activations and other neural-network operations. */
export const nn = borrow(jax.nn, { sigmoid, silu, swish: silu, softplus, logSigmoid });
