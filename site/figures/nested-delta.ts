/** Gradient descent and delta gradient descent on the same two associations. */
import { detached, np, read, release, scope, slice, startEngine, type Tensor, tensor } from "neural-memory/array";
import { deltaDescent, layerDescent } from "neural-memory/nl";
import type { Figure, Panel } from "./parts/live-figure.ts";

const WRITES = 40;

const engine = await startEngine("wasm");

/** One write of either rule against the dot-product loss $-\langle Wk, v\rangle$, whose gradient at any answer is -v. */
const write = engine.compile("a write", (plain: Tensor, delta: Tensor, k: Tensor, v: Tensor, stepSize: Tensor) => {
  const error = np.negative(v);
  return {
    plain: layerDescent(plain, { input: np.expandDims(k, 0), error: np.expandDims(error, 0) }, stepSize),
    delta: deltaDescent({ weights: delta, input: k, outputGradient: error, stepSize }),
  };
});

/** The mean distance of the answers to two keys from their values. */
const distance = engine.compile("a distance", (weights: Tensor, keys: Tensor, values: Tensor) => {
  const wrong = np.subtract(np.matmul(keys, np.transpose(weights)), values);
  return np.mean(np.sqrt(np.sum(np.square(wrong), -1)));
});

export const figure: Figure<"stepSize" | "similarity"> = {
  sliders: [
    { name: "stepSize", label: "step size η", min: 0.05, max: 3, step: 0.05, start: 0.2 },
    { name: "similarity", label: "cosine between the two keys", min: 0, max: 0.95, step: 0.05, start: 0.5 },
  ],
  async compute({ stepSize, similarity }): Promise<Panel[]> {
    const keys = tensor([1, 0, similarity, Math.sqrt(1 - similarity ** 2)], [2, 2]);
    const values = tensor([1, 0, 0, 1], [2, 2]);
    const eta = tensor([stepSize], []);
    let weights = detached(() => scope(() => ({ plain: np.zeros([2, 2]), delta: np.zeros([2, 2]) })));
    const found: Record<"plain" | "delta", [number, number][]> = { plain: [], delta: [] };
    for (let t = 0; t <= WRITES; t++) {
      for (const rule of ["plain", "delta"] as const) {
        const wrong = await distance(weights[rule], keys, values);
        found[rule].push([t, Number((await read(wrong))[0])]);
        release(wrong);
      }
      const [k, v] = detached(() => [slice(keys, t % 2), slice(values, t % 2)] as const);
      const next = await write(weights.plain, weights.delta, k, v, eta);
      release(weights, k, v);
      weights = next;
    }
    release(weights, keys, values, eta);
    return [
      {
        title: "Two associations, written in turn",
        x: "writes",
        y: "mean distance of the answers from the values",
        curves: [
          { name: "gradient descent", points: found.plain },
          { name: "delta gradient descent", points: found.delta },
        ],
        range: [0, 3],
      },
    ];
  },
};
