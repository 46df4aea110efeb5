/** `npm run demo:titans` and its kind: installs what is missing, bundles a demonstration from source, and runs it with the arguments given. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { installMissing, requireNode, root } from "./project.mjs";

requireNode();
const failure = installMissing();
if (failure !== 0) process.exit(failure);

const [name = "", ...args] = process.argv.slice(2);
// Only now it is there.
const { bundle } = await import("./bundle.mjs");
const out = await bundle(`neural-memory-demo-${name}`, { [name]: join(root, `scripts/demo/${name}.ts`) });
const { status } = spawnSync(process.execPath, [join(out, `${name}.js`), ...args], { stdio: "inherit" });
process.exit(status ?? 1);
