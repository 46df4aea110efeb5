/**
 * Runs some tests for `neural-memory equations --verify`. Standard input is `{ files, titles }` as JSON; standard output is a line of JSON
 * for each test that ended, and one for each file.
 */
import { text } from "node:stream/consumers";
import { startVitest } from "vitest/node";
import { titlePattern } from "./titles.mjs";

/** @type {{ files: string[], titles: string[] }} */
const { files, titles } = JSON.parse(await text(process.stdin));

/** @param {object} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** @type {import("vitest/node").Reporter} */
const reporter = {
  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    const error = errors[0]?.message?.split("\n")[0] ?? null;
    say({ file: test.module.relativeModuleId, title: test.fullName, state, error, ...test.meta().comparisons });
  },
  onTestModuleEnd(module) {
    const error = module.errors()[0]?.message.split("\n")[0] ?? null;
    say({ file: module.relativeModuleId, title: null, state: module.state(), error });
  },
};

const vitest = await startVitest("test", files, {
  watch: false,
  reporters: [reporter],
  // The runner joins the titles of blocks by spaces.
  testNamePattern: new RegExp(titles.map((title) => titlePattern(title).replaceAll(" > ", " ")).join("|")),
});
await vitest.close();
