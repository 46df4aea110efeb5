/** How the command line speaks of errors: one sentence, and an exit code that tells bad input from a fault. */
import { NeuralMemoryError } from "../utils/index.ts";

/** The exit code for input that cannot be used. */
export const BAD_INPUT = 2;
/** The exit code for faults. */
const FAULT = 1;
const DEBUG = "NEURAL_MEMORY_DEBUG";

/**
 * Prints an error for people.
 *
 * @returns the exit code
 */
export function reportError(error: unknown): number {
  if (process.env[DEBUG] === "1") console.error(error);
  else if (error instanceof NeuralMemoryError) console.error(`error: ${error.message}`);
  else if (isMissingPackage(error))
    console.error(`error: ${firstLine(error)}; install this package with its optional dependencies`);
  else console.error(`unexpected error: ${firstLine(error)} (set ${DEBUG}=1 to see where it came from)`);
  return error instanceof NeuralMemoryError || isMissingPackage(error) ? BAD_INPUT : FAULT;
}

/** Lets a reader such as `head` close its end early without a word: what is written after that is dropped. */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** The command line's own packages are optional: a library user may have left them out. */
function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? text;
}
