/** The small network that serves as a memory: a multi-layer perceptron whose weights are written at test time. */
import { type Key, lax, nn, np, random, splitKey, type Tensor } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";

/** Activation functions a memory may use inside. `gelu` is the tanh approximation, `exactGelu` the function itself. */
export const memoryActivations = ["silu", "gelu", "exactGelu"] as const;
/** One of `memoryActivations`. */
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
  /** Floor of the output norm's variance; 1e-3 if left out. Large on purpose: a memory whose weights fade must not see its gradients explode. */
  readonly normEpsilon?: number;
}

/** A memory's weights: one [..., out, in] matrix a layer, and the output norm's vectors [..., dim] where there is one. */
export type MemoryWeights = {
  readonly layers: readonly Tensor[];
  readonly norm?: { readonly scale: Tensor; readonly shift: Tensor };
};

const NORM_EPSILON = 1e-3;

/** A matrix with its last two axes exchanged: [..., columns, rows] of [..., rows, columns]. */
export function transposed(x: Tensor): Tensor {
  return np.swapaxes(x, -1, -2);
}

/** @internal */
export function column(x: Tensor): Tensor {
  return np.expandDims(x, -1);
}

/** @internal */
export function row(x: Tensor): Tensor {
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
 * @param answerSize factor of the last matrix: the size of a fresh memory's answers. A small one lets what is written be heard; at 0 a deep memory's other
 *   matrices have no gradients
 * @returns matrices [heads, out, in]
 */
export function initMemoryWeights(
  architecture: MemoryArchitecture,
  key: Key,
  heads: number,
  answerSize = 1,
): MemoryWeights {
  checkArchitecture(architecture);
  const { depth, dim, hiddenDim, norm } = architecture;
  const widths = [dim, ...Array.from({ length: depth - 1 }, () => hiddenDim), dim];
  const keys = splitKey(key, depth);
  const layers = keys.map((layerKey, l) => {
    const [inputs, outputs] = [widths[l]!, widths[l + 1]!];
    const size = l === depth - 1 ? answerSize : 1;
    return np.multiply(random.normal(layerKey, [heads, outputs, inputs]), size / Math.sqrt(inputs));
  });
  if (!norm) return { layers };
  return { layers, norm: { scale: np.ones([heads, dim]), shift: np.zeros([heads, dim]) } };
}

/** @internal */
export function activate(architecture: MemoryArchitecture, z: Tensor): Tensor {
  switch (architecture.activation) {
    case "silu":
      return nn.silu(z);
    case "gelu":
      return nn.gelu(z, { approximate: true });
    case "exactGelu":
      return np.multiply(z, normalDistribution(z));
  }
}

/** @internal The activation's derivative at the pre-activation. */
export function slope(architecture: MemoryArchitecture, z: Tensor): Tensor {
  switch (architecture.activation) {
    case "silu": {
      const s = nn.sigmoid(z);
      return np.multiply(s, np.add(1, np.multiply(z, np.subtract(1, s))));
    }
    case "gelu":
      return geluSlope(z);
    case "exactGelu": {
      const density = np.multiply(np.exp(np.multiply(np.square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return np.add(normalDistribution(z), np.multiply(z, density));
    }
  }
}

/** The share of a standard normal distribution below z. */
function normalDistribution(z: Tensor): Tensor {
  return np.multiply(np.add(lax.erf(np.multiply(z, Math.SQRT1_2)), 1), 0.5);
}

function geluSlope(z: Tensor): Tensor {
  const a = Math.sqrt(2 / Math.PI);
  const square = np.square(z);
  const t = np.tanh(np.multiply(np.multiply(z, a), np.add(1, np.multiply(square, 0.044715))));
  const inner = np.multiply(a, np.add(1, np.multiply(square, 3 * 0.044715)));
  return np.add(
    np.multiply(0.5, np.add(1, t)),
    np.multiply(np.multiply(np.multiply(0.5, z), np.subtract(1, np.square(t))), inner),
  );
}

/** @internal */
export function standardized(
  { normEpsilon = NORM_EPSILON }: MemoryArchitecture,
  u: Tensor,
): { normalized: Tensor; deviation: Tensor } {
  const centred = np.subtract(u, np.mean(u, -1, { keepdims: true }));
  const deviation = np.sqrt(np.add(np.mean(np.square(centred), -1, { keepdims: true }), normEpsilon));
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
  const apply = (layer: number, h: Tensor) => np.matmul(h, transposed(weights.layers[layer]!));
  return forwardThrough(architecture, weights.layers.length, apply, x, weights.norm);
}

/**
 * Applies a memory whose matrices are given by what they do: $f = \mathcal M(x)$.
 *
 * @param depth how many matrices
 * @param apply what the matrix of a layer, from 0, makes of the layer's input
 * @param x keys or queries [..., C, dim]
 * @param norm scale and shift of the output norm, where there is one: [..., dim]
 * @returns [..., C, dim]
 */
export function forwardThrough(
  architecture: MemoryArchitecture,
  depth: number,
  apply: (layer: number, h: Tensor) => Tensor,
  x: Tensor,
  norm?: MemoryWeights["norm"],
): Tensor {
  let h = x;
  for (let layer = 0; layer < depth; layer++) {
    const z = apply(layer, h);
    h = layer < depth - 1 ? activate(architecture, z) : z;
  }
  if (norm) h = np.add(np.multiply(standardized(architecture, h).normalized, row(norm.scale)), row(norm.shift));
  return architecture.residual ? np.add(x, h) : h;
}
