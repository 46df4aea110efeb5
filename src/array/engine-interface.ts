/** What an engine is: how programs are compiled and called, whatever runs them. */
import { EngineError } from "../utils/index.ts";
import type { Tensor } from "./tensor.ts";
import { mapTensors, type Tree } from "./tree.ts";

/** Engines by name. `auto` picks the fastest that works here. */
export const engineNames = ["auto", "wasm", "native", "webgpu"] as const;
/** One of `engineNames`. */
export type EngineName = (typeof engineNames)[number];

/** A compiled function. Arguments are borrowed; results belong to the caller, who releases them. */
export type Program<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

/** One step: what it costs, one number, and the state after it. */
export type RecurrentStep<P extends Tree, S extends Tree, X> = (
  params: P,
  state: S,
  input: X,
) => readonly [cost: Tensor, state: S];

/** What a recurrence's programs are called in listings. */
export interface RecurrenceNames {
  readonly forward: string;
  readonly backward: string;
}

/** Cost of a recurrence and its gradients. The caller releases them. */
export interface RecurrenceGradients<P, S> {
  /** Of all steps together, not scaled. */
  readonly cost: number;
  /** With respect to the state before the first step. */
  readonly stateGradient: S;
  readonly gradients: P;
}

/** A compiled recurrence. Arguments are borrowed until its promise is settled. */
export interface Recurrence<P, S, X> {
  /** The sum of the steps' costs. */
  cost(params: P, state: S, inputs: readonly X[]): Promise<number>;
  /**
   * The gradient of `scale` times the sum of the steps' costs.
   *
   * @param state before the first step
   * @param inputs one a step, of equal shapes; without any nothing is owed
   * @param accumulated what the gradients with respect to the parameters are added to
   */
  gradients(
    params: P,
    state: S,
    inputs: readonly X[],
    scale: number,
    accumulated: P,
  ): Promise<RecurrenceGradients<P, S>>;
}

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
  /**
   * Compiles one step of a recurrence with its gradient.
   *
   * @param step a pure function; differentiated with respect to parameters and state
   */
  compileRecurrence<P extends Tree, S extends Tree, X>(
    names: RecurrenceNames,
    step: RecurrentStep<P, S, X>,
  ): Recurrence<P, S, X>;
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
