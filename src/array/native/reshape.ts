/** Reshapes, of which only those that merge or split axes of a node remain: all others are views. */
import { type ReshapeNode, range, type View } from "./graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { negated } from "./patterns.ts";
import { minus } from "./simplify.ts";
import { over } from "./views.ts";

/** Adjacent axes that become adjacent axes with as many elements; axes of length 1 belong to no group. */
interface Group {
  readonly from: number[];
  readonly to: number[];
}

/**
 * The same elements, in the same order, in another shape.
 *
 * Axes are divided into the smallest groups that keep their number of elements. A group of one axis that becomes one, or of repeated axes
 * only, stays a view.
 */
export function reshape(graph: GraphBuilder, view: View, shape: readonly number[]): View {
  const groups = groupAxes(view.shape, shape);
  const isRepeated = ({ from }: Group) => from.every((p) => view.axes[p] === null);
  const isSame = ({ from, to }: Group) => from.length === 1 && to.length === 1;
  const axes = shape.map(() => null as number | null);
  if (groups.every((group) => isRepeated(group) || isSame(group))) {
    for (const { from, to } of groups) if (from.length === 1 && to.length === 1) axes[to[0]!] = view.axes[from[0]!]!;
    return { node: view.node, shape, axes };
  }
  const minusView = negated(view);
  if (minusView !== undefined) return minus(graph, reshape(graph, minusView, shape));
  const moved = groups.filter((group) => !isRepeated(group));
  const iterated = moved.flatMap(({ from }) => from).sort((a, b) => a - b);
  const results = moved.flatMap(({ to }) => to).sort((a, b) => a - b);
  const node = graph.intern<ReshapeNode>({
    kind: "reshape",
    operand: over(view, iterated),
    sizes: iterated.map((p) => view.shape[p]!),
    groups: moved.map(({ from, to }) => ({
      from: from.map((p) => iterated.indexOf(p)),
      to: to.map((p) => results.indexOf(p)),
    })),
    shape: results.map((p) => shape[p]!),
    type: view.node.type,
  });
  for (const [axis, p] of results.entries()) axes[p] = axis;
  return { node, shape, axes };
}

function groupAxes(before: readonly number[], after: readonly number[]): Group[] {
  const from = range(before.length).filter((p) => before[p] !== 1);
  const to = range(after.length).filter((p) => after[p] !== 1);
  const groups: Group[] = [];
  while (from.length > 0 && to.length > 0) {
    const group: Group = { from: [from.shift()!], to: [to.shift()!] };
    let [left, right] = [before[group.from[0]!]!, after[group.to[0]!]!];
    while (left !== right) {
      if (left < right) {
        group.from.push(from.shift()!);
        left *= before[group.from.at(-1)!]!;
      } else {
        group.to.push(to.shift()!);
        right *= after[group.to.at(-1)!]!;
      }
    }
    groups.push(group);
  }
  return groups;
}
