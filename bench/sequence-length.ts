/** Does the cost of training grow with the sequence? Time a token, first-call time and peak memory at 512 and at 4,096 tokens. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Row } from "./harness.ts";
import type { LengthMeasurement } from "./sequence-length-child.ts";

const SHORT = 512;
const LONG = 4096;

export function run(): Row[] {
  const child = fileURLToPath(new URL("./sequence-length-child.js", import.meta.url));
  const measure = (length: number) =>
    JSON.parse(execFileSync(process.execPath, [child, String(length)], { encoding: "utf8" })) as LengthMeasurement;
  // Short, long, short, long: what else the machine does weighs on both.
  const shorts = [measure(SHORT)];
  const longs = [measure(LONG)];
  shorts.push(measure(SHORT));
  longs.push(measure(LONG));
  const best = (runs: readonly LengthMeasurement[], name: keyof LengthMeasurement) =>
    Math.min(...runs.map((found) => found[name]));

  const perToken = { short: best(shorts, "stepMs") / SHORT, long: best(longs, "stepMs") / LONG };
  const compile = { short: best(shorts, "compileMs"), long: best(longs, "compileMs") };
  const peak = { short: best(shorts, "peakMiB"), long: best(longs, "peakMiB") };
  const boundary = best(longs, "boundaryMiB");
  return [
    { measure: `training step a token, ${SHORT} tokens`, value: perToken.short * 1000, unit: "us" },
    { measure: `training step a token, ${LONG} tokens`, value: perToken.long * 1000, unit: "us" },
    { measure: "ratio long / short, a token", value: perToken.long / perToken.short, unit: "x", target: "about 1" },
    { measure: `tracing and compiling, ${SHORT} tokens`, value: compile.short / 1000, unit: "s" },
    { measure: `tracing and compiling, ${LONG} tokens`, value: compile.long / 1000, unit: "s" },
    { measure: "ratio long / short, compiling", value: compile.long / compile.short, unit: "x", target: "about 1" },
    { measure: `peak array memory, ${SHORT} tokens`, value: peak.short, unit: "MiB" },
    { measure: `peak array memory, ${LONG} tokens`, value: peak.long, unit: "MiB" },
    { measure: "of which boundary states", value: boundary, unit: "MiB" },
    {
      measure: "ratio (long - boundary states) / short",
      value: (peak.long - boundary) / peak.short,
      unit: "x",
      target: "below 2",
    },
  ];
}
