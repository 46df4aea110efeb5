/** The process of one run, from outside (Node only). */
import { type ChildProcess, fork } from "node:child_process";
import { EngineError } from "../utils/index.ts";
import { runWorkerEntry } from "./run-worker-entry.ts";
import type { RunProgress, RunWorkerEnd, RunWorkerMessage, RunWorkerRequest } from "./run-worker-messages.ts";

/** Characters of its last words that are kept. */
const LAST_WORDS = 500;

/** A process that trains one run and ends with it, whatever becomes of it. */
export class RunProcess {
  /** How the training ended; the process is gone by then. */
  readonly ended: Promise<RunWorkerEnd>;
  private readonly child: ChildProcess;

  constructor(request: Extract<RunWorkerRequest, { kind: "train" }>, onProgress: (progress: RunProgress) => void) {
    // A process rather than a thread: what runs out of memory or crashes in native code takes no other run with it.
    this.child = fork(runWorkerEntry, {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.ended = this.watch(onProgress);
    this.say(request);
  }

  /** Asks it to finish its step, save and end. */
  stop(): void {
    this.say({ kind: "stop" });
  }

  private say(request: RunWorkerRequest): void {
    // One that has ended needs to hear nothing.
    this.child.send(request, () => {});
  }

  private watch(onProgress: (progress: RunProgress) => void): Promise<RunWorkerEnd> {
    let end: RunWorkerEnd | undefined;
    let words = "";
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-LAST_WORDS);
    });
    this.child.on("message", (message: RunWorkerMessage) => {
      if (message.kind === "saved" || message.kind === "diverged" || message.kind === "error") end = message;
      else onProgress(message);
    });
    return new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        if (end !== undefined) return resolve(end);
        const said = words.trim() === "" ? "" : `; it said: ${words.trim()}`;
        reject(new EngineError(`the process of a run ended with ${signal ?? `code ${code}`}${said}`));
      });
    });
  }
}
