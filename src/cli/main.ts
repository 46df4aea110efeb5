#!/usr/bin/env node
/** The command `neural-memory`: runs what was asked for, and turns every error into one sentence and an exit code. */
import { setFlagsFromString } from "node:v8";
import { optimizeLater } from "../utils/index.ts";
import { reportError, tolerateClosedPipes } from "./errors.ts";

setFlagsFromString(optimizeLater);
tolerateClosedPipes();
try {
  const { runProgram } = await import("./program.ts");
  await runProgram(process.argv);
} catch (error) {
  process.exitCode = reportError(error);
}
