/** Packages that only one feature needs are loaded when it is used, and missed in one clear sentence. */
import { MissingPackageError } from "../utils/errors.ts";

/**
 * Loads a package that may not be installed.
 *
 * @param name the package's name
 * @param feature what needs it, as the beginning of a sentence
 * @param load imports or locates it
 * @returns what `load` returns
 * @throws MissingPackageError with the command that installs the package
 */
export async function optionalPackage<T>(name: string, feature: string, load: () => T | Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new MissingPackageError(`${feature} needs the package "${name}"; install it with: npm install ${name}`, {
      cause: error,
    });
  }
}

/** A package that is there but lacks a dependency of its own is a different fault, and keeps its own message. */
function isMissing(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  const notFound = error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND";
  return notFound && error.message.includes(`'${name}`);
}
