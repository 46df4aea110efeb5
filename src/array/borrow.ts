/** Namespaces of the array library whose functions borrow their arguments instead of consuming them. */
import { borrowing } from "./lifetimes.ts";
import type { Borrowed } from "./tensor.ts";

/**
 * @internal A borrowing view of a namespace.
 *
 * @param replacements members that this room defines itself, in place of the library's
 */
export function borrow<T extends object>(namespace: T, replacements: Partial<Borrowed<T>> = {}): Borrowed<T> {
  const cache = new Map<PropertyKey, unknown>(Object.entries(replacements));
  const handler: ProxyHandler<T> = {
    get(target, name) {
      const cached = cache.get(name);
      if (cached !== undefined) return cached;
      const borrowed = borrowMember(Reflect.get(target, name));
      cache.set(name, borrowed);
      return borrowed;
    },
  };
  return new Proxy(namespace, handler) as unknown as Borrowed<T>;
}

function borrowMember(member: unknown): unknown {
  if (typeof member === "function") return borrowing(member as (...args: never[]) => unknown);
  return typeof member === "object" && member !== null ? borrow(member) : member; // np.linalg, np.fft
}
