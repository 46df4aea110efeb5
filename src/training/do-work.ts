/** A process of its own for one piece of work, seen from inside (Node only). */
import type { WorkerMessage, WorkerRequest } from "./worker-messages.ts";

/** What work is given beside its request. */
export interface WorkHooks<P> {
  /** Tells the process that wants the work. */
  tell(progress: P): void;
  /** Raised when the work is to save what it has and end. */
  readonly signal: AbortSignal;
}

/** Does the work that `WorkerProcess` asks this process for, tells what came of it, and ends the process. */
export function doWork<W, P, R>(work: (request: W, hooks: WorkHooks<P>) => Promise<R>): void {
  const controller = new AbortController();
  const say = (message: WorkerMessage<P, R>, then = () => {}) => void process.send!(message, then);
  const hooks: WorkHooks<P> = { tell: (progress) => say({ kind: "progress", progress }), signal: controller.signal };
  // A terminal sends its Ctrl-C to every process of a command. The one that started this one hears it too, and says when to stop.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  process.on("disconnect", () => process.exit(1));
  process.on("message", async (request: WorkerRequest<W>) => {
    if (request.kind === "stop") return controller.abort();
    const end = await work(request.work, hooks).then(
      (result): WorkerMessage<P, R> => ({ kind: "result", result }),
      (error): WorkerMessage<P, R> => ({
        kind: "error",
        message: error instanceof Error ? error.message : String(error),
      }),
    );
    say(end, () => process.exit(0));
  });
}
