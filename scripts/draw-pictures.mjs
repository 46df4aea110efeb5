/** `npm run pictures`: computes the pictures of the site's texts with the library, from source, and writes them where the site finds them. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./project.mjs";

const main = join(root, "node_modules/.cache/neural-memory-pictures/main.mjs");
await build({
  entryPoints: [join(root, "scripts/pictures/main.ts")],
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  outfile: main,
  logLevel: "error",
});
const { status } = spawnSync(process.execPath, [main, join(root, "site/public/pictures")], { stdio: "inherit" });
process.exit(status ?? 1);
