/** `npm run bench`: bundles the benchmarks from source and runs them with the arguments given. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./project.mjs";

const out = join(root, "node_modules/.cache/neural-memory-bench");
await build({
  entryPoints: {
    ...Object.fromEntries(
      ["main", "sequence-length-child", "peak-memory-child"].map((name) => [name, join(root, `bench/${name}.ts`)]),
    ),
    // A thread's code lies beside the module that starts it.
    replica: join(root, "src/training/replica.ts"),
  },
  bundle: true,
  splitting: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  outdir: out,
  logLevel: "error",
});
const { status } = spawnSync(process.execPath, [join(out, "main.js"), ...process.argv.slice(2)], { stdio: "inherit" });
process.exit(status ?? 1);
