/** The tensor graph: simplifications change no number, and what should be one node is one. */
import { describe, expect, it } from "vitest";
import { type Node, range, sizeOf, type View } from "../../../src/array/native/graph.ts";
import { GraphBuilder } from "../../../src/array/native/graph-builder.ts";
import type { MapOperation } from "../../../src/array/native/map-operations.ts";
import { scalarForm } from "../../../src/array/native/map-operations.ts";
import { reshape } from "../../../src/array/native/reshape.ts";
import { concatenate, pad, reduce, slice } from "../../../src/array/native/structure.ts";
import { generator } from "./support.ts";

const shape = [2, 3];

/** The numbers that a view of elementwise nodes shows, given those of the inputs. */
function evaluate(view: View, inputs: readonly number[][]): number[] {
  const known = new Map<Node, number[]>();
  const at = (
    numbers: readonly number[],
    lengths: readonly number[],
    axes: readonly (number | null)[],
    index: readonly number[],
  ) => {
    let offset = 0;
    for (const [axis, length] of lengths.entries()) offset = offset * length + index[axes.indexOf(axis)]!;
    return numbers[offset]!;
  };
  const positions = (lengths: readonly number[]) =>
    range(sizeOf(lengths)).map((i) => lengths.map((n, p) => Math.floor(i / sizeOf(lengths.slice(p + 1))) % n));
  const of = (node: Node): number[] => {
    const done = known.get(node);
    if (done !== undefined) return done;
    let numbers: number[];
    if (node.kind === "input") numbers = inputs[node.index]!;
    else if (node.kind === "constant") numbers = [...node.numbers];
    else if (node.kind === "map") {
      const f = scalarForm(node.operation)!;
      const operands = node.operands.map((operand) => ({ ...operand, numbers: of(operand.node) }));
      numbers = positions(node.shape).map((index) => {
        const x = operands.map((operand) => at(operand.numbers, operand.node.shape, operand.axes, index));
        return node.type === "bool" ? Number(f(...x)) : f(...x);
      });
    } else throw new TypeError(`${node.kind} is not elementwise`);
    known.set(node, numbers);
    return numbers;
  };
  const numbers = of(view.node);
  return positions(view.shape).map((index) => at(numbers, view.node.shape, view.axes, index));
}

const floats: readonly MapOperation[] = ["Add", "Sub", "Mul", "Div", "Neg", "Abs", "Exp", "Reciprocal", "Where"];

/** An expression of random operations, each made by `make`. */
function expression(graph: GraphBuilder, seed: number, make: "map" | "exactMap"): View {
  const next = generator(seed);
  const below = (n: number) => Math.min(n - 1, Math.floor(((next() + 1) / 2) * n));
  const scalar = (x: number) => graph.scalar(x, "float64");
  const pool = [graph.input(0, shape, "float64"), graph.input(1, [3], "float64"), ...[0, 1, -1, 2].map(scalar)];
  const pick = () => pool[below(2) === 0 ? pool.length - 1 : below(pool.length)]!;
  for (let i = 0; i < 9; i++) {
    const operation = floats[below(floats.length)]!;
    const less = () => graph[make]("Less", [pick(), pick()], "bool");
    const views = ["Add", "Sub", "Mul", "Div"].includes(operation)
      ? [pick(), pick()]
      : operation === "Where"
        ? [less(), pick(), pick()]
        : [pick()];
    const result = graph[make](operation, views, "float64");
    // Exponentials of exponentials say nothing.
    pool.push(operation === "Exp" ? graph[make]("Div", [result, scalar(50)], "float64") : result);
  }
  return graph[make]("Add", [pool.at(-1)!, graph[make]("Mul", [pool.at(-2)!, pool.at(-3)!], "float64")], "float64");
}

