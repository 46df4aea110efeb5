/** Names of a task's tokens. */

type Ids<G extends Record<string, string | readonly string[]>> = {
  readonly [K in keyof G]: G[K] extends string ? number : readonly number[];
};

/** Gives symbols their ids in the order in which they are written: a name its id, a list of names their ids. */
export function vocabulary<const G extends Record<string, string | readonly string[]>>(
  groups: G,
): { readonly symbols: readonly string[]; readonly ids: Ids<G> } {
  const symbols: string[] = [];
  const idOf = (symbol: string) => symbols.push(symbol) - 1;
  const ids = Object.entries(groups).map(([name, group]) => {
    return [name, typeof group === "string" ? idOf(group) : group.map(idOf)];
  });
  return { symbols, ids: Object.fromEntries(ids) as Ids<G> };
}

/** `k0`, `k1`, ... */
export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}
