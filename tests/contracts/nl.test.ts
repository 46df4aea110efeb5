/** Self-modifying Titans with other options than by default under the layer contract; the registry runs the default. */
import type { Tensor } from "../../src/array/index.ts";
import {
  type SelfModifyingInput,
  type SelfModifyingParams,
  type SelfModifyingState,
  SelfModifyingTitans,
} from "../../src/nl/index.ts";
import { layerContract } from "./contract.ts";

function subjectOf(config: Partial<SelfModifyingInput>) {
  const layer = new SelfModifyingTitans({ dim: 8, heads: 2, chunkSize: 4, projectionChunkSize: 4, ...config });
  return {
    layer,
    dim: 8,
    // Two chunks, the second one open.
    tokens: 7,
    grid: { chunk: 4, segment: 4 },
    stepWithLosses: (
      params: SelfModifyingParams,
      state: SelfModifyingState,
      x: Tensor,
    ): [Tensor, SelfModifyingState, Tensor] => {
      const [y, next, { lossBefore }] = layer.diagnose(params, state, x);
      return [y, next, lossBefore];
    },
  };
}

layerContract(
  "self-modifying Titans of matrices with adaptive queries, momentum, two chunk sizes and a running read",
  subjectOf({ memory: "matrix", adaptiveQuery: true, momentum: 0.5, projectionChunkSize: 2, readState: "running" }),
);
