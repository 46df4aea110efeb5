/** What the array library expects and Node 20 lacks: iterator helpers (Node 22 has them) and `Float16Array` (Node 24 has it). */
import "core-js/actual/iterator/index.js";
import { Float16Array as Float16ArrayPolyfill } from "@petamoriken/float16";

const scope = globalThis as { Float16Array?: unknown };
scope.Float16Array ??= Float16ArrayPolyfill;
