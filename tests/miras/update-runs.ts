/** A matrix memory over some tokens, its update written in tensors or in plain numbers, and the outer gradients of both. */
import { grad, np, slice, type Tensor, type Tree } from "../../src/array/index.ts";
import type { ThresholdedWrite } from "../../src/miras/index.ts";
import type { NumberTree } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import { inFloat64, wideTree } from "./float64.ts";
import type { PlainBias } from "./plain-biases.ts";

/** A start and what it is given, tokens as rows. */
export type Run = {
  readonly memory: oracle.Matrix;
  readonly keys: oracle.Matrix;
  readonly values: oracle.Matrix;
  readonly queries: oracle.Matrix;
  /** One a token, or one a channel. */
  readonly stepSize: oracle.Matrix;
  readonly threshold: oracle.Matrix;
};

/** Five tokens of odd sizes; step sizes a channel, one threshold a token; residuals small enough that their cubes do not diverge. */
export function randomRun(seed: number): Run {
  const random = oracle.randomSource(seed);
  const [tokens, inputs, outputs] = [5, 4, 3];
  return {
    memory: random.normalMatrix(outputs, inputs, 0.3),
    keys: Array.from({ length: tokens }, () => random.unitVector(inputs)),
    values: random.normalMatrix(tokens, outputs, 0.7),
    queries: random.normalMatrix(tokens, inputs, 0.7),
    stepSize: Array.from({ length: tokens }, () => random.uniformVector(outputs, 0.05, 0.2)),
    threshold: Array.from({ length: tokens }, () => [random.uniform() + 0.5]),
  };
}

/** The same with a threshold for every channel. */
export function withChannelThresholds(seed: number, run: Run): Run {
  const random = oracle.randomSource(seed);
  return { ...run, threshold: run.values.map((row) => random.uniformVector(row.length, 0.3, 0.9)) };
}

/** A number in which every token's read counts: the sum of squares of what W_t gives for q_t, each after its write. */
function plainRun(bias: PlainBias, { memory, keys, values, queries, stepSize, threshold }: Run): number {
  let total = 0;
  let now = memory;
  keys.forEach((key, t) => {
    const error = bias.error(oracle.subtract(oracle.matVec(now, key), values[t]!), threshold[t]!);
    const write = oracle.outer(oracle.hadamard(oracle.scale(-1, stepSize[t]!), error), key);
    now = oracle.addMatrix(now, write);
    const y = oracle.matVec(now, queries[t]!);
    total += oracle.dot(y, y);
  });
  return total;
}

/** Its gradients with respect to everything in the run, by finite differences. */
export function plainGradients(bias: PlainBias, run: Run): NumberTree {
  const options = { step: 2e-4, richardson: true };
  return oracle.centralGradientTree((numbers: Run) => plainRun(bias, numbers), run, options) as unknown as NumberTree;
}

type TensorRun = { readonly [name in keyof Run]: Tensor };

function tensorRun(update: (memory: Tensor, write: ThresholdedWrite) => Tensor, run: TensorRun): Tensor {
  const { memory, keys, values, queries, stepSize, threshold } = run;
  // Gates that an update does not use have a gradient too: zero.
  let total = np.multiply(np.sum(threshold), 0);
  let now = memory;
  for (let t = 0; t < keys.shape[0]!; t++) {
    const at = (x: Tensor) => slice(x, t);
    now = update(now, { key: at(keys), value: at(values), stepSize: at(stepSize), threshold: at(threshold) });
    total = np.add(total, np.sum(np.square(np.matmul(now, at(queries)))));
  }
  return total;
}

/** The same by automatic differentiation of the tensors' update, in float64. */
export async function outerGradients(
  update: (memory: Tensor, write: ThresholdedWrite) => Tensor,
  run: Run,
): Promise<NumberTree> {
  const gradients = grad((tensors: TensorRun & Tree) => tensorRun(update, tensors));
  return inFloat64(gradients as unknown as (tensors: Tree) => Tree, wideTree(run) as unknown as Tree);
}
