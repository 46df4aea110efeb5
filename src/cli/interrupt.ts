/** Ctrl-C: the first one asks for an orderly end, the second one ends the process at once. */

/** A request to stop that may come at any time. */
export interface Interrupt {
  /** Raised by the first Ctrl-C, or by a request to terminate. */
  readonly signal: AbortSignal;
  /** The exit code to end with: the customary one for the signal, `undefined` where none came. */
  readonly exitCode: number | undefined;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Listens for interrupts from now on.
 *
 * @param promise what is done before the end, such as `finishing this step`
 */
export function onInterrupt(promise: string): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    // Once: after that the system ends the process, also in the middle of a computation that no listener could interrupt.
    process.once(name, () => {
      exitCode = EXIT_CODES[name];
      console.error(`\n${promise}; interrupt again to quit at once`);
      controller.abort();
    });
  }
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
