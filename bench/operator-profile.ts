/** Where a training step's time goes on one thread: onnxruntime's profile, summed by kind of operator. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NativeEngine } from "../src/array/native/index.ts";
import { SETTLING_STEPS, TrainingSteps, type Workload } from "./training-steps.ts";

/** Where the time of a training step's kernels goes. */
export interface OperatorProfile {
  /** Time of all kernels of one step, in milliseconds, as measured with the profiler on. */
  readonly kernels: number;
  /** Shares of it by kind of operator, largest first. */
  readonly operators: readonly { readonly operator: string; readonly share: number }[];
}

/** One line of onnxruntime's profile; durations are in microseconds. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

const STEPS = 4;
/** The operator whose time is that of the operators that it runs. */
const LOOP = "Scan";

/**
 * Profiles a few training steps after those in which a process's memory grows, whose kernels are left out. Times between kernels are not told: the profiler
 * itself takes more of them than the step does.
 */
export async function profileOf(workload: Workload): Promise<OperatorProfile> {
  const folder = mkdtempSync(join(tmpdir(), "neural-memory-profile-"));
  try {
    const engine = await NativeEngine.start({ threads: 1, profile: join(folder, "profile") });
    const run = new TrainingSteps(engine, workload);
    for (let step = 0; step < SETTLING_STEPS + STEPS; step++) await run.step();
    engine.endProfiling();
    await run.stop();
    await engine.dispose();
    return summed(readdirSync(folder).map((file) => join(folder, file)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function summed(files: readonly string[]): OperatorProfile {
  const times = new Map<string, number>();
  for (const file of files) {
    const events = JSON.parse(readFileSync(file, "utf8")) as ProfileEvent[];
    const calls = events.filter(
      ({ cat, name, args }) =>
        cat === "Node" && args?.op_name && args.op_name !== LOOP && name.endsWith("_kernel_time"),
    );
    const settled = (calls.length * SETTLING_STEPS) / (SETTLING_STEPS + STEPS);
    for (const { dur, args } of calls.slice(settled)) {
      times.set(args!.op_name!, (times.get(args!.op_name!) ?? 0) + dur / 1000);
    }
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const operators = [...times].map(([operator, time]) => ({ operator, share: time / total }));
  return { kernels: total / STEPS, operators: operators.sort((a, b) => b.share - a.share) };
}
