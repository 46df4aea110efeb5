/** An engine that prepares each program part by part, to say what each part costs and how many matrix FLOPs a call is. */
import type { CompiledProgram, Engine, Program, Tree } from "../src/array/index.ts";
import { gatherArguments, ownedResults, resultShapes, standIns } from "../src/array/native/arguments.ts";
import { copiedInputs, withCopies, withoutCopies } from "../src/array/native/copies.ts";
import { emit } from "../src/array/native/emitter.ts";
import { lower } from "../src/array/native/lower.ts";
import { encodeModel } from "../src/array/native/protobuf.ts";
import { createSession, loadRuntime, type Session } from "../src/array/native/runtime.ts";
import { trace } from "../src/array/native/traced-program.ts";
import { matrixFlops } from "../src/array/native/work.ts";

/** What a program's preparation took, in milliseconds, and what a call computes. */
export interface Preparation {
  readonly name: string;
  readonly tracing: number;
  readonly lowering: number;
  readonly session: number;
  /** Operations of the ONNX graph. */
  readonly nodes: number;
  /** Multiplications and additions in matrix products. */
  readonly matrixFlops: number;
  calls: number;
}

/** What the native engine does, on one thread, one part after another under a clock. */
export class ProbeEngine implements Engine {
  readonly name = "native";
  readonly threads = 1;
  readonly replicas = 1;
  readonly programs: CompiledProgram[] = [];
  readonly preparations: Preparation[] = [];
  private readonly sessions: Session[] = [];

  compile<A extends readonly unknown[], R extends Tree>(name: string, f: (...args: A) => R): Program<A, R> {
    let prepared: ReturnType<ProbeEngine["prepare"]> | undefined;
    return async (...args) => {
      const given = gatherArguments(args);
      prepared ??= this.prepare(name, f, given);
      const { session, copied, results, unflatten, preparation } = await prepared;
      preparation.calls++;
      const numbers = withCopies(await session.run(given.numbers), copied, given.numbers);
      return ownedResults(numbers, results, unflatten) as R;
    };
  }

  async dispose(): Promise<void> {
    await Promise.all(this.sessions.map((session) => session.dispose()));
  }

  private async prepare(name: string, f: (...args: never[]) => unknown, given: ReturnType<typeof gatherArguments>) {
    const runtime = await loadRuntime();
    const clock = stopwatch();
    const traced = trace(f, standIns(given, "float32"));
    const tracing = clock();
    const lowered = lower(traced);
    const copied = copiedInputs(lowered);
    const model = emit(withoutCopies(lowered, copied), "onnxruntime");
    const file = encodeModel(model);
    const lowering = clock();
    const flops = matrixFlops(lowered);
    const session = await createSession(runtime, file, model.inputs, model.outputs, { threads: this.threads });
    const preparation: Preparation = {
      name,
      tracing,
      lowering,
      session: clock(),
      nodes: model.nodes.length,
      matrixFlops: flops,
      calls: 0,
    };
    traced.dispose();
    this.sessions.push(session);
    this.preparations.push(preparation);
    return { session, copied, results: resultShapes(lowered), unflatten: traced.unflatten, preparation };
  }
}

/** Milliseconds since the last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const passed = now - last;
    last = now;
    return passed;
  };
}

/** The FLOPs of matrix products in everything that has been called. */
export function totalMatrixFlops(preparations: readonly Preparation[]): number {
  return preparations.reduce((sum, { matrixFlops, calls }) => sum + matrixFlops * calls, 0);
}
