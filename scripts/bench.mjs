/** `npm run bench`: bundles the benchmarks from source and runs them with the arguments given. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { root } from "./project.mjs";

const names = ["main", "sequence-length-child", "peak-memory-child"];
const out = await bundle(
  "neural-memory-bench",
  Object.fromEntries(names.map((name) => [name, join(root, `bench/${name}.ts`)])),
);
const { status } = spawnSync(process.execPath, [join(out, "main.js"), ...process.argv.slice(2)], { stdio: "inherit" });
process.exit(status ?? 1);
