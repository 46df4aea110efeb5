/** The small network that serves as a memory: a multi-layer perceptron, its errors written as forward operations, and its token-exact read. */
import { type Key, nn, np, random, splitKey, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";

/** Activation functions a memory may use inside. `gelu` is the tanh approximation. */
export const memoryActivations = ["silu", "gelu"] as const;
export type MemoryActivation = (typeof memoryActivations)[number];

/** The shape of a memory network. */
export interface MemoryArchitecture {
  /** How many weight matrices L_M; 1 is a linear memory. */
  readonly depth: number;
  /** Features of a key and of a value. */
  readonly dim: number;
  /** Width between the matrices; unused at depth 1. */
  readonly hiddenDim: number;
  readonly activation: MemoryActivation;
  /** Adds the key to the output: f = k + MLP(k). */
  readonly residual: boolean;
  /** LayerNorm on the MLP's output, whose scale and shift are memory weights too. */
  readonly norm: boolean;
}

/** A memory's weights: one [..., out, in] matrix a layer, and the output norm's vectors [..., dim] where there is one. */
export type MemoryWeights = {
  readonly layers: readonly Tensor[];
  readonly norm?: { readonly scale: Tensor; readonly shift: Tensor };
};

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

/** How a token's weights are made of the chunk's start and its factors: W_t = b_t W_0 + c_t S_0 - sum_i P[t,i] g_i. */
export interface ReadCoefficients {
  /** b: [..., C] */
  readonly memory: Tensor;
  /** c: [..., C] */
  readonly momentum: Tensor;
  /** P: [..., C, C] */
  readonly writes: Tensor;
}

/** Floor of the output norm's variance. Large on purpose: a memory whose weights fade must not see its gradients explode. */
const NORM_EPSILON = 1e-3;

/** A matrix with its last two axes exchanged. */
export function transposed(x: Tensor): Tensor {
  return np.swapaxes(x, -1, -2);
}

function column(x: Tensor): Tensor {
  return np.expandDims(x, -1);
}

function row(x: Tensor): Tensor {
  return np.expandDims(x, -2);
}

/** Throws ConfigError unless the architecture can exist. */
export function checkArchitecture(architecture: MemoryArchitecture): void {
  const { depth, dim, hiddenDim, activation } = architecture;
  for (const [name, value] of Object.entries({ depth, dim, hiddenDim })) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigError(`memory ${name} is ${value}; it must be a whole number of at least 1`);
  }
  if (!memoryActivations.includes(activation)) {
    throw new ConfigError(`memory activation "${activation}" is unknown (valid: ${memoryActivations.join(", ")})`);
  }
}

/**
 * Fresh weights M_0, one network a head: normal with variance 1/in, so that a unit key gives activations of order one.
 *
 * @param heads how many independent memories
 * @returns matrices [heads, out, in]
 */
export function initMemoryWeights(architecture: MemoryArchitecture, key: Key, heads: number): MemoryWeights {
  checkArchitecture(architecture);
  const { depth, dim, hiddenDim, norm } = architecture;
  const widths = [dim, ...Array.from({ length: depth - 1 }, () => hiddenDim), dim];
  const keys = splitKey(key, depth);
  const layers = keys.map((layerKey, l) => {
    const [inputs, outputs] = [widths[l]!, widths[l + 1]!];
    return np.multiply(random.normal(layerKey, [heads, outputs, inputs]), 1 / Math.sqrt(inputs));
  });
  if (!norm) return { layers };
  return { layers, norm: { scale: np.ones([heads, dim]), shift: np.zeros([heads, dim]) } };
}

function activate(architecture: MemoryArchitecture, z: Tensor): Tensor {
  return architecture.activation === "silu" ? nn.silu(z) : nn.gelu(z, { approximate: true });
}

/** The activation's derivative at the pre-activation. */
function slope(architecture: MemoryArchitecture, z: Tensor): Tensor {
  if (architecture.activation === "silu") {
    const s = nn.sigmoid(z);
    return np.multiply(s, np.add(1, np.multiply(z, np.subtract(1, s))));
  }
  const a = Math.sqrt(2 / Math.PI);
  const square = np.square(z);
  const t = np.tanh(np.multiply(np.multiply(z, a), np.add(1, np.multiply(square, 0.044715))));
  const inner = np.multiply(a, np.add(1, np.multiply(square, 3 * 0.044715)));
  return np.add(
    np.multiply(0.5, np.add(1, t)),
    np.multiply(np.multiply(np.multiply(0.5, z), np.subtract(1, np.square(t))), inner),
  );
}

function standardized(u: Tensor): { normalized: Tensor; deviation: Tensor } {
  const centred = np.subtract(u, np.mean(u, -1, { keepdims: true }));
  const deviation = np.sqrt(np.add(np.mean(np.square(centred), -1, { keepdims: true }), NORM_EPSILON));
  return { normalized: np.divide(centred, deviation), deviation };
}

