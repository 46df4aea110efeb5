/** Stops training at the first number that is not finite, and says where it stands. */
import { namedLeaves, read, type Tree } from "../array/index.ts";
import { NonFiniteError } from "../utils/index.ts";

/**
 * The path of the first array that holds a number that is not finite.
 *
 * @param tree arrays to search
 * @returns its path, or `undefined` if all numbers are finite
 */
export async function firstNonFinite(tree: Tree): Promise<string | undefined> {
  for (const [path, leaf] of namedLeaves(tree)) {
    const values = await read(leaf);
    if (!values.every(Number.isFinite)) return path;
  }
  return undefined;
}

/**
 * The error for a step whose loss or gradient is not finite.
 *
 * @param step the step
 * @param loss its loss
 * @param trees the trees to look for the culprit in, by what they are
 * @param lastCheckpoint where the last good state was saved, if it was
 */
export async function nonFiniteError(
  step: number,
  loss: number,
  trees: Readonly<Record<string, Tree>>,
  lastCheckpoint: string | undefined,
): Promise<NonFiniteError> {
  const found: string[] = [];
  for (const [kind, tree] of Object.entries(trees)) {
    const path = await firstNonFinite(tree);
    if (path !== undefined) found.push(`${kind} "${path}"`);
  }
  const where = found.length === 0 ? "no single array" : found.join(" and ");
  const kept =
    lastCheckpoint === undefined
      ? "no checkpoint was saved since training began here"
      : `the last good checkpoint is ${lastCheckpoint}`;
  return new NonFiniteError(
    `training stopped at step ${step}: the loss is ${loss}, and ${where} holds a number that is not finite; ${kept}. ` +
      "Lower training.learningRate or the memory's maxStepSize, and leave the step guard on where it has one",
    { step, arrays: found },
  );
}
