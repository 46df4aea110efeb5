/** Models over vectors meet the layer contract: causal, cut anywhere, masked, batched, without leaks. */
import { np, type Tensor, type Tree } from "../../src/array/index.ts";
import type { SequenceLayer } from "../../src/common/index.ts";
import { SequenceClassifier, SequenceForecaster } from "../../src/models/index.ts";
import { layerContract } from "./contract.ts";

const chunk = 4;
const shared = {
  architecture: "titans-lmm",
  dim: 8,
  layers: 1,
  heads: 2,
  memory: { chunkSize: chunk, normalizeValues: true },
} as const;
/** Two dozen layers of operations, some of which divide by norms: twice the chain of a mixer alone. */
const tolerance = 1e-5;
const common = { tokens: 11, grid: { chunk, segment: 2 * chunk }, tolerance };

/** A forecaster whose outputs are [batch, tokens, horizon * channels], as the contract compares them. */
function flattened(model: SequenceForecaster): SequenceLayer<Tree, Tree> {
  return {
    init: (key) => model.init(key),
    initialState: (params, batch) => model.initialState(params as never, batch) as Tree,
    step(params, state, x, options) {
      const [y, next] = model.step(params as never, state as never, x, options);
      return [np.reshape(y, [x.shape[0]!, x.shape[1]!, -1]) as Tensor, next as Tree];
    },
  };
}

layerContract("classifier", {
  layer: new SequenceClassifier({ ...shared, features: 3, classes: 3 }),
  dim: 3,
  ...common,
});

layerContract("forecaster that normalises by its context", {
  layer: flattened(new SequenceForecaster({ ...shared, channels: 3, horizon: 1, instanceNorm: true })),
  dim: 3,
  ...common,
});
