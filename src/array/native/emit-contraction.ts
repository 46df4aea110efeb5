/** Contractions as matrix products, or as products and sums where there are no matrices. */
import { type ContractNode, type ElementType, type Operand, sizeOf } from "./graph.ts";
import type { Placement } from "./placement.ts";
import {
  dotProductsOrder,
  isDotProducts,
  type Order,
  type ProductForm,
  productForm,
  readOrder,
  sameOrder,
  straightOrder,
} from "./storage.ts";

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
  const form = productForm(node, placement.order);
  const { batch, rows, columns, contracted } = form;
  const [a, b] = [factorOf(placement, form, 0, node.type), factorOf(placement, form, 1, node.type)];
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

function factorOf(placement: Placement, form: ProductForm, place: 0 | 1, type: ElementType): Factor {
  const operand = form.factors[place];
  const straight = straightOrder(form, place);
  const isMoved = form.moved[place];
  // Where an exchange is a move of its own, one move does both.
  const order = isMoved && !placement.onnx.exchangesFreely(type) ? straight : readOrder(form, place, placement.order);
  const isMatrix = form.contracted.length > 0 && (place === 0 ? form.rows : form.columns).length > 0;
  return { operand, order, exchanged: isMatrix && !sameOrder(order, straight) };
}
