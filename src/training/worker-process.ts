/** A process of its own for one piece of work, seen from the process that wants it (Node only). */
import { type ChildProcess, fork } from "node:child_process";
import { EngineError, NeuralMemoryError, optimizeLater } from "../utils/index.ts";
import type { WorkerMessage, WorkerRequest } from "./worker-messages.ts";

/** Characters of its last words that are kept. */
const LAST_WORDS = 500;

/**
 * A process that does one piece of work and ends with it, whatever becomes of it. Its code calls `doWork`.
 *
 * A process rather than a thread: what runs out of memory or crashes in native code takes no other work with it.
 */
export class WorkerProcess<W, P, R> {
  /** What came of the work; the process is gone by then. Rejects with an error that says why if nothing did. */
  readonly result: Promise<R>;
  private readonly child: ChildProcess;

  /**
   * @param entry where its code lies
   * @param work what is to be done, as data
   * @param onProgress hears what the work tells meanwhile
   */
  constructor(entry: URL, work: W, onProgress: (progress: P) => void) {
    this.child = fork(entry, {
      execArgv: [optimizeLater],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.result = this.watch(onProgress);
    this.say({ kind: "work", work });
  }

  /** Asks it to finish its step, save and end. */
  stop(): void {
    this.say({ kind: "stop" });
  }

  private say(request: WorkerRequest<W>): void {
    // One that has ended needs to hear nothing.
    this.child.send(request, () => {});
  }

  private watch(onProgress: (progress: P) => void): Promise<R> {
    let end: Exclude<WorkerMessage<P, R>, { kind: "progress" }> | undefined;
    let words = "";
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-LAST_WORDS);
    });
    this.child.on("message", (message: WorkerMessage<P, R>) => {
      if (message.kind === "progress") onProgress(message.progress);
      else end = message;
    });
    return new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        if (end?.kind === "result") return resolve(end.result);
        if (end?.kind === "error") return reject(new NeuralMemoryError(end.message));
        const said = words.trim() === "" ? "" : `; it said: ${words.trim()}`;
        reject(
          new EngineError(
            `its process ended with ${signal ?? `code ${code}`}${said}; run the same command again to go on`,
          ),
        );
      });
    });
  }
}
