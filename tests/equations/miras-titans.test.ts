/** The engine set to the row Titans-LMM against the library's own Titans, which is written without it. */
import { expect, it } from "vitest";
import { grad, mapTree, np, slice, type Tensor, type Tree } from "../../src/array/index.ts";
import { type ArchitectureChoice, type AssociativeMemory, associativeMemory, table1 } from "../../src/miras/index.ts";
import { memoryChunk } from "../../src/titans/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, type NumberTree, randomMatrix } from "../common/tensors.ts";
import {
  constantGate,
  type EngineRun,
  ofRun,
  type RunTensors,
  randomGate,
  randomTokens,
} from "../miras/engine-runs.ts";
import { flatten, type Matrix, randomSource } from "../oracles/index.ts";

const [dim, length] = [4, 8];
const tolerance = 1e-9;

/** Everything that the two are functions of. */
type Inputs = Pick<RunTensors, "state" | "tokens" | "gates">;

function runOf(depth: number): EngineRun {
  const hidden = 2 * dim;
  const widths = [dim, ...Array<number>(depth - 1).fill(hidden), dim];
  const layersOf = (seed: number, deviation: number): Matrix[] => {
    const random = randomSource(seed);
    return widths.slice(1).map((out, l) => random.normalMatrix(out, widths[l]!, deviation));
  };
  const { architecture, ...choices } = table1["titans-lmm"].settings(1);
  return {
    config: { ...choices, architecture: { ...architecture, depth } as ArchitectureChoice, dim },
    layers: layersOf(701, 0.6),
    steps: layersOf(702, 0.1),
    tokens: randomTokens(703, length, dim),
    gates: {
      retain: randomGate(704, length, 1, 0.8, 0.99),
      stepSize: randomGate(705, length, 1, 0.02, 0.2),
      momentum: randomGate(706, length, 1, 0.2, 0.8),
    },
  };
}

const cut = (from: number, to: number) => (x: Tensor) => slice(x, [from, to]);

interface Ran {
  readonly outputs: Tensor;
  readonly layers: readonly Tensor[];
  readonly steps: readonly Tensor[];
}

function byEngine(memory: AssociativeMemory, { state, tokens, gates }: Inputs, size: number): Ran {
  let now = state;
  const outputs: Tensor[] = [];
  for (let from = 0; from < length; from += size) {
    const part = cut(from, Math.min(from + size, length));
    const result = memory.chunk(now, mapTree({ ...tokens }, part), mapTree({ ...gates }, part));
    outputs.push(result.outputs);
    now = result.state;
  }
  return { outputs: np.concatenate(outputs, 0), layers: now.layers, steps: now.steps! };
}

function byTitans({ choices }: AssociativeMemory, { state, tokens, gates }: Inputs, size: number): Ran {
  let now: Parameters<typeof memoryChunk>[1] = { memory: { layers: state.layers }, surprise: { layers: state.steps! } };
  const perToken = mapTree(
    { logRetain: gates.logRetain, logMomentum: gates.logMomentum!, stepSize: gates.stepSize },
    (gate) => np.squeeze(gate, -1),
  );
  const outputs: Tensor[] = [];
  for (let from = 0; from < length; from += size) {
    const part = cut(from, Math.min(from + size, length));
    const inputs = mapTree({ keys: tokens.keys, values: tokens.values, queries: tokens.queries }, part);
    const result = memoryChunk(choices.architecture, now, inputs, mapTree(perToken, part), { stepGuard: "off" });
    outputs.push(result.outputs);
    now = result.state;
  }
  return { outputs: np.concatenate(outputs, 0), layers: now.memory.layers, steps: now.surprise.layers };
}

/** A fixed random combination of all that a run gives. */
function readout({ outputs, layers, steps }: Ran): Tensor {
  return [outputs, ...layers, ...steps]
    .map((x, i) => {
      const [rows, columns] = x.shape as [number, number];
      return np.sum(np.multiply(x, np.array(randomMatrix(710 + i, rows, columns), { dtype: x.dtype })));
    })
    .reduce((total, x) => np.add(total, x));
}

describeNative("the row Titans-LMM, in float64", () => {
  for (const depth of [1, 2]) {
    for (const size of [1, 3, 4]) {
      it(`MIRAS Eq. 28 and Titans Eq. 13-16, 18: associativeChunk is memoryChunk at depth ${depth} in chunks of ${size}: outputs, states and outer gradients`, async () => {
        const run = runOf(depth);
        const memory = associativeMemory(run.config);
        const result = await ofRun<Record<"values" | "gradients", NumberTree[]>>(run, ({ state, tokens, gates }) => {
          const inputs = { state, tokens, gates };
          const gradientOf = (f: (given: Inputs) => Ran) =>
            grad((given: Tree) => readout(f(given as unknown as Inputs)))(inputs as unknown as Tree);
          const [engine, titans] = [(x: Inputs) => byEngine(memory, x, size), (x: Inputs) => byTitans(memory, x, size)];
          return { values: [engine(inputs), titans(inputs)], gradients: [gradientOf(engine), gradientOf(titans)] };
        });
        const { values, gradients } = result;
        expectClose(values[0]!, values[1]!, tolerance);
        const largest = Math.max(...flatten(gradients[1]).map(Math.abs));
        expect(largest).toBeGreaterThan(0.1);
        expectClose(gradients[0]!, gradients[1]!, tolerance);
        // Of every argument some derivative is not zero: weights, steps, tokens, gates.
        for (const part of leavesOf(gradients[0]!)) expect(part.some((x) => Math.abs(x) > 1e-6)).toBe(true);
      });
    }
  }

  it("is another memory without its momentum, and with another step's", async () => {
    const run = runOf(2);
    const memory = associativeMemory(run.config);
    const outputs = (changes: Partial<EngineRun>) =>
      ofRun<Matrix>({ ...run, ...changes }, (given) => byEngine(memory, given, 4).outputs);
    const expected = await ofRun<Matrix>(run, (given) => byTitans(memory, given, 4).outputs);
    const zeros = run.layers.map((layer) => layer.map((row) => row.map(() => 0)));
    for (const other of [
      await outputs({ steps: zeros }),
      await outputs({ gates: { ...run.gates, momentum: constantGate(length, 1e-9) } }),
    ])
      expect(flatten(other).some((x, i) => Math.abs(x - flatten(expected)[i]!) > 1e-3)).toBe(true);
  });
});

/** The numbers of each tensor of a tree, of matrices. */
function leavesOf(tree: NumberTree): number[][] {
  if (Array.isArray(tree) && Array.isArray(tree[0]) && typeof tree[0][0] === "number") return [flatten(tree)];
  if (Array.isArray(tree)) return tree.flatMap(leavesOf);
  return typeof tree === "number" ? [[tree]] : Object.values(tree).flatMap(leavesOf);
}
