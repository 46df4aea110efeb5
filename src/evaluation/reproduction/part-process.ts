/** Trains and measures a part in a process of its own (Node only). */
import { fork } from "node:child_process";
import { NeuralMemoryError } from "../../utils/index.ts";
import type { CompareHooks } from "../compare-job.ts";
import { type FoundPart, foundOf, type Part } from "./part.ts";
import type { PartMessage, PartRequest } from "./part-messages.ts";
import { partWorkerEntry } from "./part-worker-entry.ts";

/** Characters of its last words that are kept. */
const LAST_WORDS = 500;

/**
 * As `trainPart`, in a process that ends with it.
 *
 * @returns `undefined` if it was stopped
 * @throws NeuralMemoryError if the part cannot be trained, or its process ended by itself
 */
export async function trainInProcess(part: Part, { onEvent, signal }: CompareHooks): Promise<FoundPart | undefined> {
  const child = fork(partWorkerEntry, {
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  // One that has ended needs to hear nothing.
  const say = (request: PartRequest) => void child.send(request, () => {});
  const stop = () => say({ kind: "stop" });
  let end: Exclude<PartMessage, { kind: "event" }> | undefined;
  let words = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-LAST_WORDS);
  });
  child.on("message", (message: PartMessage) => {
    if (message.kind === "event") onEvent?.(message.event);
    else end = message;
  });
  say({ kind: "part", part });
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  const how = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, by) => resolve(by ?? `code ${code}`));
  }).finally(() => signal?.removeEventListener("abort", stop));
  const name = `${part.experiment}, ${part.label}, seed ${part.seed}`;
  if (end?.kind === "error") throw new NeuralMemoryError(`${name}: ${end.message}`);
  if (end?.kind === "end") return foundOf(part);
  const said = words.trim() === "" ? "" : `; it said: ${words.trim()}`;
  throw new NeuralMemoryError(`${name}: its process ended with ${how}${said}; run the same command again to go on`);
}
