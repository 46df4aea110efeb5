/** A step with its gradient cut in parts: what all steps share, the way there, and the way back. */
import { liveNodes, type Node, operandsOf, type View } from "./graph.ts";

/** How an input changes from step to step: not at all, by being carried there or back, or because each step has one of its own. */
export type InputRole = "shared" | "carried there" | "carried back" | "own";

/** Nodes in topological order. */
export interface Stages {
  /** What is the same in all steps. */
  readonly shared: readonly Node[];
  /** What the step's own results need. */
  readonly there: readonly Node[];
  /** What else their gradients need. */
  readonly back: readonly Node[];
  /** What the way back reads of the way there. */
  readonly kept: readonly Node[];
}

/** Cuts behind what the step's own results need and nothing else, so that the way there costs no more than without a way back. */
export function cut(
  results: readonly View[],
  gradients: readonly View[],
  roleOf: (input: number) => InputRole,
): Stages {
  const all = liveNodes([...results, ...gradients]);
  const varying = new Set<Node>();
  for (const node of all) {
    const varies =
      node.kind === "input" ? roleOf(node.index) !== "shared" : operandsOf(node).some((it) => varying.has(it));
    if (varies) varying.add(node);
  }
  const isCarriedThere = (node: Node) => node.kind === "input" && roleOf(node.index) === "carried there";
  const needed = new Set(liveNodes(results));
  const there = all.filter((node) => varying.has(node) && (needed.has(node) || isCarriedThere(node)));
  const made = new Set(there.filter((node) => node.kind !== "input" || isCarriedThere(node)));
  const back = liveNodes(gradients).filter((node) => varying.has(node) && !made.has(node));
  const read = new Set([...back.flatMap(operandsOf), ...gradients.map((view) => view.node)]);
  return {
    shared: all.filter((node) => !varying.has(node)),
    there,
    back,
    kept: there.filter((node) => made.has(node) && read.has(node)),
  };
}
