/** What a process that does one piece of work and the one that wants it say to each other. */

/** What a process is asked for: first to work, then perhaps to stop, which it does once its step is done and saved. */
export type WorkerRequest<W> = { readonly kind: "work"; readonly work: W } | { readonly kind: "stop" };

/** What a process tells while it works, and how it ends. */
export type WorkerMessage<P, R> =
  | { readonly kind: "progress"; readonly progress: P }
  | { readonly kind: "result"; readonly result: R }
  | { readonly kind: "error"; readonly message: string };
