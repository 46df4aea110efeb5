/** Elementwise operations by their ONNX names, and what each computes on one element. */

/*
 * onnxruntime's own Sigmoid, Softplus and Tanh are absent on purpose: they are approximations in which slow gates vanish (Sigmoid is 0 at -20).
 */

type Scalar = (...x: number[]) => number;

/** What each operation computes: constants are folded with it, and tests compare with it. */
export const mapOperations = {
  Abs: Math.abs,
  Add: (a, b) => a! + b!,
  And: (a, b) => a! & b!,
  Asin: Math.asin,
  Atan: Math.atan,
  BitwiseAnd: (a, b) => a! & b!,
  BitwiseOr: (a, b) => a! | b!,
  BitwiseXor: (a, b) => a! ^ b!,
  Cast: (a) => a!,
  Ceil: Math.ceil,
  Cos: Math.cos,
  Div: (a, b) => a! / b!,
  Equal: (a, b) => Number(a === b),
  Erf: undefined,
  Exp: Math.exp,
  Floor: Math.floor,
  Less: (a, b) => Number(a! < b!),
  LessOrEqual: (a, b) => Number(a! <= b!),
  Log: Math.log,
  Max: (a, b) => Math.max(a!, b!),
  Min: (a, b) => Math.min(a!, b!),
  Mod: (a, b) => a! % b!,
  Mul: (a, b) => a! * b!,
  Neg: (a) => 0 - a!,
  Not: (a) => Number(a === 0),
  Or: (a, b) => a! | b!,
  Reciprocal: (a) => 1 / a!,
  ShiftLeft: (a, b) => a! << b!,
  ShiftRight: (a, b) => a! >>> b!,
  Sin: Math.sin,
  Sqrt: Math.sqrt,
  Sub: (a, b) => a! - b!,
  Where: (condition, a, b) => (condition !== 0 ? a! : b!),
  Xor: (a, b) => a! ^ b!,
} as const satisfies Record<string, Scalar | undefined>;

export type MapOperation = keyof typeof mapOperations;

/** The operation on numbers; nothing for those that have no exact form in JavaScript. */
export function scalarForm(operation: MapOperation): Scalar | undefined {
  return mapOperations[operation] as Scalar | undefined;
}
