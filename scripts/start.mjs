/** `npm start`: installs and builds what is missing, then runs the main job. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { buildMissing, installMissing, requireNode, root } from "./project.mjs";

requireNode();
const failure = installMissing() || buildMissing();
if (failure !== 0) process.exit(failure);

const main = join(root, "dist/cli/main.js");
const job = spawn(process.execPath, [main, "start", ...process.argv.slice(2)], { stdio: "inherit" });
// A terminal sends its interrupt to both processes; the job decides how to stop, and this one waits for it.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => job.kill("SIGTERM"));
job.on("exit", (code) => process.exit(code ?? 1));
