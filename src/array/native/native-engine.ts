/** The native engine: traced programs lowered to ONNX and run by onnxruntime's CPU kernels. */
import {
  argumentShapes,
  type CompiledProgram,
  disposedEngine,
  type Engine,
  type EngineOptions,
  type Program,
} from "../engine-interface.ts";
import type { ArrayShape } from "../transforms.ts";
import type { Tree } from "../tree.ts";
import { WasmEngine } from "../wasm-engine.ts";
import { type Arguments, gatherArguments, ownedResults, resultShapes, standIns } from "./arguments.ts";
import { type CopiedInputs, copiedInputs, withCopies, withoutCopies } from "./copies.ts";
import { emit } from "./emitter.ts";
import { lower } from "./lower.ts";
import { encodeModel } from "./protobuf.ts";
import { createSession, loadRuntime, type Runtime, type Session } from "./runtime.ts";
import { trace } from "./traced-program.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";
import { matrixFlops, threadsWorth } from "./work.ts";

/** Settings that only tests and measurements need. */
export interface NativeOptions extends EngineOptions {
  /** `float64` computes in float64 what programs compute in float32: slow, and what everything else is compared with. */
  readonly precision?: "float32" | "float64";
  /** Has onnxruntime profile every program until `endProfiling`, to files whose names start so. */
  readonly profile?: string;
}

/** A program for one set of argument shapes; nothing of it keeps the graph, which the garbage collector would have to walk again and again. */
interface Compiled {
  readonly session: Session;
  readonly copied: CopiedInputs;
  readonly results: readonly ArrayShape[];
  unflatten(leaves: readonly unknown[]): unknown;
}

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
    const isUsual = options.precision !== "float64" && options.profile === undefined;
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
        let program = compiled.get(given.signature);
        if (program === undefined) {
          program = this.prepare(name, f, given);
          compiled.set(given.signature, program);
        }
        const { session, copied, results, unflatten } = await program;
        const numbers = withCopies(await session.run(given.numbers), copied, given.numbers);
        return ownedResults(numbers, results, unflatten) as R;
      } catch (error) {
        if (!(error instanceof UnsupportedPrimitive)) throw error;
        if (elsewhere === undefined) this.options.onNote?.(`${error.message}; "${name}" runs on "wasm"`);
        elsewhere ??= this.fallback.compile(name, f);
        return elsewhere(...(given.trees as unknown as A));
      }
    };
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await Promise.all([...this.sessions.splice(0).map((session) => session.dispose()), this.fallback.dispose()]);
  }

  /** Writes the profiles of all programs. */
  endProfiling(): void {
    for (const session of this.sessions) session.endProfiling();
  }

  private async prepare(name: string, f: (...args: never[]) => unknown, given: Arguments): Promise<Compiled> {
    const { precision = "float32", profile } = this.options;
    const traced = trace(f, standIns(given, precision));
    try {
      const lowered = lower(traced, precision);
      const copied = copiedInputs(lowered);
      const model = emit(withoutCopies(lowered, copied), "onnxruntime");
      const threads = threadsWorth(matrixFlops(lowered), model.nodes.length, this.threads);
      const settings = { threads, ...(profile === undefined ? {} : { profile: `${profile}-${name}` }) };
      const session = await createSession(this.runtime, encodeModel(model), model.inputs, model.outputs, settings);
      this.sessions.push(session);
      this.programs.push({ name, shapes: argumentShapes(given.trees) });
      return { session, copied, results: resultShapes(lowered), unflatten: traced.unflatten };
    } finally {
      traced.dispose();
    }
  }
}
