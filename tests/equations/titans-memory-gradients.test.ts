import { describe, it } from "vitest";
import { grad, jit, np, scope, type Tensor, type Tree, tensor } from "../../src/array/index.ts";
import type { MemoryArchitecture } from "../../src/common/index.ts";
import { gatesFromLogits, type MemoryState, memoryChunk } from "../../src/titans/index.ts";
import { toNumbers } from "../common/tensors.ts";
import * as oracle from "../oracles/index.ts";
import {
  architectureOf,
  type GateRanges,
  gatesOf,
  type MemoryCell,
  memoryNumbers,
  networkOf,
  randomCell,
  sliceTokens,
  stateTensors,
  type TokenTensors,
  tokenTensors,
  weightsOf,
} from "../titans/memory-cases.ts";
import type { OracleGuard } from "../titans/memory-runs.ts";
import { expectSampledGradient } from "../titans/sampled-gradient.ts";

/** A full chunk of four and an open one: gradients cross a boundary, where the gradient point moves. */
const [tokens, chunk] = [6, 4];

/** Steps so large that the guard holds most of them back. */
const guardedGates: GateRanges = { forget: [0.01, 0.1], momentum: [0.3, 0.7], stepSize: [0.4, 0.9] };

interface Case {
  readonly name: string;
  readonly architecture: MemoryArchitecture;
  readonly stepGuard?: OracleGuard;
  readonly gates?: GateRanges;
  readonly empty?: readonly number[];
}

const cases: Case[] = [
  { name: "depth 1", architecture: architectureOf({ depth: 1 }) },
  { name: "depth 2, gelu, with empty slots", architecture: architectureOf({ activation: "gelu" }), empty: [1, 4] },
  { name: "depth 3 with residual and norm", architecture: architectureOf({ depth: 3, residual: true, norm: true }) },
  { name: "depth 4", architecture: architectureOf({ depth: 4, hiddenDim: 5 }) },
  {
    name: "depth 1 through the key guard",
    architecture: architectureOf({ depth: 1 }),
    stepGuard: "key",
    gates: guardedGates,
  },
  {
    name: "depth 2 through the tangent guard",
    architecture: architectureOf(),
    stepGuard: "tangent",
    gates: guardedGates,
  },
];

/** Random weights of everything that comes out: a scalar that depends on every output and on the final state. */
function randomReadout(architecture: MemoryArchitecture, cell: MemoryCell) {
  const random = oracle.randomSource(83);
  const like = <T>(tree: T) => oracle.unflatten(random.normalVector(oracle.flatten(tree).length), tree);
  const outputs = random.normalMatrix(tokens, architecture.dim);
  const [weights, momentum] = [like(cell.weights), like(cell.momentum)];
  return { outputs, weights, momentum };
}

type Readout = ReturnType<typeof randomReadout>;

/** What the gradient is taken with respect to; gates are the sigmoids of the logits. */
interface Subject {
  readonly keys: oracle.Matrix;
  readonly values: oracle.Matrix;
  readonly queries: oracle.Matrix;
  readonly logits: MemoryCell["logits"];
  readonly weights: oracle.MemoryWeights;
  readonly momentum: oracle.MemoryWeights;
}

function oracleScalar({ architecture, stepGuard }: Case, mask: boolean[] | undefined, readout: Readout) {
  return ({ keys, values, queries, logits, weights, momentum }: Subject): number => {
    const sequence = { keys, values, queries, ...gatesOf(logits), ...(mask ? { mask } : {}) };
    const { outputs, state } = oracle.titansRecurrence(sequence, oracle.initialMemoryState(weights, momentum), {
      network: networkOf(architecture),
      kappa: 1,
      chunk,
      read: "after",
      ...(stepGuard && stepGuard !== "off" ? { guard: stepGuard === "key" ? "keys" : "tangent" } : {}),
    });
    const product = (a: unknown, b: unknown) => oracle.dot(oracle.flatten(a), oracle.flatten(b));
    // An empty slot's output means nothing.
    const kept = (rows: oracle.Matrix) => rows.filter((_, t) => mask?.[t] ?? true);
    return (
      product(kept(outputs), kept(readout.outputs)) +
      product(state.weights, readout.weights) +
      product(state.momentum, readout.momentum)
    );
  };
}

function libraryScalar({ architecture, stepGuard = "off" }: Case, mask: boolean[] | undefined, readout: Readout) {
  const outputWeights = readout.outputs.map((row, t) => row.map((value) => ((mask?.[t] ?? true) ? value : 0)));
  const product = (x: Tensor, weights: unknown) => np.sum(np.multiply(x, tensor(oracle.flatten(weights), x.shape)));
  const memoryProduct = (memory: Tree, weights: oracle.MemoryWeights) => {
    const numbers = memoryNumbers(weights);
    const { layers, norm } = memory as unknown as MemoryState["memory"];
    const terms = layers.map((matrix, l) => product(matrix, numbers.layers[l]));
    if (norm && weights.norm)
      terms.push(product(norm.scale, weights.norm.gamma), product(norm.shift, weights.norm.beta));
    return terms.reduce((sum, term) => np.add(sum, term));
  };
  return ({ state, given }: { state: MemoryState; given: TokenTensors }): Tensor => {
    const outputs: Tensor[] = [];
    let now = state;
    for (let start = 0; start < tokens; start += chunk) {
      const { keys, values, queries, logits, mask } = sliceTokens(given, start, Math.min(start + chunk, tokens));
      const options = { stepGuard, ...(mask ? { mask } : {}) };
      const result = memoryChunk(architecture, now, { keys, values, queries }, gatesFromLogits(logits, 1), options);
      outputs.push(result.outputs);
      now = result.state;
    }
    const read = product(np.concatenate(outputs, 0), outputWeights);
    return np.add(
      read,
      np.add(memoryProduct(now.memory, readout.weights), memoryProduct(now.surprise, readout.momentum)),
    );
  };
}

describe("outer gradients of the chunk", () => {
  for (const subject of cases) {
    it(`Titans Eq. 13-16, 18: memoryChunk has the outer gradients of the recurrence, by finite differences: ${subject.name}`, () => {
      scope(() => {
        const { architecture, gates, empty } = subject;
        const cell = randomCell(82, architecture, tokens, gates);
        const mask = empty && cell.sequence.keys.map((_, t) => !empty.includes(t));
        const readout = randomReadout(architecture, cell);
        const { keys, values, queries } = cell.sequence;
        const { logits, weights, momentum } = cell;
        const at: Subject = { keys, values, queries, logits, weights, momentum };
        const masked = mask ? { ...cell, sequence: { ...cell.sequence, mask } } : cell;
        const gradient = jit(grad(libraryScalar(subject, mask, readout)));
        const { state, given } = gradient({ state: stateTensors(masked), given: tokenTensors(masked) });
        const actual = {
          keys: toNumbers(given.keys),
          values: toNumbers(given.values),
          queries: toNumbers(given.queries),
          logits: toNumbers(given.logits),
          weights: weightsOf(toNumbers(state.memory)),
          momentum: weightsOf(toNumbers(state.surprise)),
        };
        // Float32 forward and backward through two chunks, relative to the largest entry of each tensor: worst seen 4e-6, with an output norm.
        expectSampledGradient(actual, oracleScalar(subject, mask, readout), at, 3e-5, 4);
      });
    });
  }
});
