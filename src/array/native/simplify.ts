/** What an elementwise operation reduces to when it changes nothing, undoes another, or spells out a known function. */
import { type ElementType, sizeOf, type View } from "./graph.ts";
import { logisticCases } from "./logistic.ts";
import type { MapOperation } from "./map-operations.ts";
import { argumentOf, argumentsOf, isFloat, type MapBuilder, negated, sameView, uniformValue } from "./patterns.ts";
import { commonShape } from "./views.ts";

type Rule = (graph: MapBuilder, views: readonly View[], type: ElementType) => View | undefined;

/** The simpler equivalent, if there is one; it may have to be broadcast. */
export function simplified(
  graph: MapBuilder,
  operation: MapOperation,
  views: readonly View[],
  type: ElementType,
): View | undefined {
  const rule = (isFloat(type) ? floatRules[operation] : undefined) ?? rules[operation];
  return rule?.(graph, views, type);
}

const rules: Partial<Record<MapOperation, Rule>> = {
  Mul: (_, [x, y]) => (uniformValue(x!) === 1 ? y : uniformValue(y!) === 1 ? x : undefined),
  Where: (graph, [condition, x, y], type) => {
    const chosen = uniformValue(condition!);
    if (chosen !== undefined) return chosen !== 0 ? x : y;
    if (sameView(x!, y!)) return x;
    const opposite = argumentOf(condition, "Not");
    return opposite && graph.map("Where", [opposite, y!, x!], type);
  },
  Cast: (_, [x], type) => (x!.node.type === type ? x : undefined),
  Less: (graph, [x, y]) => {
    const [bound, limit] = [boundOf(x!, "Max"), uniformValue(y!)];
    return bound !== undefined && limit !== undefined && bound >= limit ? graph.scalar(0, "bool") : undefined;
  },
};

/** A sign moves outwards, since it often meets an addition, which takes it for nothing. */
const floatRules: Partial<Record<MapOperation, Rule>> = {
  Add: (graph, [x, y], type) => {
    if (uniformValue(x!) === 0) return y;
    if (uniformValue(y!) === 0) return x;
    if (sameView(x!, y!)) return graph.map("Mul", [x!, graph.scalar(2, type)], type);
    const [minusX, minusY] = [negated(x!), negated(y!)];
    if (minusX !== undefined && minusY !== undefined) return minus(graph, graph.map("Add", [minusX, minusY], type));
    if (minusY !== undefined) return graph.map("Sub", [x!, minusY], type);
    if (minusX !== undefined) return graph.map("Sub", [y!, minusX], type);
    return (
      addedTwice(graph, "Add", x!, y!, type) ??
      addedTwice(graph, "Add", y!, x!, type) ??
      mergedChoices(graph, "Add", x!, y!, type)
    );
  },
  Sub: (graph, [x, y], type) => {
    if (uniformValue(y!) === 0) return x;
    if (uniformValue(x!) === 0) return minus(graph, y!);
    const opposite = uniformValue(x!) === 1 ? argumentOf(argumentOf(y, "Cast"), "Not") : undefined;
    if (opposite !== undefined) return graph.map("Cast", [opposite], type);
    const reversed = graph.existing("Sub", [y!, x!], type);
    if (reversed !== undefined) return minus(graph, reversed);
    return addedTwice(graph, "Sub", x!, y!, type) ?? mergedChoices(graph, "Sub", x!, y!, type);
  },
  Mul: (graph, [x, y], type) => multiplied(graph, x!, y!, type) ?? multiplied(graph, y!, x!, type),
  Div: (graph, [x, y], type) => {
    if (uniformValue(y!) === 1) return x;
    const [minusX, minusY] = [negated(x!), negated(y!)];
    if (minusX !== undefined) return minus(graph, graph.map("Div", [minusX, y!], type));
    return minusY && minus(graph, graph.map("Div", [x!, minusY], type));
  },
  Neg: (_, [x]) => negated(x!),
  Max: (_, [x, y]) => ((boundOf(x!, "Max") ?? Number.NaN) >= (uniformValue(y!) ?? Number.NaN) ? x : undefined),
  Min: (_, [x, y]) => ((boundOf(x!, "Min") ?? Number.NaN) <= (uniformValue(y!) ?? Number.NaN) ? x : undefined),
  Reciprocal: (graph, [x], type) => {
    const minusX = negated(x!);
    if (minusX !== undefined) return minus(graph, graph.map("Reciprocal", [minusX], type));
    return argumentOf(x!, "Reciprocal");
  },
  Abs: (graph, [x], type) => {
    const minusX = negated(x!);
    return minusX && graph.map("Abs", [minusX], type);
  },
  Where: (graph, views, type) => {
    const [condition, x, y] = views as [View, View, View];
    const simpler =
      rules.Where!(graph, views, type) ??
      absolute(graph, condition, x, y, type) ??
      choiceOfNumbers(graph, condition, x, y, type);
    if (simpler !== undefined) return simpler;
    const outer = chosenOnce(graph, condition, x, y, type);
    if (outer !== undefined) return outer;
    const logistic = uniformValue(x) === 0 ? logisticCases(graph, condition, y, type) : undefined;
    if (logistic !== undefined) return logistic;
    const [minusX, minusY] = [x, y].map((view) => (uniformValue(view) === 0 ? view : negated(view)));
    if (minusX === undefined || minusY === undefined || (minusX === x && minusY === y)) return undefined;
    return minus(graph, graph.map("Where", [condition, minusX, minusY], type));
  },
};

