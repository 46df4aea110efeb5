/** Architectures that stand for all of them where a test takes seconds for each; the contract tests run every one. */
import { type ArchitectureName, architectureNames, isMirasArchitecture } from "../../src/models/index.ts";

/** Every architecture that is not a row of MIRAS's table. */
export const titansArchitectures = architectureNames.filter((name) => !isMirasArchitecture(name));

/** Titans and the transformer, the three models of MIRAS, and rows whose chunks are computed in each other form. */
export const representatives: readonly ArchitectureName[] = [
  ...titansArchitectures,
  "moneta",
  "yaad",
  "memora",
  "miras:gla",
  "miras:deltaproduct",
  "miras:rwkv7",
  "miras:mesa",
];
