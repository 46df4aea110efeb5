/** Contractions as matrix products, or as products and sums where there are no matrices. */
import { type ContractNode, type Operand, sizeOf } from "./graph.ts";
import type { Placement } from "./placement.ts";
import { dotProductsOrder, isDotProducts, type Order, productForm, sameOrder } from "./storage.ts";

export function emitContraction(placement: Placement, node: ContractNode): string {
  return isDotProducts(node) ? emitDotProducts(placement, node) : emitMatrixProduct(placement, node);
}

/** A matrix product of one row and one column costs more to start than to do: these are multiplied and summed. */
function emitDotProducts(placement: Placement, node: ContractNode): string {
  const { onnx } = placement;
  const order = dotProductsOrder(node, placement.order);
  const [x, y] = node.operands.map((operand) => placement.broadcastable(operand, order)) as [string, string];
  const axes = onnx.integers(node.contracted.map((i) => order.indexOf(i)).sort((a, b) => a - b));
  return onnx.node("ReduceSum", [onnx.node("Mul", [x, y]), axes], { keepdims: 0 });
}

/** One factor of a matrix product. */
interface Factor {
  readonly operand: Operand;
  /** Its axes in the order in which they are read: batch, then those of the matrix as stored. */
  readonly order: Order;
  /** Whether it is stored with its two matrix axes exchanged. */
  readonly exchanged: boolean;
}

function emitMatrixProduct(placement: Placement, node: ContractNode): string {
  const { onnx } = placement;
  const { sizes } = node;
  const { batch, rows, columns, contracted, factors, moved } = productForm(node, placement.order);
  const a = factorOf(placement, factors[0], moved[0], batch, rows, contracted);
  const b = factorOf(placement, factors[1], moved[1], batch, contracted, columns);
  // A stack of matrices is multiplied by one matrix as if it were one tall matrix.
  const isTall = batch.length === 0 && !a.exchanged && rows.length > 1;
  const isPlain = contracted.length === 1 && columns.length === 1 && (rows.length === 1 || isTall);
  const lengths = (order: Order) => order.map((i) => sizes[i]!);
  const flat = (first: Order, second: Order) => {
    const batchLengths = batch.length === 0 ? [] : [sizeOf(lengths(batch))];
    return [...batchLengths, sizeOf(lengths(first)), sizeOf(lengths(second))];
  };
  const read = ({ operand, order, exchanged }: Factor, first: Order, second: Order) => {
    const value = placement.inOrder(operand, order);
    return isPlain
      ? value
      : onnx.reshaped(value, lengths(order), exchanged ? flat(second, first) : flat(first, second));
  };
  const result = [...batch, ...rows, ...columns];
  const product = onnx.matrixProduct(
    {
      name: read(a, rows, contracted),
      exchanged: a.exchanged,
      rank: isPlain ? a.order.length : flat(rows, contracted).length,
    },
    {
      name: read(b, contracted, columns),
      exchanged: b.exchanged,
      rank: isPlain ? b.order.length : flat(contracted, columns).length,
    },
    node.type,
  );
  return isPlain ? product : onnx.reshaped(product, flat(rows, columns), lengths(result));
}

function factorOf(
  placement: Placement,
  operand: Operand,
  moved: boolean,
  batch: Order,
  first: Order,
  second: Order,
): Factor {
  const straight = [...batch, ...first, ...second];
  const exchanged = [...batch, ...second, ...first];
  if (moved || sameOrder(placement.stored(operand), straight)) return { operand, order: straight, exchanged: false };
  return { operand, order: exchanged, exchanged: first.length > 0 && second.length > 0 };
}