describe("simplification", () => {
  it("changes no number of 2,000 random expressions", () => {
    const next = generator(5);
    const inputs = [range(6).map(next), range(3).map(next)];
    for (const seed of range(2000)) {
      const plain = evaluate(expression(new GraphBuilder(), seed, "exactMap"), inputs);
      const actual = evaluate(expression(new GraphBuilder(), seed, "map"), inputs);
      for (const [i, x] of plain.entries()) {
        // What simplifies to a number is shown as one.
        const y = actual.length === plain.length ? actual[i]! : actual[0]!;
        // Infinities and what comes of them depend on the order of operations.
        if (!Number.isFinite(x) || !Number.isFinite(y) || Math.abs(x) > 1e6) continue;
        expect(Math.abs(y - x), `seed ${seed}`).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(x)));
      }
    }
  });

  const graph = new GraphBuilder();
  const [x, y] = [graph.input(0, shape, "float32"), graph.input(1, shape, "float32")];
  const row = graph.input(2, [3], "float32");
  const scalar = (value: number) => graph.scalar(value, "float32");
  const map = (operation: MapOperation, ...views: View[]) => graph.map(operation, views, "float32");
  const negative = (view: View) => map("Neg", view);
  const less = graph.map("Less", [x, scalar(0)], "bool");

  it.each<[string, View, View]>([
    ["x + 0", map("Add", x, scalar(0)), x],
    ["x * 1", map("Mul", scalar(1), x), x],
    ["x + y and y + x", map("Add", x, y), map("Add", y, x)],
    ["x + -y", map("Add", x, negative(y)), map("Sub", x, y)],
    ["-x + -y", map("Add", negative(x), negative(y)), negative(map("Add", x, y))],
    ["-(-x)", negative(negative(x)), x],
    ["x * -1", map("Mul", x, scalar(-1)), negative(x)],
    ["-x * y", map("Mul", negative(x), y), negative(map("Mul", x, y))],
    ["-x * -y", map("Mul", negative(x), negative(y)), map("Mul", x, y)],
    ["-x / y", map("Div", negative(x), y), negative(map("Div", x, y))],
    ["x / -y", map("Div", x, negative(y)), negative(map("Div", x, y))],
    ["x * (1 / y)", map("Mul", x, map("Reciprocal", y)), map("Div", x, y)],
    ["(x * 2) * 3", map("Mul", map("Mul", x, scalar(2)), scalar(3)), map("Mul", x, scalar(6))],
    ["(x + y) + y", map("Add", map("Add", x, y), y), map("Add", x, map("Mul", y, scalar(2)))],
    ["(x - y) - y", map("Sub", map("Sub", x, y), y), map("Sub", x, map("Mul", y, scalar(2)))],
    ["2 * (x * row)", map("Mul", map("Mul", x, row), scalar(2)), map("Mul", x, map("Mul", row, scalar(2)))],
    ["x + x", map("Add", x, x), map("Mul", x, scalar(2))],
    ["where(x < 0, -x, x)", map("Where", less, negative(x), x), map("Abs", x)],
    ["abs(-x)", map("Abs", negative(x)), map("Abs", x)],
    [
      "where(c, x, 0) + where(c, 0, y)",
      map("Add", map("Where", less, x, scalar(0)), map("Where", less, scalar(0), y)),
      map("Where", less, x, y),
    ],
    [
      "where(c, x, 0) - where(c, 0, y)",
      map("Sub", map("Where", less, x, scalar(0)), map("Where", less, scalar(0), y)),
      map("Where", less, x, negative(y)),
    ],
    [
      "where(c, 0, y * where(c, 0, x))",
      map("Where", less, scalar(0), map("Mul", y, map("Where", less, scalar(0), x))),
      map("Where", less, scalar(0), map("Mul", y, x)),
    ],
    [
      "where(c, y * where(c, x, 0), 0)",
      map("Where", less, map("Mul", y, map("Where", less, x, scalar(0))), scalar(0)),
      map("Where", less, map("Mul", y, x), scalar(0)),
    ],
    ["where(c, -x, 0)", map("Where", less, negative(x), scalar(0)), negative(map("Where", less, x, scalar(0)))],
    ["where(c, 1, 0)", map("Where", less, scalar(1), scalar(0)), map("Cast", less)],
    ["where(not c, x, y)", map("Where", graph.map("Not", [less], "bool"), x, y), map("Where", less, y, x)],
    ["1 - (not c)", map("Sub", scalar(1), map("Cast", graph.map("Not", [less], "bool"))), map("Cast", less)],
    ["max(max(x, 2), 1)", map("Max", map("Max", x, scalar(2)), scalar(1)), map("Max", x, scalar(2))],
    ["min(min(x, 1), 2)", map("Min", map("Min", x, scalar(1)), scalar(2)), map("Min", x, scalar(1))],
    [
      "where(max(x, 2) < 2, y, x)",
      map("Where", graph.map("Less", [map("Max", x, scalar(2)), scalar(2)], "bool"), y, x),
      x,
    ],
    ["2 + 3", map("Add", scalar(2), scalar(3)), scalar(5)],
    ["sum(-x)", reduce(graph, "Add", negative(x), [1]), negative(reduce(graph, "Add", x, [1]))],
    [
      "the slice of -x",
      slice(graph, negative(x), [
        { start: 0, end: 1, step: 1 },
        { start: 0, end: 3, step: 1 },
      ]),
      negative(
        slice(graph, x, [
          { start: 0, end: 1, step: 1 },
          { start: 0, end: 3, step: 1 },
        ]),
      ),
    ],
    ["a reshape and back", reshape(graph, reshape(graph, x, [1, 2, 3]), shape), x],
    [
      "the padding of -x",
      pad(graph, negative(x), [
        [1, 0],
        [0, 0],
      ]),
      negative(
        pad(graph, x, [
          [1, 0],
          [0, 0],
        ]),
      ),
    ],
    ["one part", concatenate(graph, [x], 0, "float32"), x],
  ])("%s", (_, actual, expected) => {
    expect(actual.node).toBe(expected.node);
    expect(actual.axes).toEqual(expected.axes);
  });

  it("keeps a choice inside the other case of the same choice", () => {
    const inner = map("Where", less, x, scalar(0));
    const outer = map("Where", less, scalar(0), map("Mul", y, inner));
    expect((outer.node as { operands: readonly { node: unknown }[] }).operands[2]!.node).toBe(
      map("Mul", y, inner).node,
    );
  });

  it("keeps a bound that a later one exceeds", () => {
    const clamped = map("Max", x, scalar(1));
    expect(map("Max", clamped, scalar(2)).node).not.toBe(clamped.node);
    expect(graph.map("Less", [clamped, scalar(2)], "bool").node.kind).toBe("map");
  });

  it("keeps the two cases of a function that is not the logistic one below its bound", () => {
    const bounded = (cut: number, one: number) => {
      const isBelow = graph.map("Less", [x, scalar(cut)], "bool");
      const exponential = map("Exp", negative(map("Max", x, scalar(cut))));
      return map("Where", isBelow, scalar(0), map("Reciprocal", map("Add", exponential, scalar(one))));
    };
    expect((bounded(-88, 1).node as { operation?: string }).operation).toBe("Reciprocal");
    expect((bounded(-8, 1).node as { operation?: string }).operation).toBe("Where");
    expect((bounded(-88, 2).node as { operation?: string }).operation).toBe("Where");
  });

  it("does not merge choices that overlap", () => {
    const [a, b] = [map("Where", less, x, scalar(0)), map("Where", less, y, x)];
    expect((map("Add", a, b).node as { operation?: string }).operation).toBe("Add");
  });

  it("leaves whole numbers alone: their signs wrap", () => {
    const k = graph.input(3, shape, "uint32");
    const sum = graph.map("Add", [k, graph.map("Neg", [k], "uint32")], "uint32");
    expect((sum.node as { operation?: string }).operation).toBe("Add");
  });
});
