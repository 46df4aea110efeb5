/** The array library, ready for use: Node's gaps filled and the WebAssembly device started before anything else runs. */
import "./polyfills.ts";
import * as jax from "@jax-js/jax";
import { EngineError } from "../utils/index.ts";

if (!(await jax.init("wasm")).includes("wasm")) {
  throw new EngineError("WebAssembly is not available here; this library needs a runtime that has it");
}
jax.defaultDevice("wasm");

export { jax };
