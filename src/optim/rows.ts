/** Parameters of any shape as matrices: what rules that multiply gradients work on. */
import { np, type Tensor } from "../array/index.ts";

/** @internal A scalar as [1, 1], a vector as one row, anything else as it is: [..., rows, columns]. */
export function asMatrix(x: Tensor): Tensor {
  return x.ndim >= 2 ? x : np.reshape(x, [1, x.size]);
}

/** @internal The same numbers in a parameter's shape. */
export function shapedLike(matrix: Tensor, parameter: Tensor): Tensor {
  return np.reshape(matrix, [...parameter.shape]);
}

/** @internal Each matrix's squared Frobenius norm: [..., 1, 1]. */
export function squaredNorm(matrix: Tensor): Tensor {
  return np.sum(np.square(matrix), [-2, -1], { keepdims: true });
}

/** @internal A matrix times the projection onto the rows of a gradient: $A\,G^\top G$, or $G\,G^\top A$ where inputs are rows. */
export function throughGradient(matrix: Tensor, gradient: Tensor, inputs: InputAxis): Tensor {
  const across = np.swapaxes(gradient, -1, -2);
  return inputs === "columns"
    ? np.matmul(np.matmul(matrix, across), gradient)
    : np.matmul(gradient, np.matmul(across, matrix));
}

/** Which axis of a matrix the layer's inputs are: `columns` in $y = Wx$, as the papers write it, `rows` in $y = xW$. */
export const inputAxes = ["columns", "rows"] as const;
/** One of `inputAxes`. */
export type InputAxis = (typeof inputAxes)[number];
