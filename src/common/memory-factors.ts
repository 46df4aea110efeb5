/** The gradients of a memory's writes as factors: rank one a token and layer, so that none of them is ever built. */
import { np, type Tensor } from "../array/index.ts";
import {
  activate,
  column,
  type MemoryArchitecture,
  type MemoryWeights,
  row,
  slope,
  standardized,
  transposed,
} from "./memory-mlp.ts";

/** What one pass over a chunk of keys leaves behind: the factors of every token's gradient. */
export interface MemoryFactors {
  /** For each matrix, the layer inputs h [..., C, in] and the errors delta [..., C, out]; token i's gradient is delta_i h_i^T. */
  readonly layers: readonly { readonly input: Tensor; readonly error: Tensor }[];
  /** Gradients of the output norm's scale and shift, and the normalised output they come from: [..., C, dim] each. */
  readonly norm?: {
    readonly scale: Tensor;
    readonly shift: Tensor;
    readonly normalized: Tensor;
    /** What the output was divided by: [..., C] */
    readonly deviation: Tensor;
  };
  /** Derivatives of the activations between the matrices: [..., C, hidden] each. */
  readonly slopes: readonly Tensor[];
  /** M(k) - v: [..., C, dim]. */
  readonly residual: Tensor;
  /** Frobenius norms of the Jacobian of the output with respect to each layer's pre-activation (upper bounds), [..., C] each. */
  readonly sensitivities: readonly Tensor[];
}

/** One pass over a chunk of keys: what the memory answers, and how an error of its answers becomes a gradient of its weights. */
export interface MemoryPass {
  /** M(k): [..., C, dim] */
  readonly output: Tensor;
  /**
   * The factors of every token's gradient.
   *
   * @param outputError derivative of each token's loss with respect to the output: [..., C, dim]
   */
  pullBack(outputError: Tensor): Omit<MemoryFactors, "residual">;
}

/**
 * Applies the memory to a chunk of keys, all with the same weights, and keeps what its gradients are made of.
 *
 * $$\delta^{(L)} = \frac{\partial\ell}{\partial f}, \qquad \delta^{(l)} = \varphi'(z^{(l)}) \odot W^{(l+1)\top} \delta^{(l+1)}, \qquad \nabla_{W^{(l)}} = \delta^{(l)} h^{(l-1)\top}$$
 *
 * Written as ordinary forward operations, so that the outer loop needs only first-order reverse mode.
 *
 * @param weights W_0, matrices [..., out, in]
 * @param keys [..., C, dim]
 */
export function memoryPass(architecture: MemoryArchitecture, weights: MemoryWeights, keys: Tensor): MemoryPass {
  const { layers, norm } = weights;
  const inputs: Tensor[] = [];
  const slopes: Tensor[] = [];
  let h = keys;
  layers.forEach((matrix, l) => {
    inputs.push(h);
    const z = np.matmul(h, transposed(matrix));
    if (l < layers.length - 1) {
      slopes.push(slope(architecture, z));
      h = activate(architecture, z);
    } else {
      h = z;
    }
  });

  let output = h;
  let standard: { normalized: Tensor; deviation: Tensor } | undefined;
  if (norm) {
    standard = standardized(architecture, h);
    output = np.add(np.multiply(standard.normalized, row(norm.scale)), row(norm.shift));
  }
  if (architecture.residual) output = np.add(keys, output);
  return { output, pullBack: (outputError) => pulledBack(weights, { inputs, slopes, ...standard }, outputError) };
}

interface Kept {
  readonly inputs: readonly Tensor[];
  readonly slopes: readonly Tensor[];
  readonly normalized?: Tensor;
  readonly deviation?: Tensor;
}

