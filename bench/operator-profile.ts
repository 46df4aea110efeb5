/** Where a training step's time goes: onnxruntime's profile, summed by kind of operator. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NativeEngine } from "../src/array/native/index.ts";
import { TrainingSteps, type Workload } from "./training-steps.ts";

/** Share of the kernels' time by kind of operator, largest first. */
export type OperatorProfile = readonly { readonly operator: string; readonly share: number }[];

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

const STEPS = 3;

/** Profiles a few training steps after a first one. */
export async function profileOf(workload: Workload): Promise<OperatorProfile> {
  const folder = mkdtempSync(join(tmpdir(), "neural-memory-profile-"));
  try {
    const engine = await NativeEngine.start({ profile: join(folder, "profile") });
    const run = new TrainingSteps(engine, workload);
    for (let step = 0; step <= STEPS; step++) await run.step();
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
    for (const { cat, name, dur, args } of events) {
      const operator = args?.op_name;
      if (cat !== "Node" || operator === undefined || !name.endsWith("_kernel_time")) continue;
      times.set(operator, (times.get(operator) ?? 0) + dur);
    }
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times].map(([operator, time]) => ({ operator, share: time / total })).sort((a, b) => b.share - a.share);
}
