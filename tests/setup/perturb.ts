/** What `npm run mutate` makes of the results of the function under mutation: the same structure with wrong values. */
import { isTensor, np, type Tensor } from "../../src/array/index.ts";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** A result with every number scaled and shifted, every boolean inverted, and every function in it made wrong as well. */
export function perturb(value: unknown): unknown {
  if (typeof value === "number") return value * 1.1 + 0.05;
  if (typeof value === "boolean") return !value;
  if (typeof value === "bigint") return value + 1n;
  if (typeof value === "function") return wrong(value as AnyFunction);
  if (isTensor(value)) return perturbTensor(value);
  if (Array.isArray(value)) return value.map(perturb);
  if (value instanceof Promise) return value.then(perturb);
  if (value instanceof Float32Array || value instanceof Float64Array) return value.map((x) => x * 1.1 + 0.05);
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, perturb(item)]));
  return value;
}

/** Makes every method and accessor of a class wrong, in place. */
export function perturbMethods(target: { readonly prototype: object }): void {
  for (const owner of [target, target.prototype]) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (name === "constructor" || name === "prototype") continue;
      const { value, get } = property as { value?: unknown; get?: AnyFunction };
      if (typeof value === "function")
        Object.defineProperty(owner, name, { ...property, value: wrong(value as AnyFunction) });
      else if (get !== undefined) Object.defineProperty(owner, name, { ...property, get: wrong(get) });
    }
  }
}

function wrong(f: AnyFunction): AnyFunction {
  return function (...args) {
    return perturb(f.apply(this, args));
  };
}

function perturbTensor(x: Tensor): Tensor {
  if (x.dtype === "bool") return np.logicalNot(x);
  if (x.dtype === "int32" || x.dtype === "uint32") return np.add(x, 1);
  return np.add(np.multiply(x, 1.1), 0.05);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