/** The number below (or above) which a view never is, if it has been clamped to one. */
function boundOf(view: View, operation: "Max" | "Min"): number | undefined {
  const bound = argumentsOf(view, operation)?.[1];
  return bound && uniformValue(bound);
}

/** A product, as far as its first factor makes it simpler. */
function multiplied(graph: MapBuilder, x: View, y: View, type: ElementType): View | undefined {
  const factor = uniformValue(x);
  if (factor === 1) return y;
  if (factor === -1) return minus(graph, y);
  const minusX = negated(x);
  if (minusX !== undefined) return minus(graph, graph.map("Mul", [minusX, y], type));
  const inverse = argumentOf(x, "Reciprocal");
  if (inverse !== undefined && spans(inverse, [x, y])) return graph.map("Div", [y, inverse], type);
  return factor === undefined ? undefined : rescaled(graph, y, factor, type);
}

/** A multiple of what is a multiple already, or a product one factor of which is smaller. */
function rescaled(graph: MapBuilder, view: View, factor: number, type: ElementType): View | undefined {
  const scaled = scaledBy(view);
  if (scaled !== undefined) return graph.map("Mul", [scaled.base, graph.scalar(factor * scaled.factor, type)], type);
  const [x, y] = argumentsOf(view, "Mul") ?? [];
  if (x === undefined || y === undefined) return undefined;
  const [larger, smaller] = sizeOf(x.node.shape) < sizeOf(y.node.shape) ? [y, x] : [x, y];
  if (sizeOf(smaller.node.shape) === sizeOf(view.node.shape)) return undefined;
  return graph.map("Mul", [larger, graph.map("Mul", [smaller, graph.scalar(factor, type)], type)], type);
}

/** What a view is a multiple of, and the number by which it is multiplied. */
export function scaledBy(view: View): { readonly base: View; readonly factor: number } | undefined {
  const operands = isFloat(view.node.type) ? argumentsOf(view, "Mul") : undefined;
  const constant = operands?.find((operand) => uniformValue(operand) !== undefined);
  if (operands === undefined || constant === undefined) return undefined;
  return { base: operands.find((operand) => operand !== constant)!, factor: uniformValue(constant)! };
}

/** `(a + b) + b` as `a + 2 b`, and `(a - b) - b`: the multiple is often one of something smaller. */
function addedTwice(
  graph: MapBuilder,
  operation: "Add" | "Sub",
  x: View,
  y: View,
  type: ElementType,
): View | undefined {
  const [a, b] = argumentsOf(x, operation) ?? [];
  if (a === undefined || b === undefined || !sameView(b, y)) return undefined;
  return graph.map(operation, [a, graph.map("Mul", [y, graph.scalar(2, type)], type)], type);
}

