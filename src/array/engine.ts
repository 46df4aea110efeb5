/** Engines: what runs a compiled program. Host code awaits programs, so an engine may run them on other threads. */
import { ConfigError, EngineError, unknownName } from "../utils/index.ts";
import { type Engine, type EngineName, type EngineOptions, engineNames } from "./engine-interface.ts";
import { WasmEngine } from "./wasm-engine.ts";

export {
  type CompiledProgram,
  type Engine,
  type EngineName,
  type EngineOptions,
  engineNames,
  type Program,
  type Recurrence,
  type RecurrenceGradients,
  type RecurrenceNames,
  type RecurrentStep,
} from "./engine-interface.ts";

/**
 * Starts an engine; `auto` is right for almost everybody.
 *
 * @param name `auto` (native where it works, else wasm), `wasm`, `native` or `webgpu`
 * @param options how many threads, and who is told what happens
 * @throws EngineError if the engine is unknown or not available here
 * @throws ConfigError if it cannot have so many threads
 */
export async function startEngine(name: EngineName = "auto", options: EngineOptions = {}): Promise<Engine> {
  const { threads } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0))
    throw new ConfigError(`threads must be a whole number from 1, not ${threads}`);
  switch (name) {
    case "auto":
      return startFastest(options);
    case "wasm":
      if (threads !== undefined && threads > 1)
        throw new ConfigError(
          `the engine "wasm" computes with one thread, not ${threads}; leave threads out, or use "native"`,
        );
      return new WasmEngine();
    case "native":
      return startNative(options);
    case "webgpu":
      throw new EngineError(`engine "${name}" is not built yet; use "wasm" or "auto"`);
    default:
      throw new EngineError(unknownName("engine", name satisfies never, engineNames));
  }
}

async function startNative(options: EngineOptions): Promise<Engine> {
  const { NativeEngine } = await import("./native/index.ts");
  return NativeEngine.start(options);
}

async function startFastest(options: EngineOptions): Promise<Engine> {
  // Browsers have no native engine to look for.
  if (typeof process === "undefined" || process.versions?.node === undefined) return new WasmEngine();
  try {
    return await startNative(options);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    options.onNote?.(
      'running on "wasm", several times slower than the native engine: install onnxruntime-node for that one',
    );
    return new WasmEngine();
  }
}
