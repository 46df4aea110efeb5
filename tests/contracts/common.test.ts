import { causalConvolutionLayer, linearAttentionLayer, windowAttentionLayer } from "../../src/common/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import {
  causalConvolution,
  type Matrix,
  matrixMemory,
  multiHeadAttention,
  normalisedLinearAttention,
  perHead,
  project,
  rotateHeads,
  slidingWindowMask,
} from "../oracles/index.ts";
import { layerContract } from "./contract.ts";

interface AttentionNumbers {
  query: Matrix;
  key: Matrix;
  value: Matrix;
  output: Matrix;
}

const heads = 3;

function windowAttentionOracle(window: number) {
  return (params: NumberTree, x: Matrix): Matrix => {
    const { query, key, value, output } = params as unknown as AttentionNumbers;
    const positions = x.map((_, t) => t);
    const attended = multiHeadAttention(
      heads,
      rotateHeads(heads, project(x, query), positions),
      rotateHeads(heads, project(x, key), positions),
      project(x, value),
      slidingWindowMask(window),
    );
    return project(attended, output);
  };
}

function linearAttentionOracle(head: (queries: Matrix, keys: Matrix, values: Matrix) => Matrix) {
  return (params: NumberTree, x: Matrix): Matrix => {
    const { query, key, value, output } = params as unknown as AttentionNumbers;
    return project(perHead(heads, project(x, query), project(x, key), project(x, value), head), output);
  };
}

layerContract("window attention", {
  layer: windowAttentionLayer({ dim: 18, heads, window: 5 }),
  dim: 18,
  oracle: windowAttentionOracle(5),
});

layerContract("window attention with a window longer than the sequence", {
  layer: windowAttentionLayer({ dim: 6, heads, window: 16 }),
  dim: 6,
  tokens: 7,
  oracle: windowAttentionOracle(16),
});

layerContract("window attention on a grid", {
  layer: windowAttentionLayer({ dim: 6, heads, window: 3 }),
  dim: 6,
  grid: { chunk: 4, segment: 8 },
  oracle: windowAttentionOracle(3),
});

layerContract("normalised linear attention", {
  layer: linearAttentionLayer({ dim: 15, heads, featureMap: "elu-plus-one", normalized: true }),
  dim: 15,
  oracle: linearAttentionOracle(normalisedLinearAttention),
});

layerContract("unnormalised linear attention", {
  layer: linearAttentionLayer({ dim: 15, heads, featureMap: "identity", normalized: false }),
  dim: 15,
  oracle: linearAttentionOracle((queries, keys, values) => matrixMemory(queries, keys, values).outputs),
});

layerContract("causal convolution", {
  layer: causalConvolutionLayer({ dim: 5, kernel: 4 }),
  dim: 5,
  oracle: (params, x) => causalConvolution(x, (params as { taps: Matrix }).taps).outputs,
});
