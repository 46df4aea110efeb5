import { defineConfig } from "vitest/config";
import { mutation } from "./scripts/mutation-plugin.mjs";

const { MUTATE: mutant } = process.env;

export default defineConfig({
  // The site's figures import the library by the names that its package exports.
  resolve: {
    alias: [{ find: /^neural-memory\/(\w+)$/, replacement: `${new URL("src", import.meta.url).pathname}/$1/index.ts` }],
  },
  plugins: mutant === undefined ? [] : [mutation(mutant)],
  test: {
    include: ["tests/**/*.test.ts"],
    // One file for each core; by default one core is left idle, which is half of a machine with two.
    maxWorkers: "100%",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ["tests/setup/implementations.ts"],
    setupFiles: ["tests/setup/executed.ts", "tests/setup/comparisons.ts"],
    coverage: {
      provider: "istanbul",
      include: ["src/**/*.ts"],
      reporter: ["text-summary"],
      thresholds: {
        "src/common/**": { lines: 90 },
        "src/titans/**": { lines: 90 },
        "src/miras/**": { lines: 90 },
        "src/nl/**": { lines: 90 },
      },
    },
  },
});
