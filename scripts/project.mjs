/** What the other scripts share: where the project is, running a command, and what is out of date. Node built-ins only. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

const oldestNode = [20, 19];

/** Ends the process with a sentence if this Node is too old to run anything else here. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [needMajor = 0, needMinor = 0] = oldestNode;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  console.error(`Node ${process.versions.node} is too old: version ${oldestNode.join(".")} or newer is needed.`);
  process.exit(2);
}

/**
 * Runs npm in the project with its output shown.
 *
 * @param {string[]} args
 * @returns {number} the exit code
 */
export function npm(...args) {
  // Windows finds npm.cmd only through a shell.
  const result = spawnSync("npm", args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (result.error) console.error(`npm could not be started: ${result.error.message}`);
  return result.status ?? 1;
}

/**
 * The time of the newest file or folder in a tree; a folder's own time changes when something in it is deleted.
 *
 * @param {string} path
 * @returns {number} milliseconds, 0 if nothing is there
 */
export function newest(path) {
  if (!existsSync(path)) return 0;
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** @returns {number} the exit code of the installation, 0 if nothing was missing */
export function installMissing() {
  // npm writes this file last, so it is there only after a complete installation.
  const installed = newest(join(root, "node_modules/.package-lock.json"));
  if (installed >= newest(join(root, "package-lock.json")) && installed > 0) return 0;
  heading("install");
  return npm("ci");
}

/** @returns {number} the exit code of the build, 0 if it was up to date */
export function buildMissing() {
  // The build writes this file last.
  const built = newest(join(root, "dist/equations.json"));
  const sources = ["src", "tsconfig.json", "tsconfig.build.json", "package.json"].map((path) =>
    newest(join(root, path)),
  );
  if (built > Math.max(...sources)) return 0;
  heading("build");
  return npm("run", "--silent", "build");
}

/** @param {string} title */
export function heading(title) {
  console.log(`\n=== ${title} ===`);
}
