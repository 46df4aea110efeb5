/** `npm run size`: what entry points add to a page, bundled for browsers, minified, and compressed. */
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { buildMissing, root } from "./project.mjs";

const entryPoints = ["array", "titans", "miras", "nl", "models"];

/**
 * @param {string} entryPoint such as `neural-memory/titans`; all that it exports is kept
 * @param {string} resolveDir the folder it is imported from
 * @returns {Promise<{ minified: number, gzip: number }>} bytes
 */
export async function bundleSize(entryPoint, resolveDir) {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: `export * from "${entryPoint}";`, resolveDir },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "error",
    // As for its users: without the paths by which this project finds its own sources.
    tsconfigRaw: {},
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  return { minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
}

/** @param {number} bytes */
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`.padStart(10);

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const failure = buildMissing();
  if (failure !== 0) process.exit(failure);
  console.log(`${"".padEnd(24)}  minified      gzip`);
  for (const name of entryPoints) {
    const { minified, gzip } = await bundleSize(`neural-memory/${name}`, root);
    console.log(`${`neural-memory/${name}`.padEnd(24)}${kilobytes(minified)}${kilobytes(gzip)}`);
  }
}
