/** Draws all pictures into a folder: `main.mjs <folder>`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine } from "../../src/array/index.ts";
import { loadCanvas } from "./canvas.ts";
import { drawFixedPoint } from "./fixed-point.ts";
import { drawInnerLoss } from "./inner-loss.ts";
import { drawLevels } from "./levels.ts";
import { drawRetention } from "./retention.ts";
import { drawStateOverTime } from "./state-over-time.ts";
import { drawSurprise } from "./surprise.ts";

const drawings = {
  "inner-loss": drawInnerLoss,
  surprise: drawSurprise,
  "fixed-point": drawFixedPoint,
  retention: drawRetention,
  levels: drawLevels,
  "state-over-time": drawStateOverTime,
};

const [folder = "."] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const canvas = await loadCanvas();
// The engine that is everywhere the same: the pictures must not depend on the machine that drew them.
const engine = await startEngine("wasm");
for (const [name, draw] of Object.entries(drawings)) {
  const since = performance.now();
  writeFileSync(join(folder, `${name}.svg`), await draw(canvas, engine));
  console.log(`${name}.svg ${((performance.now() - since) / 1000).toFixed(1)} s`);
}
