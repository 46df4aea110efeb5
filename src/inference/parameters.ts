/** How many numbers a model learns, and in which parts: from shapes alone. */
import type { LanguageModel } from "../models/index.ts";

/** How many parameters a model has; nothing is allocated. */
export function countParameters(model: LanguageModel): number {
  return Object.values(parameterGroups(model)).reduce((total, n) => total + n, 0);
}

/**
 * Parameters by part of the model: `embedding`, `head`, `norm`, and each block's own parts such as `blocks.0.mixer`.
 *
 * @returns numbers of parameters by the part's path
 */
export function parameterGroups(model: LanguageModel): Record<string, number> {
  const groups = new Map<string, number>();
  for (const [path, { shape }] of model.shapes()) {
    const parts = path.split(".");
    const group = parts.slice(0, parts[0] === "blocks" ? 3 : 1).join(".");
    groups.set(group, (groups.get(group) ?? 0) + shape.reduce((product, n) => product * n, 1));
  }
  return Object.fromEntries(groups);
}
