/** `npm run bench [-- suite ...] [--json]`: ratios within one run. Without a suite: all but the long ones, which takes a few minutes. */
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { optimizeLater } from "../src/utils/index.ts";
import * as architectures from "./architectures.ts";
import * as engines from "./engines.ts";
import * as eras from "./eras.ts";
import type { Row } from "./harness.ts";
import * as lowRank from "./low-rank.ts";
import * as sequenceLength from "./sequence-length.ts";
import * as stability from "./stability.ts";
import * as streaming from "./streaming.ts";

// As the command line does.
setFlagsFromString(optimizeLater);

interface Suite {
  readonly about: string;
  /** Runs only where it is named. */
  readonly long?: true;
  run(): Row[] | Promise<Row[]>;
}

const suites: Record<string, Suite> = {
  "sequence-length": {
    about: "training time a token, compile time and memory at 512 and 4,096 tokens",
    run: sequenceLength.run,
  },
  engines: { about: "native against wasm, and where the native engine's time goes", run: engines.run },
  architectures: { about: "a training step of each architecture against memory as context", run: architectures.run },
  "low-rank": { about: "the low-rank chunk against materialised per-token weights", run: lowRank.run },
  stability: {
    about: "4,096 and 16,384 random tokens at initial parameters: does the inner loss grow?",
    run: stability.run,
  },
  streaming: {
    about: "a million tokens in one stream: cost of a token and memory at the end against the beginning",
    long: true,
    run: streaming.run,
  },
  eras: {
    about: "levels that adapt to speeches by era: the gain on the next one, the cost to the first era",
    long: true,
    run: eras.run,
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  console.error(`unknown suite "${unknown.join(", ")}" (valid: ${Object.keys(suites).join(", ")})`);
  process.exit(2);
}

const usual = Object.keys(suites).filter((name) => !suites[name]!.long);
const results: Record<string, Row[]> = {};
for (const name of positionals.length > 0 ? positionals : usual) {
  const suite = suites[name]!;
  if (!values.json) console.log(`\n${name}: ${suite.about}`);
  const rows = await suite.run();
  results[name] = rows;
  if (!values.json) for (const row of rows) console.log(format(row));
}
if (values.json) console.log(JSON.stringify(results, null, 2));

function format({ measure, value, spread, unit, target }: Row): string {
  const rounded = Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
  const number = spread === undefined ? rounded : `${value.toFixed(4)} ± ${spread.toFixed(4)}`;
  return `  ${measure.padEnd(66)} ${number.padStart(9)} ${unit.padEnd(4)}${target ? `  (${target})` : ""}`;
}
