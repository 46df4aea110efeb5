/** `npm run build`: compiles src into an empty dist, makes the command executable, and writes the equation registry. */
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { npm, root } from "./project.mjs";

rmSync(join(root, "dist"), { recursive: true, force: true });
const failure = npm("exec", "--", "tsc", "-p", "tsconfig.build.json");
if (failure !== 0) process.exit(failure);

const main = join(root, "dist/cli/main.js");
if (existsSync(main)) chmodSync(main, 0o755);
process.exit(npm("run", "--silent", "registry"));
