/** What numbers were made with (Node only). */
import { createRequire } from "node:module";
import type { Versions } from "./experiment-data.ts";

/** @param version this package's */
export function versionsNow(version: string): Versions {
  return { package: version, node: process.version, onnxruntime: installed("onnxruntime-node") };
}

function installed(name: string): string | null {
  try {
    const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
    return version;
  } catch {
    return null;
  }
}
