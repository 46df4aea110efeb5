/** The array library's own compiler: always there, and what other engines are compared with. */
import {
  argumentShapes,
  type CompiledProgram,
  disposedEngine,
  type Engine,
  type Program,
  type Recurrence,
  type RecurrenceNames,
  type RecurrentStep,
} from "./engine-interface.ts";
import { detached } from "./lifetimes.ts";
import { backwardOf, forwardOf, recurrenceOf, singleSteps } from "./recurrence.ts";
import { jit } from "./transforms.ts";
import type { Tree } from "./tree.ts";

export class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly threads = 1;
  readonly replicas = 1;
  readonly programs: CompiledProgram[] = [];
  private disposed = false;

  compile<A extends readonly unknown[], R extends Tree>(name: string, f: (...args: A) => R): Program<A, R> {
    const compiled = jit((...args: A) => {
      const result = f(...args);
      this.programs.push({ name, shapes: argumentShapes(args) });
      return result;
    });
    return async (...args) => {
      if (this.disposed) throw disposedEngine(name);
      return detached(() => compiled(...args));
    };
  }

  compileRecurrence<P extends Tree, S extends Tree, X>(
    names: RecurrenceNames,
    step: RecurrentStep<P, S, X>,
  ): Recurrence<P, S, X> {
    const group = singleSteps(this.compile(names.backward, backwardOf(step)));
    return recurrenceOf(this.compile(names.forward, forwardOf(step)), async () => group);
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }
}
