/**
 * The logistic function without its two cases.
 *
 * The array library needs them because the derivative of $1/(1+e^{-x})$ as it writes it is infinity times zero for very negative x. Written with the
 * function's own value it is finite everywhere, and half of the passes over memory go.
 */
import type { ElementType, View } from "./graph.ts";
import { argumentOf, argumentsOf, type MapBuilder, sameView, uniformValue } from "./patterns.ts";

/** Below this the function is less than any sum can tell from 0. */
const leastCut = -80;

/**
 * `where(x < c, 0, s)` as the function itself, and `where(x < c, 0, w ds/dx)` as its derivative times w, where s is the function of `max(x, c)`.
 *
 * $$s = \frac{1}{1+e^{-x}}, \qquad \frac{ds}{dx} = s\,(1-s)$$
 */
export function logisticCases(graph: MapBuilder, condition: View, value: View, type: ElementType): View | undefined {
  const [x, cut] = argumentsOf(condition, "Less") ?? [];
  const least = cut && uniformValue(cut);
  if (x === undefined || least === undefined || least > leastCut) return undefined;
  const isOfCut = (exponential: View) => {
    const clamped = argumentOf(argumentOf(exponential, "Exp"), "Neg");
    const [y, bound] = (clamped && argumentsOf(clamped, "Max")) ?? [];
    return y !== undefined && sameView(y, x) && uniformValue(bound!) === least;
  };
  const denominator = argumentOf(value, "Reciprocal");
  if (denominator !== undefined) return isOnePlus(denominator, isOfCut) ? logistic(graph, x, type) : undefined;
  const factor = derivativeFactor(value, isOfCut);
  if (factor === undefined) return undefined;
  const s = logistic(graph, x, type);
  const slope = graph.map("Mul", [s, graph.map("Sub", [graph.scalar(1, type), s], type)], type);
  return graph.map("Mul", [factor, slope], type);
}

function logistic(graph: MapBuilder, x: View, type: ElementType): View {
  const exponential = graph.map("Exp", [graph.map("Neg", [x], type)], type);
  return graph.map("Reciprocal", [graph.map("Add", [exponential, graph.scalar(1, type)], type)], type);
}

/** What is multiplied by $e / (1+e)^2$, if a view is such a product. */
function derivativeFactor(view: View, isExponential: (view: View) => boolean): View | undefined {
  for (const [exponential, product] of bothWays(view, "Mul")) {
    if (!isExponential(exponential)) continue;
    for (const [square, factor] of bothWays(product, "Mul"))
      if (isSquaredReciprocal(square, isExponential)) return factor;
  }
  return undefined;
}

/** Whether a view is $1 / (1+e)^2$. */
function isSquaredReciprocal(view: View, isExponential: (view: View) => boolean): boolean {
  const [inverse, denominator] = argumentsOf(view, "Div") ?? [];
  if (inverse === undefined || !isOnePlus(denominator!, isExponential)) return false;
  const inverted = argumentOf(inverse, "Reciprocal");
  return inverted !== undefined && sameView(inverted, denominator!);
}

function isOnePlus(view: View, isTerm: (view: View) => boolean): boolean {
  return bothWays(view, "Add").some(([term, one]) => isTerm(term) && uniformValue(one) === 1);
}

function bothWays(view: View, operation: "Add" | "Mul"): readonly (readonly [View, View])[] {
  const [x, y] = argumentsOf(view, operation) ?? [];
  return x === undefined
    ? []
    : [
        [x, y!],
        [y!, x],
      ];
}
