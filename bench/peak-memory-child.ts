/** One process, one engine, one workload: prints the most memory that a few training steps held, in MiB. */
import { resourceUsage } from "node:process";
import { startEngine } from "../src/array/index.ts";
import { TrainingSteps, type Workload } from "./training-steps.ts";

const [engineName, workload] = process.argv.slice(2) as ["native" | "wasm", string];
const engine = await startEngine(engineName);
const run = new TrainingSteps(engine, JSON.parse(workload) as Workload);
for (let step = 0; step < 3; step++) await run.step();
await run.stop();
await engine.dispose();
console.log(JSON.stringify(resourceUsage().maxRSS / 1024));
