/** The plain parallel form: every token's gradient and weights are built, by one contraction of coefficients and gradients. */
import { nn, np, slice, type Tensor } from "../src/array/index.ts";
import { type MemoryArchitecture, memoryFactors } from "../src/common/index.ts";
import { type ChunkCoefficients, finalCoefficients, type MemoryState } from "../src/titans/index.ts";

/**
 * $$W_t = b_t W_0 + c_t S_0 - \sum_i P[t,i]\,g_i, \qquad g_i = \delta_i h_i^\top$$
 *
 * then each query through its own weights. A plain MLP with SiLU.
 *
 * @returns outputs [..., C, dim] and the state after the chunk
 */
export function materializedChunk(
  architecture: MemoryArchitecture,
  state: MemoryState,
  tokens: { readonly keys: Tensor; readonly values: Tensor; readonly queries: Tensor },
  coefficients: ChunkCoefficients,
): { outputs: Tensor; state: MemoryState } {
  const factors = memoryFactors(architecture, state.memory, tokens.keys, tokens.values);
  const final = finalCoefficients(coefficients);
  let r = tokens.queries;
  const layers = factors.layers.map(({ input, error }, l) => {
    const [W0, S0] = [state.memory.layers[l]!, state.surprise.layers[l]!];
    const [out, inputs] = W0.shape.slice(-2) as [number, number];
    const leading = W0.shape.slice(0, -2);
    const flatten = (w: Tensor) => np.reshape(w, [...leading, 1, out * inputs]);
    const gradients = np.reshape(np.multiply(np.expandDims(error, -1), np.expandDims(input, -2)), [
      ...leading,
      input.shape.at(-2)!,
      out * inputs,
    ]);
    const fromStart = np.add(
      np.multiply(np.expandDims(coefficients.memory, -1), flatten(W0)),
      np.multiply(np.expandDims(coefficients.momentum, -1), flatten(S0)),
    );
    const flat = np.subtract(fromStart, np.matmul(coefficients.writes, gradients));
    const weights = np.reshape(flat, [...leading, input.shape.at(-2)!, out, inputs]);
    const z = np.squeeze(np.matmul(weights, np.expandDims(r, -1)), -1);
    r = l < factors.layers.length - 1 ? nn.silu(z) : z;
    const kept = np.multiply(np.reshape(final.surprise, [...leading, 1, 1]), flatten(S0));
    const surprise = np.subtract(kept, np.matmul(np.expandDims(final.surpriseWrites, -2), gradients));
    return {
      memory: slice(weights, ...leading.map((): [] => []), -1),
      surprise: np.reshape(surprise, [...leading, out, inputs]),
    };
  });
  return {
    outputs: r,
    state: {
      memory: { layers: layers.map((layer) => layer.memory) },
      surprise: { layers: layers.map((layer) => layer.surprise) },
    },
  };
}
