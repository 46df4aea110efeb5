/** Elementwise operations as ONNX nodes. */
import type { ElementType, MapNode } from "./graph.ts";
import type { MapOperation } from "./map-operations.ts";
import type { OnnxAttribute, OnnxGraph } from "./onnx-graph.ts";
import type { Placement } from "./placement.ts";
import { seenThrough } from "./views.ts";

/** Operations whose ONNX name is another, or that have attributes. */
const onnxForms: Partial<Record<MapOperation, { operation: string; attributes: Record<string, OnnxAttribute> }>> = {
  Mod: { operation: "Mod", attributes: { fmod: 1 } },
  ShiftLeft: { operation: "BitShift", attributes: { direction: "LEFT" } },
  ShiftRight: { operation: "BitShift", attributes: { direction: "RIGHT" } },
};

const dataTypes = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11, uint32: 12 } as const;

/** Operations for which onnxruntime has no kernel for an element type, and the type in which they are computed instead. */
const substitutes: Partial<
  Record<ElementType, { readonly through: "int64" | "int32"; readonly except: readonly MapOperation[] }>
> = {
  uint32: {
    through: "int64",
    except: ["Cast", "Max", "Min", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "ShiftLeft", "ShiftRight"],
  },
};

export function emitMap(placement: Placement, node: MapNode): string {
  const { operation, operands } = cheapestForm(node);
  const order = placement.order(node);
  const values = operands.map((operand) => placement.broadcastable(operand, order));
  const types = operands.map((operand) => operand.node.type);
  return emitOperation(placement.onnx, operation, values, types, node.type);
}

/** `-(x - y)` as `y - x`: the difference itself is left out if nothing else reads it. */
function cheapestForm(node: MapNode): Pick<MapNode, "operation" | "operands"> {
  const inner = node.operands[0]!;
  if (node.operation !== "Neg" || inner.node.kind !== "map" || inner.node.operation !== "Sub") return node;
  const { shape, operands } = inner.node;
  const seen = operands.map((operand) => seenThrough(inner, node.shape, { ...operand, shape }));
  return { operation: "Sub", operands: seen.reverse() };
}

function emitOperation(
  onnx: OnnxGraph,
  operation: MapOperation,
  values: readonly string[],
  types: readonly ElementType[],
  type: ElementType,
): string {
  if (operation === "Cast") return cast(onnx, values[0]!, type);
  const { operation: name, attributes } = onnxForms[operation] ?? { operation, attributes: {} };
  const substitute = types.map((t) => substitutes[t]).find((s) => s !== undefined);
  if (substitute === undefined || substitute.except.includes(operation)) return onnx.node(name, values, attributes);
  const widened = values.map((value, i) => (substitutes[types[i]!] ? cast(onnx, value, substitute.through) : value));
  const result = onnx.node(name, widened, attributes);
  return type in substitutes ? cast(onnx, result, type) : result;
}

/** A value as another element type. */
export function cast(onnx: OnnxGraph, value: string, type: keyof typeof dataTypes): string {
  return onnx.node("Cast", [value], { to: dataTypes[type] });
}
