/** `npm run demo:browser`: installs and builds what is missing, and serves the example that trains in a tab. */
import { buildMissing, installMissing, npm, requireNode } from "../project.mjs";

requireNode();
process.exit(installMissing() || buildMissing() || npm("exec", "--", "vite", "--open", "/examples/browser/"));
