/** A process of its own that trains one run: what `RunPool` starts. */
import { NonFiniteError } from "../utils/index.ts";
import { doWork, type WorkHooks } from "./do-work.ts";
import { openRunIn } from "./open-run.ts";
import { trainRun } from "./run.ts";
import type { RunDivergence, RunProgress, RunWork } from "./run-worker-messages.ts";

async function trainWork(
  { folder, config, until }: RunWork,
  { tell, signal }: WorkHooks<RunProgress>,
): Promise<RunDivergence | undefined> {
  const reached = new AbortController();
  const onNote = (sentence: string) => tell({ kind: "note", sentence });
  const run = await openRunIn(folder, { layer: config, where: folder, onNote });
  try {
    await trainRun(run, {
      onStep(metrics) {
        tell({ kind: "step", ...metrics });
        if (metrics.step === until) reached.abort();
      },
      onValidation: (metrics) => tell({ kind: "validation", ...metrics }),
      onNote,
      signal: AbortSignal.any([signal, reached.signal]),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    const { step, arrays, message } = error;
    return { step, arrays, message };
  }
}

doWork(trainWork);
