/** The fast forms of the papers' rules in float64, against the token-by-token oracles: no rounding hides a wrong term. */
import { it } from "vitest";
import { mapTree, readSync, release, scope, type Tensor, type Tree, tensor } from "../../../src/array/index.ts";
import {
  gatesFromValues,
  type MemoryState,
  memoryChunk,
  type ReadMode,
  type StepGuard,
} from "../../../src/titans/index.ts";
import {
  architectureOf,
  randomCells,
  rounded,
  stateTensors,
  type TokenTensors,
  tokenTensors,
} from "../../titans/memory-cases.ts";
import { expectRecurrence, recurrence } from "../../titans/memory-runs.ts";
import { describeNative, nativeEngine } from "./support.ts";

const exact = await nativeEngine({ precision: "float64" });

const cases: readonly {
  depth: number;
  readMode: ReadMode;
  stepGuard: Exclude<StepGuard, "curvature">;
  norm: boolean;
}[] = [
  { depth: 1, readMode: "after", stepGuard: "off", norm: false },
  { depth: 2, readMode: "after", stepGuard: "off", norm: true },
  { depth: 2, readMode: "before", stepGuard: "key", norm: false },
  { depth: 3, readMode: "after", stepGuard: "key", norm: false },
  { depth: 2, readMode: "start", stepGuard: "tangent", norm: false },
  { depth: 2, readMode: "end", stepGuard: "off", norm: true },
];

describeNative("in float64 on the native engine", () => {
  it.each(cases)("Titans Eq. 13-16, 18: memoryChunk equals the recurrence to 1e-9: %o", async (options) => {
    const { depth, norm, ...run } = options;
    const architecture = architectureOf({ depth, norm });
    const length = 7;
    // Gates that float32 holds exactly, so that both sides start from the same numbers.
    const cells = randomCells(61, architecture, length).map((row) =>
      row.map((cell) => ({ ...cell, sequence: rounded(cell.sequence) })),
    );
    const program = exact.compile("chunk", (state: MemoryState, tokens: Omit<TokenTensors, "logits">) => {
      const { keys, values, queries, forget, momentum, stepSize } = tokens;
      const gates = gatesFromValues(forget, momentum, stepSize);
      const result = memoryChunk(architecture, state, { keys, values, queries }, gates, run);
      return { outputs: result.outputs, state: result.state as unknown as Tree };
    });
    const { logits, ...tokens } = scope(() => tokenTensors(cells));
    const state = stateTensors(cells);
    const result = await program(state, tokens);
    const { outputs, state: next } = mapTree(result as Tree, (x) =>
      tensor(Float64Array.from(readSync(x)), x.shape),
    ) as unknown as { outputs: Tensor; state: MemoryState };
    expectRecurrence({ outputs, state: next }, recurrence(architecture, cells, length, run), 1e-9);
    release(logits, tokens, state, result, outputs, next);
  });
});
