/** The three architectures and the memory alone, in float32 against their oracles. */
import { describe, it } from "vitest";
import { jit, scope, type Tree } from "../../src/array/index.ts";
import { toNumbers, toTensor } from "../common/tensors.ts";
import { architectureOracle, fromStart } from "../titans/architecture-cases.ts";
import {
  type ArchitectureCase,
  aloneCases,
  contextCases,
  expectArchitecture,
  gateCases,
  layerCases,
  sequencesOf,
} from "../titans/architecture-runs.ts";
import { maskTensor, noisyParams } from "../titans/layer-cases.ts";

/** Float32 through projections, attention, up to six chunks of memory and the gate, relative to the largest number. */
const tolerance = 3e-5;

function equalsItsOracle(subject: ArchitectureCase): void {
  scope(() => {
    const { layer, masks } = subject;
    const params = noisyParams<Tree>(layer, 82);
    const sequences = sequencesOf(subject);
    const slots = masks && {
      mask: maskTensor(masks.map(({ valid }) => valid!)),
      storeMask: maskTensor(masks.map(({ store }) => store!)),
    };
    const actual = jit(fromStart(layer))(params, toTensor(sequences), slots ?? {});
    const numbers = toNumbers(params);
    const expected = sequences.map((x, row) => architectureOracle(layer, numbers, x, masks?.[row]));
    expectArchitecture(actual, expected, masks, tolerance);
  });
}

describe("against the oracles", () => {
  for (const subject of contextCases) {
    it(`Titans Eq. 21-25: MemoryAsContext equals the oracle's: ${subject.name}`, () => equalsItsOracle(subject));
  }
  for (const subject of gateCases) {
    it(`Titans Eq. 26-28: MemoryAsGate equals the oracle's: ${subject.name}`, () => equalsItsOracle(subject));
  }
  for (const subject of layerCases) {
    it(`Titans Eq. 29-31: MemoryAsLayer equals the oracle's: ${subject.name}`, () => equalsItsOracle(subject));
  }
  for (const subject of aloneCases) {
    it(`Titans Eq. 29-30: LongTermMemory equals the oracle's: ${subject.name}`, () => equalsItsOracle(subject));
  }
});
