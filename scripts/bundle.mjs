/** Bundles programs of this project that are written in TypeScript, from source, so that nothing needs to be built before they run. */
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./project.mjs";

/**
 * @param {string} name of the folder in `node_modules/.cache`, where the packages they import are found
 * @param {Record<string, string>} entryPoints files by the name of their bundle
 * @returns {Promise<string>} the folder with `<name>.js` for each
 */
export async function bundle(name, entryPoints) {
  const out = join(root, "node_modules/.cache", name);
  await build({
    entryPoints: {
      ...entryPoints,
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
  return out;
}
