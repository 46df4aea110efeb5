/** The native engine: traced programs lowered to ONNX and run by onnxruntime's CPU kernels. */
import {
  argumentShapes,
  type CompiledProgram,
  disposedEngine,
  type Engine,
  type EngineOptions,
  type Program,
  type Recurrence,
  type RecurrenceNames,
  type RecurrentStep,
} from "../engine-interface.ts";
import { HostTensor, type TensorData } from "../host-tensor.ts";
import { backwardOf, forwardOf, pullbackOf, recurrenceOf, type StepGroup, singleSteps } from "../recurrence.ts";
import type { Tree } from "../tree.ts";
import { WasmEngine } from "../wasm-engine.ts";
import { type Arguments, gatherArguments, ownedResults, resultShapes, standIns } from "./arguments.ts";
import { copiedInputs, withCopies, withoutCopies } from "./copies.ts";
import { emitRecurrence } from "./emit-recurrence.ts";
import { emit } from "./emitter.ts";
import { liveNodes, type Node } from "./graph.ts";
import { lower } from "./lower.ts";
import { countOperations, type OnnxModel } from "./onnx-graph.ts";
import { encodeModel } from "./protobuf.ts";
import { createSession, loadRuntime, type Runtime, type Session } from "./runtime.ts";
import { ScannedSteps } from "./scanned-steps.ts";
import { planSteps } from "./step-plan.ts";
import { trace } from "./traced-program.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";
import { matrixFlops, threadsWorth } from "./work.ts";

/** Settings that only tests and measurements need. */
export interface NativeOptions extends EngineOptions {
  /** `float64` computes in float64 what programs compute in float32: slow, and what everything else is compared with. */
  readonly precision?: "float32" | "float64";
  /** Has onnxruntime profile every program until `endProfiling`, to files whose names start so. */
  readonly profile?: string;
  /** Told of every session that is made. */
  onPrepared?(preparation: Preparation): void;
  /** Told the name of every session that is called, and how many steps of a recurrence it is to do. */
  onCall?(name: string, steps: number): void;
}

/** What it took to make a session, in milliseconds, and what a call of it computes. */
export interface Preparation {
  readonly name: string;
  readonly tracing: number;
  readonly lowering: number;
  readonly session: number;
  /** Operations of the ONNX graph, and of the graphs in it. */
  readonly nodes: number;
  /** Multiplications and additions in matrix products, of one step in a recurrence. */
  readonly matrixFlops: number;
}

/** A program for one set of argument shapes; nothing of it keeps the graph, which the garbage collector would have to walk again and again. */
type Compiled = (numbers: readonly TensorData[]) => Promise<unknown>;

/**
 * Runs programs in onnxruntime, in Node alone.
 *
 * A program with an operation that is not lowered runs on the array library as a whole.
 */
export class NativeEngine implements Engine {
  readonly name = "native";
  readonly threads: number;
  readonly replicas: number;
  readonly programs: CompiledProgram[] = [];
  private readonly runtime: Runtime;
  private readonly options: NativeOptions;
  private readonly fallback = new WasmEngine();
  private readonly sessions: Session[] = [];
  private disposed = false;

  private constructor(runtime: Runtime, options: NativeOptions) {
    this.runtime = runtime;
    this.options = options;
    this.threads = options.threads ?? process.getBuiltinModule("node:os").availableParallelism();
    // Replicas know nothing of what only tests and measurements set.
    const { precision, profile, onPrepared, onCall } = options;
    const isUsual = precision !== "float64" && [profile, onPrepared, onCall].every((it) => it === undefined);
    this.replicas = isUsual ? this.threads : 1;
  }

  /**
   * Starts the engine.
   *
   * @throws EngineError if onnxruntime cannot be loaded
   */
  static async start(options: NativeOptions = {}): Promise<NativeEngine> {
    return new NativeEngine(await loadRuntime(), options);
  }

  compile<A extends readonly unknown[], R extends Tree>(name: string, f: (...args: A) => R): Program<A, R> {
    const compiled = new Map<string, Promise<Compiled>>();
    let elsewhere: Program<A, R> | undefined;
    return async (...args) => {
      if (this.disposed) throw disposedEngine(name);
      if (elsewhere !== undefined) return elsewhere(...args);
      // Before the first wait: what is borrowed may be freed once the call has returned.
      const given = gatherArguments(args);
      try {
        const program = await once(compiled, given.signature, () => this.prepare(name, f, given));
        return (await program(given.numbers)) as R;
      } catch (error) {
        if (!(error instanceof UnsupportedPrimitive)) throw error;
        if (elsewhere === undefined) this.noteElsewhere(name, error);
        elsewhere ??= this.fallback.compile(name, f);
        return elsewhere(...(given.trees as unknown as A));
      }
    };
  }

