/** Gather and scatter as nodes, without the axes along which there is nothing to choose. */
import { type ElementType, type GatherNode, range, type ScatterNode, type View } from "./graph.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { broadcastTogether, reduce } from "./structure.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";
import { over } from "./views.ts";

/**
 * Elements of the data at integer positions along some axes.
 *
 * @param indices one view of integers for each of `axes`; they broadcast together
 * @param place where the indices' axes stand among the data's other axes in the result
 */
export function gather(
  graph: GraphBuilder,
  data: View,
  indices: readonly View[],
  axes: readonly number[],
  place: number,
): View {
  const wide = broadcastTogether(indices);
  const indexShape = wide[0]!.shape;
  const others = range(data.shape.length).filter((p) => !axes.includes(p));
  const shape = others.map((p) => data.shape[p]!).toSpliced(place, 0, ...indexShape);
  // Along an axis that repeats one element every position gives the same.
  const chosen = range(axes.length).filter((i) => data.axes[axes[i]!] !== null);
  const real = range(indexShape.length).filter((p) => chosen.some((i) => wide[i]!.axes[p] !== null));
  const source = (p: number) => {
    const position = p < place ? p : p - indexShape.length;
    if (p >= place && p < place + indexShape.length)
      return real.includes(p - place) ? { index: real.indexOf(p - place) } : null;
    const axis = data.axes[others[position]!]!;
    return axis === null ? null : { data: axis };
  };
  const sources = range(shape.length).map(source);
  if (chosen.length === 0) {
    return { node: data.node, shape, axes: sources.map((s) => (s !== null && "data" in s ? s.data : null)) };
  }
  const from = sources.filter((s) => s !== null);
  const node = graph.intern<GatherNode>({
    kind: "gather",
    data: data.node,
    indices: chosen.map((i) => over(wide[i]!, real)),
    indexSizes: real.map((p) => indexShape[p]!),
    axes: chosen.map((i) => data.axes[axes[i]!]!),
    from,
    shape: sources.flatMap((s, p) => (s === null ? [] : shape[p]!)),
    type: data.node.type,
  });
  let next = 0;
  return { node, shape, axes: sources.map((s) => (s === null ? null : next++)) };
}

/**
 * Zeros of a shape, with updates added (or written) at integer positions along some axes.
 *
 * @param place where the indices' axes stand among the updates' axes
 * @param add whether updates for the same element are summed; otherwise one of them wins
 */
export function scatter(
  graph: GraphBuilder,
  updates: View,
  indices: readonly View[],
  shape: readonly number[],
  axes: readonly number[],
  place: number,
  add: boolean,
  type: ElementType,
): View {
  const wide = broadcastTogether(indices);
  const indexRank = wide[0]!.shape.length;
  const inUpdates = range(indexRank).map((i) => place + i);
  // A position along an axis of length 1 can only be 0.
  const chosen = range(axes.length).filter((i) => shape[axes[i]!] !== 1);
  if (chosen.length === 0) {
    if (!add) throw new UnsupportedPrimitive("scatter", "it writes several updates to an axis of length 1");
    return withAxesAt(reduce(graph, "Add", updates, inUpdates), shape, axes);
  }
  const others = range(shape.length).filter((p) => !axes.includes(p) && shape[p] !== 1);
  const otherUpdates = range(updates.shape.length).filter((p) => !inUpdates.includes(p) && updates.shape[p] !== 1);
  const iterated = inUpdates.filter((p) => updates.shape[p] !== 1);
  const real = shape.flatMap((n, p) => (n === 1 ? [] : p));
  const node = graph.intern<ScatterNode>({
    kind: "scatter",
    updates: over(updates, [...iterated, ...otherUpdates]),
    indices: chosen.map((i) =>
      over(
        wide[i]!,
        iterated.map((p) => p - place),
      ),
    ),
    sizes: [...iterated.map((p) => updates.shape[p]!), ...others.map((p) => shape[p]!)],
    indexRank: iterated.length,
    axes: chosen.map((i) => real.indexOf(axes[i]!)),
    add,
    shape: real.map((p) => shape[p]!),
    type,
  });
  let next = 0;
  return { node, shape, axes: shape.map((n) => (n === 1 ? null : next++)) };
}

/** A view with axes of length 1 at the given positions of a shape. */
function withAxesAt(view: View, shape: readonly number[], added: readonly number[]): View {
  let next = 0;
  return { node: view.node, shape, axes: shape.map((_, p) => (added.includes(p) ? null : view.axes[next++]!)) };
}
