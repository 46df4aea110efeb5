/** Outer gradients through the engine's chunks, against differences, in float64. */
import { it } from "vitest";
import { np, type Tensor } from "../../src/array/index.ts";
import { type AssociativeMemoryConfig, associativeMemory, table1 } from "../../src/miras/index.ts";
import { describeNative } from "../array/native/support.ts";
import { type Matrix, randomSource } from "../oracles/index.ts";
import { algorithms, biases, l2Retentions, mappedRetentions, matrix } from "./engine-cases.ts";
import { inChunks, randomGate, randomTokens } from "./engine-runs.ts";
import { expectDerivatives } from "./exact.ts";

const [dim, hidden, length] = [3, 4, 8];
const random = randomSource(901);
const tokens = randomTokens(902, length, dim);
const network: Matrix[] = [random.normalMatrix(hidden, dim, 0.7), random.normalMatrix(dim, hidden, 0.6)];
const single: Matrix[] = [random.normalMatrix(dim, dim, 0.6)];
const channels = { retain: randomGate(903, length, dim, 0.8, 0.98), stepSize: randomGate(904, length, dim, 0.02, 0.2) };
const scalars = { retain: randomGate(905, length, 1, 0.8, 0.98), stepSize: randomGate(906, length, 1, 0.1, 0.8) };
const threshold = randomGate(907, length, 1, 0.5, 1.5);
const norm = [random.uniformVector(dim, 0.8, 1.2), random.normalVector(dim, 0.1)];

function modelOf(name: "moneta" | "yaad" | "memora"): AssociativeMemoryConfig {
  const { architecture, ...choices } = table1[name].settings(1);
  return { ...choices, architecture: { ...architecture, expansion: hidden / dim } as never, dim };
}

/** Gates are given as such; the memory takes logarithms. */
interface Case {
  readonly config: AssociativeMemoryConfig;
  readonly layers: Matrix[];
  readonly gates: typeof channels;
  readonly chunk: number;
}

const cases: Record<string, Case> = {
  "moneta, chunks of 4": { config: modelOf("moneta"), layers: network, gates: channels, chunk: 4 },
  "moneta, token by token": { config: modelOf("moneta"), layers: network, gates: channels, chunk: 1 },
  "yaad, chunks of 4": { config: modelOf("yaad"), layers: network, gates: channels, chunk: 4 },
  "memora, chunks of 4": { config: modelOf("memora"), layers: network, gates: channels, chunk: 4 },
  "gated delta rule on value channels, chunks of 4": {
    config: {
      architecture: matrix,
      bias: biases["l2 half"],
      retention: l2Retentions.decayed,
      algorithm: algorithms.token,
      dim,
    },
    layers: single,
    gates: { retain: channels.retain, stepSize: scalars.stepSize },
    chunk: 4,
  },
  "elastic net, chunks of 4": {
    config: {
      architecture: matrix,
      bias: biases["l2 half"],
      retention: mappedRetentions["elastic net"],
      algorithm: algorithms.chunk,
      dim,
    },
    layers: single,
    gates: scalars,
    chunk: 4,
  },
};

describeNative("outer gradients through eight tokens, in float64", () => {
  it.each(Object.entries(cases))(
    "%s: of the first weights, keys, values, queries and every gate they are those of differences",
    async (_, { config, layers, gates, chunk }) => {
      const memory = associativeMemory(config);
      const isNetwork = layers.length > 1;
      const f = (...args: Tensor[]) => {
        const [keys, values, queries, retain, stepSize, delta, scale, shift, ...parameters] = args as [
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          Tensor,
          ...Tensor[],
        ];
        const { outputs, state } = inChunks(
          memory,
          {
            state: memory.start(parameters),
            tokens: { keys, values, queries },
            gates: { logRetain: np.log(retain), stepSize, threshold: delta },
            ...(isNetwork ? { norm: { scale, shift } } : {}),
          },
          chunk,
        );
        const all = [outputs, ...state.layers].map((x) => np.reshape(x, [-1]));
        // So that every argument counts, and thresholds where there is no bias that has one.
        const unused = np.add(np.sum(delta), np.add(np.sum(scale), np.sum(shift)));
        return np.concatenate([...all, np.expandDims(unused, 0)], 0);
      };
      await expectDerivatives(
        f,
        [
          tokens.keys,
          tokens.values,
          tokens.queries,
          gates.retain,
          gates.stepSize,
          threshold,
          norm[0]!,
          norm[1]!,
          ...layers,
        ],
        1e-7,
        undefined,
        // The norm's small deviation and the steep tanh bend much.
        2e-5,
      );
    },
  );
});