function pulledBack({ layers, norm }: MemoryWeights, kept: Kept, outputError: Tensor): Omit<MemoryFactors, "residual"> {
  const { inputs, slopes, normalized, deviation } = kept;
  let error = outputError;
  let sensitivity = np.onesLike(np.sum(outputError, -1));
  if (norm && normalized && deviation) {
    const scaled = np.multiply(outputError, row(norm.scale));
    const centred = np.subtract(scaled, np.mean(scaled, -1, { keepdims: true }));
    const along = np.multiply(normalized, np.mean(np.multiply(scaled, normalized), -1, { keepdims: true }));
    error = np.divide(np.subtract(centred, along), deviation);
    const largestScale = np.max(np.abs(norm.scale), -1, { keepdims: true });
    sensitivity = np.divide(np.multiply(sensitivity, largestScale), np.squeeze(deviation, -1));
  }

  const errors: Tensor[] = [error];
  const sensitivities: Tensor[] = [sensitivity];
  for (let l = layers.length - 2; l >= 0; l--) {
    const above = layers[l + 1]!;
    const slopeHere = slopes[l]!;
    error = np.multiply(np.matmul(error, above), slopeHere);
    errors.unshift(error);
    const columnNorms = row(np.sum(np.square(above), -2));
    const gain = np.sqrt(np.add(np.sum(np.multiply(np.square(slopeHere), columnNorms), -1), 1e-12));
    sensitivity = np.multiply(sensitivity, gain);
    sensitivities.unshift(sensitivity);
  }

  const pairs = inputs.map((input, l) => ({ input, error: errors[l]! }));
  if (!norm || !normalized || !deviation) return { layers: pairs, slopes, sensitivities };
  return {
    layers: pairs,
    norm: {
      scale: np.multiply(outputError, normalized),
      shift: outputError,
      normalized,
      deviation: np.squeeze(deviation, -1),
    },
    slopes,
    sensitivities,
  };
}

/**
 * The factors of every token's gradient of $\frac{\kappa}{2}\|\mathcal M(k) - v\|^2$, all at the same weights.
 *
 * @param weights W_0, matrices [..., out, in]
 * @param keys [..., C, dim]
 * @param values [..., C, dim]
 * @param lossScale kappa; 1 is the halved squared error, 2 the squared error as the paper prints it
 */
export function memoryFactors(
  architecture: MemoryArchitecture,
  weights: MemoryWeights,
  keys: Tensor,
  values: Tensor,
  lossScale = 1,
): MemoryFactors {
  const { output, pullBack } = memoryPass(architecture, weights, keys);
  const residual = np.subtract(output, values);
  return { ...pullBack(np.multiply(residual, lossScale)), residual };
}

/**
 * A weighted sum of the chunk's gradients, one matrix a layer: $\Delta^\top \mathrm{diag}(w) H$.
 *
 * @param factors of the chunk's writes
 * @param weights w: [..., C]
 * @returns a tree like the memory's weights
 */
export function weightedGradient(factors: MemoryFactors, weights: Tensor): MemoryWeights {
  const w = column(weights);
  const layers = factors.layers.map(({ input, error }) => np.matmul(transposed(np.multiply(error, w)), input));
  if (!factors.norm) return { layers };
  const total = (g: Tensor) => np.sum(np.multiply(g, w), -2);
  return { layers, norm: { scale: total(factors.norm.scale), shift: total(factors.norm.shift) } };
}

/**
 * Squared norms of each token's gradient over all weights of the memory: $\|g_i\|^2 = \sum_l \|\delta_i^{(l)}\|^2 \|h_i^{(l-1)}\|^2$.
 *
 * @returns [..., C]
 */
export function squaredGradientNorms(factors: MemoryFactors): Tensor {
  const squared = (x: Tensor) => np.sum(np.square(x), -1);
  let total = np.zerosLike(squared(factors.residual));
  for (const { input, error } of factors.layers) total = np.add(total, np.multiply(squared(error), squared(input)));
  if (factors.norm) total = np.add(total, np.add(squared(factors.norm.scale), squared(factors.norm.shift)));
  return total;
}

/** Norms of each token's gradient over all weights of the memory, the roots of `squaredGradientNorms`: [..., C]. */
export function gradientNorms(factors: MemoryFactors): Tensor {
  return np.sqrt(squaredGradientNorms(factors));
}

/**
 * The memory's tangent kernel between tokens of a chunk, bounded from above: how much a write at one key moves the output at another.
 *
 * $$K[t,j] \le \sum_l |h_t^{(l-1)} \cdot h_j^{(l-1)}|\,\gamma_t^{(l)} \gamma_j^{(l)}$$
 *
 * with $\gamma^{(l)}$ the norm of the output's derivative with respect to layer l's pre-activation.
 *
 * @returns [..., C, C]
 */
export function tangentKernel(factors: MemoryFactors): Tensor {
  const terms = factors.layers.map(({ input }, l) => {
    const gain = factors.sensitivities[l]!;
    const similarity = np.abs(np.matmul(input, transposed(input)));
    return np.multiply(similarity, np.multiply(column(gain), row(gain)));
  });
  if (factors.norm) {
    const largest = np.max(np.abs(factors.norm.normalized), -1);
    terms.push(np.add(1, np.multiply(column(largest), row(largest))));
  }
  return terms.reduce((total, term) => np.add(total, term));
}