/**
 * Applies the memory without writing: $f = \mathcal M(x)$.
 *
 * @param weights matrices [..., out, in]
 * @param x keys or queries [..., C, dim]
 * @returns [..., C, dim]
 */
export function memoryForward(architecture: MemoryArchitecture, weights: MemoryWeights, x: Tensor): Tensor {
  let h = x;
  weights.layers.forEach((matrix, l) => {
    const z = np.matmul(h, transposed(matrix));
    h = l < weights.layers.length - 1 ? activate(architecture, z) : z;
  });
  if (weights.norm)
    h = np.add(np.multiply(standardized(h).normalized, row(weights.norm.scale)), row(weights.norm.shift));
  return architecture.residual ? np.add(x, h) : h;
}

/**
 * The factors of every token's gradient of $\frac{\kappa}{2}\|\mathcal M(k) - v\|^2$, all at the same weights.
 *
 * $$\delta^{(L)} = \kappa (f - v), \qquad \delta^{(l)} = \varphi'(z^{(l)}) \odot W^{(l+1)\top} \delta^{(l+1)}, \qquad \nabla_{W^{(l)}} = \delta^{(l)} h^{(l-1)\top}$$
 *
 * Written as ordinary forward operations, so that the outer loop needs only first-order reverse mode.
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
  let normalized: Tensor | undefined;
  let deviation: Tensor | undefined;
  if (norm) {
    ({ normalized, deviation } = standardized(h));
    output = np.add(np.multiply(normalized, row(norm.scale)), row(norm.shift));
  }
  if (architecture.residual) output = np.add(keys, output);
  const residual = np.subtract(output, values);
  const outputError = np.multiply(residual, lossScale);

  let error = outputError;
  let sensitivity = np.onesLike(np.sum(residual, -1));
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
  if (!norm || !normalized || !deviation) return { layers: pairs, slopes, residual, sensitivities };
  return {
    layers: pairs,
    norm: {
      scale: np.multiply(outputError, normalized),
      shift: outputError,
      normalized,
      deviation: np.squeeze(deviation, -1),
    },
    slopes,
    residual,
    sensitivities,
  };
}

/**
 * Reads each query with its own token's weights, without building them.
 *
 * $$Z = \mathrm{diag}(b)\,R W_0^\top + \mathrm{diag}(c)\,R S_0^\top - \big(P \odot (R H^\top)\big)\,\Delta$$
 *
 * The last term is causal linear attention from the read activations R to the stored layer inputs H and errors Delta.
 *
 * @param start weights W_0 at the chunk's start, matrices [..., out, in]
 * @param momentum S_0, same shapes
 * @param factors of the chunk's writes
 * @param coefficients b, c, P
 * @param queries [..., C, dim]
 * @returns [..., C, dim]
 */
export function tokenExactRead(
  architecture: MemoryArchitecture,
  start: MemoryWeights,
  momentum: MemoryWeights,
  factors: MemoryFactors,
  coefficients: ReadCoefficients,
  queries: Tensor,
): Tensor {
  const b = column(coefficients.memory);
  const c = column(coefficients.momentum);
  const P = coefficients.writes;
  let r = queries;
  start.layers.forEach((W0, l) => {
    const S0 = momentum.layers[l]!;
    const { input, error } = factors.layers[l]!;
    const scores = np.multiply(P, np.matmul(r, transposed(input)));
    const fromStart = np.add(
      np.multiply(b, np.matmul(r, transposed(W0))),
      np.multiply(c, np.matmul(r, transposed(S0))),
    );
    const z = np.subtract(fromStart, np.matmul(scores, error));
    r = l < start.layers.length - 1 ? activate(architecture, z) : z;
  });
  if (start.norm && momentum.norm && factors.norm) {
    const vectorAt = (w0: Tensor, s0: Tensor, g: Tensor) =>
      np.subtract(np.add(np.multiply(b, row(w0)), np.multiply(c, row(s0))), np.matmul(P, g));
    const scale = vectorAt(start.norm.scale, momentum.norm.scale, factors.norm.scale);
    const shift = vectorAt(start.norm.shift, momentum.norm.shift, factors.norm.shift);
    r = np.add(np.multiply(standardized(r).normalized, scale), shift);
  }
  return architecture.residual ? np.add(queries, r) : r;
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
 * Norms of each token's gradient over all weights of the memory: $\|g_i\|^2 = \sum_l \|\delta_i^{(l)}\|^2 \|h_i^{(l-1)}\|^2$.
 *
 * @returns [..., C]
 */
export function gradientNorms(factors: MemoryFactors): Tensor {
  const squared = (x: Tensor) => np.sum(np.square(x), -1);
  let total = np.zerosLike(squared(factors.residual));
  for (const { input, error } of factors.layers) total = np.add(total, np.multiply(squared(error), squared(input)));
  if (factors.norm) total = np.add(total, np.add(squared(factors.norm.scale), squared(factors.norm.shift)));
  return np.sqrt(total);
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