/** `where(c, x, 0) + where(c, 0, y)` and the like: one choice instead of two. */
function mergedChoices(
  graph: MapBuilder,
  operation: "Add" | "Sub",
  x: View,
  y: View,
  type: ElementType,
): View | undefined {
  const [first, second] = [argumentsOf(x, "Where"), argumentsOf(y, "Where")];
  if (first === undefined || second === undefined || !sameView(first[0]!, second[0]!)) return undefined;
  const parts = [1, 2].map((i) => [first[i]!, second[i]!] as const);
  if (!parts.every((part) => part.some((view) => uniformValue(view) === 0))) return undefined;
  const merged = parts.map((part) => graph.map(operation, part, type));
  return graph.map("Where", [first[0]!, ...merged], type);
}

/** `where(c, 0, a * where(c, 0, b))` as `where(c, 0, a * b)`. */
function chosenOnce(graph: MapBuilder, condition: View, x: View, y: View, type: ElementType): View | undefined {
  const zeroWhen = uniformValue(x) === 0;
  if (!zeroWhen && uniformValue(y) !== 0) return undefined;
  const bare = withoutChoice(graph, zeroWhen ? y : x, condition, zeroWhen, type);
  return bare && graph.map("Where", zeroWhen ? [condition, x, bare] : [condition, bare, y], type);
}

/** A product whose factor is 0 in one case of a condition, without that case. */
function withoutChoice(
  graph: MapBuilder,
  view: View,
  condition: View,
  zeroWhen: boolean,
  type: ElementType,
): View | undefined {
  const [test, yes, no] = argumentsOf(view, "Where") ?? [];
  if (test !== undefined) {
    const isSame = sameView(test, condition) && uniformValue((zeroWhen ? yes : no)!) === 0;
    return isSame ? (zeroWhen ? no : yes) : undefined;
  }
  const factors = argumentsOf(view, "Mul") ?? [];
  for (const [i, factor] of factors.entries()) {
    const bare = withoutChoice(graph, factor, condition, zeroWhen, type);
    if (bare !== undefined) return graph.map("Mul", [factors[1 - i]!, bare], type);
  }
  return undefined;
}

/** `where(c, a, b)` of two numbers as `c (a - b) + b`, where that is exact: onnxruntime is slow at choosing between numbers. */
function choiceOfNumbers(graph: MapBuilder, condition: View, x: View, y: View, type: ElementType): View | undefined {
  const [a, b] = [uniformValue(x), uniformValue(y)];
  if (a === undefined || b === undefined) return undefined;
  const round = type === "float32" ? Math.fround : Number;
  if (!Number.isFinite(a - b) || round(round(a - b) + b) !== a) return undefined;
  const chosen = graph.map("Mul", [graph.map("Cast", [condition], type), graph.scalar(a - b, type)], type);
  return graph.map("Add", [chosen, y], type);
}

/** `where(y < 0, -y, y)`. */
function absolute(graph: MapBuilder, condition: View, x: View, y: View, type: ElementType): View | undefined {
  const [compared, zero] = argumentsOf(condition, "Less") ?? [];
  if (compared === undefined || uniformValue(zero!) !== 0 || !sameView(compared, y)) return undefined;
  return areOpposite(x, y) ? graph.map("Abs", [y], type) : undefined;
}

/** @internal The negative of a view. */
export function minus(graph: MapBuilder, view: View): View {
  return graph.map("Neg", [view], view.node.type);
}

function areOpposite(x: View, y: View): boolean {
  const [minusX, minusY] = [negated(x), negated(y)];
  if (minusX !== undefined) return sameView(minusX, y);
  if (minusY !== undefined) return sameView(minusY, x);
  const [a, b] = [argumentsOf(x, "Sub"), argumentsOf(y, "Sub")];
  return a !== undefined && b !== undefined && sameView(a[0]!, b[1]!) && sameView(a[1]!, b[0]!);
}

/** Whether a view has as many elements of its own as the views have together: then dividing costs no more than multiplying. */
function spans(view: View, views: readonly View[]): boolean {
  return sizeOf(view.node.shape) === sizeOf(commonShape(views.map((v) => v.shape)));
}
