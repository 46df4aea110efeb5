/** What the entry points export, each once. */
import { ReflectionKind } from "typedoc";

/**
 * Functions, classes, interfaces, types and variables of all entry points.
 *
 * @param {import("typedoc").ProjectReflection} project
 * @returns {import("typedoc").DeclarationReflection[]}
 */
export function exportedDeclarations(project) {
  return (project.children ?? [])
    .flatMap((module) => module.children ?? [])
    .filter((child) => child.kind !== ReflectionKind.Reference && child.isDeclaration());
}
