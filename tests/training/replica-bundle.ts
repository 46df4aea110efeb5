/** The code of a replica, or of a run's process, as a file that Node can run: the sources are not. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bundles it inside the project, so that packages are found; it is deleted after the test file. */
export async function bundleReplica(name: "replica" | "run-worker" = "replica"): Promise<URL> {
  const cache = join(root, "node_modules/.cache/neural-memory-replica-test");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "run-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, `${name}.js`);
  await build({
    entryPoints: [join(root, `src/training/${name}.ts`)],
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
