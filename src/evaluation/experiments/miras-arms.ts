/** The models that experiments on MIRAS compare. */
import type { RunLayer } from "../../training/index.ts";

/** A model by the name of its arm; `model` goes over the sizes of an experiment. */
export interface MirasArm {
  readonly name: string;
  readonly label: string;
  readonly model: RunLayer;
}

/** By default they write with steps of at most 0.02 to 0.1, too small to learn recall in a few hundred short training steps; 1 is the bound of the other rows. */
const miras = { maxStepSize: 1 };

/** The three models that MIRAS proposes. */
export const proposed: readonly MirasArm[] = [
  { name: "moneta", label: "Moneta", model: { architecture: "moneta", miras } },
  { name: "yaad", label: "Yaad", model: { architecture: "yaad", miras } },
  { name: "memora", label: "Memora", model: { architecture: "memora", miras } },
];

/** Rows of Table 1 that they are compared with: two of the delta rule, two of decay alone. */
export const rivals: readonly MirasArm[] = [
  { name: "deltanet", label: "DeltaNet", model: { architecture: "miras:deltanet" } },
  { name: "gated-deltanet", label: "Gated DeltaNet", model: { architecture: "miras:gated-deltanet" } },
  { name: "retnet", label: "RetNet", model: { architecture: "miras:retnet" } },
  { name: "mamba2", label: "Mamba-2", model: { architecture: "miras:mamba2" } },
];

/** Some of them, by name, in their order. */
export function namedArms(arms: readonly MirasArm[], names: readonly string[]): readonly MirasArm[] {
  return arms.filter(({ name }) => names.includes(name));
}
