/** Trains and measures the parts that are missing, one or several at a time (Node only). */
import { WorkerProcess } from "../../training/index.ts";
import { NeuralMemoryError } from "../../utils/index.ts";
import type { CompareEvent, CompareHooks } from "../compare-job.ts";
import { type FoundPart, foundOf, type Part } from "./part.ts";
import { partWorkerEntry } from "./part-worker-entry.ts";
import { secondsLeft } from "./seconds-left.ts";
import { trainPart } from "./train-part.ts";

/** How far all parts are; told before the first part and after each. */
export interface PartsEvent {
  readonly kind: "parts";
  readonly done: number;
  readonly total: number;
  /** With as many parts at a time as are trained now; `undefined` until a part came to its end. */
  readonly secondsLeft: number | undefined;
}

/** What happens while experiments run. */
export type ReproduceEvent = CompareEvent | PartsEvent;

/** What to hear from the job, and when to stop it. */
export interface ReproduceHooks {
  /** Hears what happens. */
  onEvent?(event: ReproduceEvent): void;
  /** Stops after the current training step, which is then saved, or the current piece of a measurement, which is begun anew. */
  readonly signal?: AbortSignal;
}

/**
 * Trains parts in their order. One at a time is trained in this process, several have one each; every part has one engine thread either way, so that no number
 * depends on it. Where one cannot be trained at all, the others are stopped and saved before that is thrown.
 *
 * @param workers parts at a time
 */
export async function trainMissing(
  parts: readonly Part[],
  workers: number,
  { onEvent, signal }: ReproduceHooks,
): Promise<void> {
  const missing = parts.filter((part) => foundOf(part) === undefined);
  const failed = new AbortController();
  const stopped = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  const hooks: CompareHooks = { ...(onEvent && { onEvent }), signal: stopped };
  const train = workers === 1 ? trainPart : trainInProcess;
  const tell = () => {
    const done = parts.filter((part) => foundOf(part) !== undefined).length;
    const left = secondsLeft(parts);
    onEvent?.({
      kind: "parts",
      done,
      total: parts.length,
      secondsLeft: left === undefined ? left : left / Math.min(workers, Math.max(1, parts.length - done)),
    });
  };
  const lane = async () => {
    for (let part = missing.shift(); part !== undefined && !stopped.aborted; part = missing.shift()) {
      const stage = `${part.experiment}: ${part.label}, seed ${part.seed}`;
      onEvent?.({ kind: "stage", stage });
      const since = performance.now();
      const found = await train(part, hooks);
      if (found === undefined) return;
      onEvent?.({ kind: "stage done", stage, seconds: (performance.now() - since) / 1000 });
      tell();
    }
  };
  tell();
  const lanes = Array.from({ length: workers }, () =>
    lane().catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}

/** As `trainPart`, in a process that ends with it. */
async function trainInProcess(part: Part, { onEvent, signal }: CompareHooks): Promise<FoundPart | undefined> {
  const worker = new WorkerProcess<Part, CompareEvent, void>(partWorkerEntry, part, (event) => onEvent?.(event));
  const stop = () => worker.stop();
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  try {
    await worker.result;
  } catch (cause) {
    const name = `${part.experiment}, ${part.label}, seed ${part.seed}`;
    throw new NeuralMemoryError(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  return foundOf(part);
}
