/** Signs and powers of residuals that can be differentiated twice, and smooth stand-ins for them. */
import { np, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";

/** How sign and absolute value are made smooth, so that the outer loop can differentiate through them. */
export interface Smoothing {
  /** a in tanh(a x), which stands for the sign of x. The paper only says that it is large. */
  readonly slope: number;
  /** epsilon in the root of x^2 + epsilon, which stands for the absolute value of x. */
  readonly epsilon: number;
}

/** The paper's epsilon, and the usual slope. */
export const paperSmoothing: Smoothing = { slope: 10, epsilon: 1e-6 };

/** Below it a number counts as zero in a power that is not whole: derivatives there would over- or underflow. */
const TINY = 1e-30;

/** @internal Throws ConfigError unless both numbers are positive and finite. */
export function checkSmoothing(smooth: Smoothing | false): void {
  if (smooth === false) return;
  for (const [name, value] of Object.entries({ slope: smooth.slope, epsilon: smooth.epsilon })) {
    if (!(value > 0 && value < Infinity))
      throw new ConfigError(`the ${name} of a smooth bias is ${value}; it must be a positive number`);
  }
}

/**
 * @internal The sign of every number, or its smooth stand-in.
 *
 * $$\mathrm{Sign}(x) \approx \tanh(a\,x)$$
 *
 * No gradient passes the sign itself. The paper's Remark 5, in words; in code: a = `slope`.
 *
 * @param x any shape
 * @param smooth the stand-in's slope, or false for the sign itself
 */
export function signOrTanh(x: Tensor, smooth: Smoothing | false): Tensor {
  return smooth === false ? np.sign(x) : np.tanh(np.multiply(x, smooth.slope));
}

/**
 * @internal A power of numbers that are not negative, with finite derivatives: also at zero, where that of a power below 1 is taken as 0.
 *
 * $$x^n = x^{\lfloor m \rfloor}\; x^{1/2}\, x^{1/4} \cdots\; e^{(n-m)\log x}, \qquad m = \tfrac18\,\mathrm{round}(8n)$$
 *
 * Whole powers are products and eighths are roots, so that the logarithm, which float32 knows to five digits, has little left to say. Anything to the
 * power 0 is exactly 1.
 *
 * @param x not negative, any shape
 * @param exponent n, not negative
 */
export function power(x: Tensor, exponent: number): Tensor {
  if (Number.isInteger(exponent)) return wholePower(x, exponent);
  const present = np.greater(x, TINY);
  const base = np.where(present, x, 1);
  const eighths = Math.round(8 * exponent);
  let result = wholePower(base, Math.floor(eighths / 8));
  let root = base;
  for (const bit of [4, 2, 1]) {
    root = np.sqrt(root);
    if ((eighths & bit) !== 0) result = np.multiply(result, root);
  }
  const rest = exponent - eighths / 8;
  if (rest !== 0) result = np.multiply(result, np.exp(np.multiply(np.log(base), rest)));
  return np.where(present, result, 0);
}

/** x^n by repeated squaring. */
function wholePower(x: Tensor, exponent: number): Tensor {
  if (exponent === 0) return np.onesLike(x);
  if (exponent === 1) return x;
  const half = wholePower(x, Math.floor(exponent / 2));
  const square = np.square(half);
  return exponent % 2 === 0 ? square : np.multiply(square, x);
}
