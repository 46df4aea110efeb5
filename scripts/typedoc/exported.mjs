/** What the entry points export, each once. */
import { relative, sep } from "node:path";
import { ReflectionKind } from "typedoc";

/**
 * Functions, classes, interfaces, types and variables of all entry points.
 *
 * @param {import("typedoc").ProjectReflection} project
 * @returns {import("typedoc").DeclarationReflection[]}
 */
export function exportedDeclarations(project) {
  return (
    (project.children ?? [])
      // With one entry point there are no modules between.
      .flatMap((child) => (child.kind === ReflectionKind.Module ? (child.children ?? []) : [child]))
      .filter((child) => child.kind !== ReflectionKind.Reference && child.isDeclaration())
  );
}

/**
 * The file of a declaration, as the repository's paths are written.
 *
 * @param {import("typedoc").DeclarationReflection} declaration
 */
export function fileOf({ sources }) {
  const [source] = sources ?? [];
  return source === undefined ? "" : relative(process.cwd(), source.fullFileName).replaceAll(sep, "/");
}
