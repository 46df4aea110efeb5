/** What an engine is: how programs are compiled and called, whatever runs them. */
import { EngineError } from "../utils/index.ts";
import { mapTensors, type Tree } from "./tree.ts";

/** Engines by name. `auto` picks the fastest that works here. */
export const engineNames = ["auto", "wasm", "native", "webgpu"] as const;
/** One of `engineNames`. */
export type EngineName = (typeof engineNames)[number];

/** A compiled function. Arguments are borrowed; results belong to the caller, who releases them. */
export type Program<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

/** One way of running programs. */
export interface Engine {
  /** The engine's own name, never `auto`. */
  readonly name: Exclude<EngineName, "auto">;
  /** Threads it computes with at most: small programs run faster on one. */
  readonly threads: number;
  /** Engines with one thread that give what this one gives, side by side in threads of their own: those among which a batch may be shared. */
  readonly replicas: number;
  /** Programs compiled so far: one for each function and set of argument shapes. */
  readonly programs: readonly CompiledProgram[];
  /**
   * Compiles a pure function of trees; traced at its first call with each set of shapes.
   *
   * @param name says in listings what the program does
   */
  compile<A extends readonly unknown[], R extends Tree>(name: string, f: (...args: A) => R): Program<A, R>;
  /** Frees what its programs hold outside JavaScript; they cannot be called again. An engine that is not disposed of lives as long as the process. */
  dispose(): Promise<void>;
}

/** One entry of an engine's list of compiled programs. */
export interface CompiledProgram {
  readonly name: string;
  /** Shapes of all argument arrays, in order. */
  readonly shapes: readonly (readonly number[])[];
}

/** How an engine is started. */
export interface EngineOptions {
  /** Threads to compute with; by default as many as the machine runs at once. Only the native engine has more than one. */
  readonly threads?: number;
  /** Told, once each, what the user may want to know: what `auto` did not find, which program another engine runs. Nothing by default. */
  onNote?(sentence: string): void;
}

/** @internal What a program says whose engine is gone. */
export function disposedEngine(program: string): EngineError {
  return new EngineError(`"${program}" cannot be called: its engine has been disposed of; start another`);
}

/** @internal The shapes of all arrays in a program's arguments, in order. */
export function argumentShapes(args: readonly unknown[]): number[][] {
  const shapes: number[][] = [];
  mapTensors(args, (leaf) => {
    shapes.push([...leaf.shape]);
    return leaf;
  });
  return shapes;
}
