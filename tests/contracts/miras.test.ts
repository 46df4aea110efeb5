/** The MIRAS layer under the layer contract, as the models that differ most in how they compute. */
import { expect, it } from "vitest";
import {
  grad,
  key,
  leaves,
  mapTree,
  np,
  readSync,
  release,
  scope,
  slice,
  type Tensor,
  type Tree,
  tensor,
} from "../../src/array/index.ts";
import {
  MirasMemory,
  type MirasMemoryParams,
  type MirasMemoryState,
  type TableRowName,
  tableRow,
} from "../../src/miras/index.ts";
import { describeNative, nativeEngine } from "../array/native/support.ts";
import { distance, randomBlock, sizeOf } from "./blocks.ts";
import { type ContractSubject, layerContract } from "./contract.ts";

const [dim, heads, headDim] = [8, 2, 4];

type Changes = Partial<ContractSubject<MirasMemoryParams, MirasMemoryState>>;

function layerOf(name: TableRowName): MirasMemory {
  return new MirasMemory({ ...tableRow(name).settings!(heads), dim, heads, headDim, chunkSize: 4 });
}

/** A step with a number from its diagnostics in place of its losses. */
function stepWith(layer: MirasMemory, name: "lossBefore" | "memoryNorm") {
  return (params: MirasMemoryParams, state: MirasMemoryState, x: Tensor): [Tensor, MirasMemoryState, Tensor] => {
    const [y, next, diagnostics] = layer.diagnose(params, state, x);
    return [y, next, diagnostics[name]];
  };
}

/** The dot product has no smallest loss, so what must not grow is the memory; it starts empty. */
const hebbian = (name: TableRowName): Changes => ({
  stepWithLosses: stepWith(layerOf(name), "memoryNorm"),
  longRun: { settled: 256 },
});

const subjects = {
  // The sum starts with norm one and fades until writes keep it up; its weights are large where it is small. By then the loss has risen by a tenth.
  moneta: { longRun: { sequences: 8, settled: 1024 } },
  // Two forms of the same gradient are each 2e-4 from float64, where they are one (below): the norm in the memory divides by a small deviation.
  yaad: { gradientTolerance: 4e-4 },
  // Likewise, 9e-6 each.
  memora: { gradientTolerance: 2e-5 },
  "gated-deltanet": {},
  gla: hebbian("gla"),
  hgrn2: hebbian("hgrn2"),
  rwkv7: {},
  // Steps of up to twice the residual make single losses vary more than elsewhere: the mean over one sequence by some 5 %.
  deltaproduct: { longRun: { sequences: 8 } },
  mesa: {},
  "titans-lmm": {},
} satisfies Partial<Record<TableRowName, Changes>>;

for (const [name, changes] of Object.entries(subjects) as [keyof typeof subjects, Changes][]) {
  const layer = layerOf(name);
  layerContract(`MIRAS layer as ${name}`, {
    layer,
    dim,
    // Two chunks, the second one open.
    tokens: 7,
    grid: { chunk: 4, segment: 4 },
    stepWithLosses: stepWith(layer, "lossBefore"),
    ...changes,
  });
}

describeNative("gradients of the MIRAS layer in float64", () => {
  for (const name of ["yaad", "memora"] as const) {
    it(`${name}: those through a cut are those of one call`, async () => {
      const engine = await nativeEngine({ precision: "float64" });
      const layer = layerOf(name);
      const wide = (x: Tensor) => tensor(Float64Array.from(readSync(x)), x.shape);
      const [first, second, weights] = [2, 3, 6].map((seed) => {
        const { data, shape } = randomBlock(seed, 2, 4, dim);
        return tensor(Float64Array.from(data), shape);
      }) as [Tensor, Tensor, Tensor];
      const gradients = (params: MirasMemoryParams, u: Tensor, v: Tensor, w: Tensor) => {
        const start = (p: MirasMemoryParams) => layer.initialState(p, 2);
        const cut = (p: MirasMemoryParams) => layer.step(p, layer.step(p, start(p), u)[1], v)[0];
        const whole = (p: MirasMemoryParams) =>
          slice(layer.step(p, start(p), np.concatenate([u, v], 1))[0], [], [4, 8]);
        return [cut, whole].map((f) => grad((p: MirasMemoryParams) => np.sum(np.multiply(f(p), w)))(params)) as Tree;
      };
      const params = scope(() => mapTree(layer.init(key(7)), wide));
      const program = engine.compile("gradients", gradients as (...args: never[]) => Tree);
      const result = (await program(...([params, first, second, weights] as never[]))) as [Tree, Tree];
      const [cut, whole] = result.map((tree) => leaves(tree).flatMap((leaf) => [...readSync(leaf)])) as [
        number[],
        number[],
      ];
      expect(distance(cut, whole)).toBeLessThan(1e-12 * sizeOf(whole));
      release(result, params, first, second, weights);
    });
  }
});