  compileRecurrence<P extends Tree, S extends Tree, X>(
    names: RecurrenceNames,
    step: RecurrentStep<P, S, X>,
  ): Recurrence<P, S, X> {
    const groups = new Map<string, Promise<StepGroup<P, S, X>>>();
    const single = singleSteps(this.compile(names.backward, backwardOf(step)));
    return recurrenceOf(this.compile(names.forward, forwardOf(step)), async (params, state, input) => {
      if (this.disposed) throw disposedEngine(names.backward);
      const given = gatherArguments([params, state, input]);
      return once(groups, given.signature, async () => {
        try {
          return await this.prepareSteps(names.backward, step, given);
        } catch (error) {
          if (error instanceof UnsupportedPrimitive) return single;
          throw error;
        }
      });
    });
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await Promise.all([...this.sessions.splice(0).map((session) => session.dispose()), this.fallback.dispose()]);
  }

  /** Writes the profiles of all programs. */
  endProfiling(): void {
    for (const session of this.sessions) session.endProfiling();
  }

  private noteElsewhere(name: string, { message }: UnsupportedPrimitive): void {
    this.options.onNote?.(`${message}; "${name}" runs on "wasm"`);
  }

  private async prepare(name: string, f: (...args: never[]) => unknown, given: Arguments): Promise<Compiled> {
    const { precision = "float32" } = this.options;
    const clock = stopwatch();
    const traced = trace(f, standIns(given.trees, precision));
    const tracing = clock();
    try {
      const lowered = lower(traced, precision);
      const copied = copiedInputs(lowered);
      const computed = withoutCopies(lowered, copied);
      const stage = { model: emit(computed, "onnxruntime"), nodes: liveNodes(computed.outputs) };
      const session = await this.createSession(name, stage, { clock, tracing });
      this.programs.push({ name, shapes: argumentShapes(given.trees) });
      const [results, { unflatten }] = [resultShapes(lowered), traced];
      return async (numbers) =>
        ownedResults(withCopies(await session.run(numbers), copied, numbers), results, unflatten);
    } finally {
      traced.dispose();
    }
  }

  private async prepareSteps<P extends Tree, S extends Tree, X>(
    name: string,
    step: RecurrentStep<P, S, X>,
    given: Arguments,
  ): Promise<StepGroup<P, S, X>> {
    const { precision = "float32" } = this.options;
    const clock = stopwatch();
    const [params, state, own] = given.trees as readonly [Tree, Tree, Tree];
    const scale = new HostTensor(new Float32Array(1), [], "float32");
    const args = [params, state, own, scale, state, params];
    const traced = trace(pullbackOf(step) as (...args: never[]) => unknown, standIns(args, precision));
    const tracing = clock();
    try {
      const { unflatten } = traced;
      const lowered = lower(traced, precision);
      const plan = planSteps(lowered, unflatten, [params, state, own]);
      const { keptBytes, ...graph } = emitRecurrence(lowered, plan);
      const session = await this.createSession(name, graph, { clock, tracing });
      this.programs.push({ name, shapes: argumentShapes(args) });
      return new ScannedSteps(session, plan, keptBytes, resultShapes(lowered), unflatten);
    } finally {
      traced.dispose();
    }
  }

  private async createSession(
    name: string,
    { model, nodes }: { readonly model: OnnxModel; readonly nodes: readonly Node[] },
    { clock, tracing }: { readonly clock: () => number; readonly tracing: number },
  ): Promise<Session> {
    const { profile, onPrepared, onCall } = this.options;
    const flops = matrixFlops(nodes);
    const operations = countOperations(model);
    const threads = threadsWorth(flops, operations, this.threads);
    const settings = { threads, ...(profile === undefined ? {} : { profile: `${profile}-${name}` }) };
    const file = encodeModel(model);
    const lowering = clock();
    const session = await createSession(this.runtime, file, model.inputs, model.outputs, settings);
    this.sessions.push(session);
    onPrepared?.({ name, tracing, lowering, session: clock(), nodes: operations, matrixFlops: flops });
    if (onCall === undefined) return session;
    return {
      ...session,
      run(numbers, steps = 1) {
        onCall(name, steps);
        return session.run(numbers, steps);
      },
    };
  }
}

/** The promise that a map has for a key, made at the first call. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const promise = made.get(key) ?? make();
  made.set(key, promise);
  return promise;
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
