/** The code of a replica as a file that a thread can run: the sources are not. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bundles it inside the project, so that packages are found; it is deleted after the test file. */
export async function bundleReplica(): Promise<URL> {
  const cache = join(root, "node_modules/.cache/neural-memory-replica-test");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "run-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, "replica.js");
  await build({
    entryPoints: [join(root, "src/training/replica.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    ignoreAnnotations: true,
    outfile,
  });
  return pathToFileURL(outfile);
}
