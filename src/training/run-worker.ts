/** A process of its own that trains one run: what `RunPool` starts. */
import { NonFiniteError } from "../utils/index.ts";
import { openRunIn } from "./open-run.ts";
import { trainRun } from "./run.ts";
import type { RunWorkerEnd, RunWorkerMessage, RunWorkerRequest } from "./run-worker-messages.ts";

const controller = new AbortController();
const say = (message: RunWorkerMessage) => void process.send!(message);

// A terminal sends its Ctrl-C to every process of a command. The one that started this one hears it too, and says when to stop.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit(1));
process.on("message", async (request: RunWorkerRequest) => {
  if (request.kind === "stop") return controller.abort();
  const end = await train(request).catch(failure);
  process.send!(end, () => process.exit(0));
});

async function train({ folder, config, until }: Extract<RunWorkerRequest, { kind: "train" }>): Promise<RunWorkerEnd> {
  const onNote = (sentence: string) => say({ kind: "note", sentence });
  const run = await openRunIn(folder, { layer: config, where: folder, onNote });
  const { step } = await trainRun(run, {
    onStep(metrics) {
      say({ kind: "step", ...metrics });
      if (metrics.step === until) controller.abort();
    },
    onValidation: (metrics) => say({ kind: "validation", ...metrics }),
    onNote,
    signal: controller.signal,
  });
  return { kind: "saved", step };
}

function failure(error: unknown): RunWorkerEnd {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof NonFiniteError)) return { kind: "error", message };
  return { kind: "diverged", step: error.step, arrays: error.arrays, message };
}
