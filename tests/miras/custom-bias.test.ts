/** The engine with an attentional bias that is not one of its own: log-cosh, given as functions. */
import { expect, it } from "vitest";
import { grad, nn, np, type Tensor } from "../../src/array/index.ts";
import {
  type AttentionalBias,
  associativeMemory,
  biasError,
  MirasMemory,
  plainSettings,
} from "../../src/miras/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import type { Matrix, Vector } from "../oracles/index.ts";
import { dim, runWith } from "./engine-cases.ts";
import { bothForms } from "./engine-runs.ts";
import { distance, exactly, expectDerivatives } from "./exact.ts";

const lossOnly: AttentionalBias = {
  name: "log-cosh",
  thresholded: false,
  loss(prediction, value) {
    const r = np.abs(np.subtract(prediction, value));
    return np.sum(np.subtract(np.add(r, nn.softplus(np.multiply(r, -2))), Math.LN2), -1);
  },
};
const logCosh: AttentionalBias = {
  ...lossOnly,
  outputError: (prediction, value) => np.tanh(np.subtract(prediction, value)),
};

/** The token rule of a matrix memory in plain numbers: what it answers to each query after the token was written. */
function plainAnswers({ layers, tokens, gates }: ReturnType<typeof runWith>): Matrix {
  let w = layers[0]!;
  const apply = (x: Vector) => w.map((row) => row.reduce((sum, entry, j) => sum + entry * x[j]!, 0));
  return tokens.queries.map((query, t) => {
    const [key, value] = [tokens.keys[t]!, tokens.values[t]!];
    const errors = apply(key).map((answer, i) => Math.tanh(answer - value[i]!));
    w = w.map((row, i) =>
      row.map((entry, j) => gates.retain[t]![0]! * entry - gates.stepSize[t]![0]! * errors[i]! * key[j]!),
    );
    return apply(query);
  });
}

describeNative("a bias of one's own", () => {
  const run = runWith({ bias: logCosh });

  it("writes token by token as its loss's derivative says, and alike in chunks", async () => {
    const { chunked, plain } = await bothForms(run, [1, 3]);
    expect(distance(plain[0]!.outputs, plainAnswers(run))).toBeLessThan(1e-12);
    chunked.forEach((result, i) => {
      expect(distance(result.outputs, plain[i]!.outputs)).toBeLessThan(1e-12);
    });
  });

  it("is differentiated automatically where it has no derivative of its own", async () => {
    const [own, automatic] = await Promise.all([bothForms(run, [3]), bothForms(runWith({ bias: lossOnly }), [3])]);
    expect(distance(automatic.chunked[0]!.outputs, own.chunked[0]!.outputs)).toBeLessThan(1e-10);
  });

  it("has the derivative of its loss, and outer gradients pass it", async () => {
    const prediction = [[0.3, -1.2, 4]];
    const value = [[0.1, 0.4, -0.5]];
    const loss = (at: Tensor, v: Tensor) => np.sum(logCosh.loss(at, v));
    const derivative = await exactly((at, v) => grad((x: Tensor) => loss(x, v))(at), prediction, value);
    expect(distance(derivative, [prediction[0]!.map((x, i) => Math.tanh(x - value[0]![i]!))])).toBeLessThan(1e-12);
    await expectDerivatives((at, v) => biasError(logCosh, at, v), [prediction, value]);
  });
});

it("makes a layer, and what only fits the engine's own biases is refused with the reason", () => {
  const settings = { ...plainSettings, bias: logCosh, dim: 4, heads: 1, headDim: dim };
  expect(new MirasMemory(settings).writing.objective).toBe("log-cosh bias of its answers");
  const algorithm = { kind: "gradientDescent", gradientPoint: "token" } as const;
  const config = { ...runWith({ bias: logCosh }).config, algorithm };
  expect(() => associativeMemory(config)).toThrow(ConfigError);
  expect(() => associativeMemory(config)).toThrow(/the log-cosh bias/);
});
