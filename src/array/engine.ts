/** Engines: what runs a compiled program. Host code awaits programs, so an engine may run them on other threads. */
import { EngineError, unknownName } from "../utils/index.ts";
import { detached } from "./lifetimes.ts";
import { jit } from "./transforms.ts";
import { mapTensors, type Tree } from "./tree.ts";

/** Engines by name. `auto` picks the fastest that works here. */
export const engineNames = ["auto", "wasm", "native", "webgpu"] as const;
export type EngineName = (typeof engineNames)[number];

/** A compiled function. Arguments are borrowed; results belong to the caller, who releases them. */
export type Program<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

/** One way of running programs. */
export interface Engine {
  /** The engine's own name, never `auto`. */
  readonly name: Exclude<EngineName, "auto">;
  /** Threads it computes with. */
  readonly threads: number;
  /** Programs compiled so far: one for each function and set of argument shapes. */
  readonly programs: readonly CompiledProgram[];
  /**
   * Compiles a pure function of trees; traced at its first call with each set of shapes.
   *
   * @param name says in listings what the program does
   */
  compile<A extends readonly unknown[], R extends Tree>(name: string, f: (...args: A) => R): Program<A, R>;
}

/** One entry of an engine's list of compiled programs. */
export interface CompiledProgram {
  readonly name: string;
  /** Shapes of all argument arrays, in order. */
  readonly shapes: readonly (readonly number[])[];
}

class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly threads = 1;
  readonly programs: CompiledProgram[] = [];

  compile<A extends readonly unknown[], R extends Tree>(name: string, f: (...args: A) => R): Program<A, R> {
    const compiled = jit((...args: A) => {
      const result = f(...args);
      this.programs.push({ name, shapes: shapesOf(args) });
      return result;
    });
    return async (...args) => detached(() => compiled(...args));
  }
}

function shapesOf(args: readonly unknown[]): number[][] {
  const shapes: number[][] = [];
  mapTensors(args, (leaf) => {
    shapes.push([...leaf.shape]);
    return leaf;
  });
  return shapes;
}

/**
 * Starts an engine; `auto` is right for almost everybody.
 *
 * @param name `auto`, `wasm`, `native` or `webgpu`
 * @throws EngineError if the engine is unknown or not available here
 */
export async function startEngine(name: EngineName = "auto"): Promise<Engine> {
  switch (name) {
    case "auto":
    case "wasm":
      return new WasmEngine();
    case "native":
    case "webgpu":
      throw new EngineError(`engine "${name}" is not built yet; use "wasm" or "auto"`);
    default:
      throw new EngineError(unknownName("engine", name satisfies never, engineNames));
  }
}
