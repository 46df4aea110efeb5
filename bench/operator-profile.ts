/** Where a training step's time goes on one thread: onnxruntime's profile, summed by kind of operator. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NativeEngine } from "../src/array/native/index.ts";
import { milliseconds } from "./harness.ts";
import { TrainingSteps, type Workload } from "./training-steps.ts";

/** Shares of the steps' time by kind of operator, largest first; what is missing to 1 is spent between kernels and in JavaScript. */
export type OperatorProfile = readonly { readonly operator: string; readonly share: number }[];

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

/** Profiles a few training steps after a first one, whose kernels are left out. */
export async function profileOf(workload: Workload): Promise<OperatorProfile> {
  const folder = mkdtempSync(join(tmpdir(), "neural-memory-profile-"));
  try {
    const engine = await NativeEngine.start({ threads: 1, profile: join(folder, "profile") });
    const run = new TrainingSteps(engine, workload);
    await run.step();
    let time = 0;
    for (let step = 0; step < STEPS; step++) time += await milliseconds(() => run.step());
    engine.endProfiling();
    await run.stop();
    await engine.dispose();
    return shares(
      readdirSync(folder).map((file) => join(folder, file)),
      time,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function shares(files: readonly string[], time: number): OperatorProfile {
  const kernels = new Map<string, number>();
  for (const file of files) {
    const events = JSON.parse(readFileSync(file, "utf8")) as ProfileEvent[];
    const calls = events.filter(
      ({ cat, name, args }) =>
        cat === "Node" && args?.op_name && args.op_name !== LOOP && name.endsWith("_kernel_time"),
    );
    const first = calls.length / (STEPS + 1);
    for (const { dur, args } of calls.slice(first)) {
      kernels.set(args!.op_name!, (kernels.get(args!.op_name!) ?? 0) + dur / 1000);
    }
  }
  return [...kernels]
    .map(([operator, kernelTime]) => ({ operator, share: kernelTime / time }))
    .sort((a, b) => b.share - a.share);
}
