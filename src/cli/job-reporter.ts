/** Tells on standard error what a job does. */
import type { CompareEvent, MainJobEvent } from "../evaluation/index.ts";
import { lossOf } from "../training/index.ts";
import { clock } from "./output.ts";
import { type Progress, startProgress } from "./progress.ts";

/** Hears of the events of a job. */
export interface JobReporter {
  tell(event: MainJobEvent | CompareEvent): void;
  /** Ends the progress line, however the job ended. */
  stop(): void;
}

/** A reporter for one job. */
export function jobReporter(): JobReporter {
  let progress: Progress | undefined;
  const stop = () => {
    progress?.stop();
    progress = undefined;
  };
  const tell = (event: MainJobEvent | CompareEvent) => {
    switch (event.kind) {
      case "stage":
        return console.error(event.stage);
      case "step":
        // The first step also compiles: it says nothing about the speed.
        if (progress === undefined) progress = startProgress("step", event.steps, event.step);
        else progress.update(event.step, event);
        return;
      case "validation":
        return progress?.note(`validation ${lossOf(event).bits.toFixed(3)}`);
      case "stage done":
        stop();
        return console.error(`  done in ${clock(event.seconds)}`);
      case "note":
        return console.error(event.sentence);
      case "sample":
        return console.error(`  ${JSON.stringify(event.prompt)} goes on ${JSON.stringify(event.text)}`);
      case "diagnostics":
        return;
      default:
        event satisfies never;
    }
  };
  return { tell, stop };
}
