/** What differs between two values that JSON can hold, in words. */

/** Entries that differ, such as `training.steps is 300 there, 400 now`, in the order they are met. */
export function changedEntries(before: unknown, now: unknown, path = ""): string[] {
  if (isCompound(before) && isCompound(now)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return names.flatMap((name) => changedEntries(before[name], now[name], path === "" ? name : `${path}.${name}`));
  }
  const [was, is] = [before, now].map((value) => JSON.stringify(value) ?? "absent");
  return was === is ? [] : [`${path} is ${was} there, ${is} now`];
}

function isCompound(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
