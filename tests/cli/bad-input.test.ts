/** Whatever cannot be used is refused in a sentence, with exit code 2, and nothing is written. */
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { engineNote, run, snapshot, temporaryFolder, untrainedRun } from "./run.ts";

const smallBpe = fileURLToPath(new URL("../data/fixtures/small-bpe/tokenizer.json", import.meta.url));
const text = "It was a bright cold day in April, and the clocks were striking thirteen.\n".repeat(40);

const folder = temporaryFolder();

beforeAll(async () => {
  const book = join(folder, "book.txt");
  writeFileSync(book, text);
  writeFileSync(join(folder, "empty.txt"), "");
  writeFileSync(join(folder, "broken.yaml"), "model: {");
  writeFileSync(join(folder, "typo.yaml"), "modle: {}");
  await untrainedRun(join(folder, "old"), book);
  await untrainedRun(join(folder, "other"), book, 1);
  const damaged = (name: string, harm: (checkpoint: string) => void) => {
    cpSync(join(folder, "old"), join(folder, name), { recursive: true });
    harm(join(folder, name, "checkpoints/step-0000000"));
  };
  damaged("truncated", (it) => truncateSync(join(it, "model.safetensors"), 5000));
  damaged("headless", (it) => truncateSync(join(it, "model.safetensors"), 5));
  damaged("lacking", (it) => rmSync(join(it, "model.safetensors")));
  damaged("truncated-optimizer", (it) => truncateSync(join(it, "optimizer.safetensors"), 5000));
  damaged("half", (it) => truncateSync(join(it, "checkpoint.json"), 100));
  damaged("foreign", (it) => writeFileSync(join(it, "checkpoint.json"), '{ "model_type": "llama" }'));
  damaged("wider", (it) => edit(join(it, "checkpoint.json"), (about) => Object.assign(about.model, { dim: 48 })));
  damaged("retokenized", (it) =>
    edit(join(it, "checkpoint.json"), (about) => Object.assign(about.tokenizer, { vocabularySize: 300 })),
  );
  await run(folder, ["generate", "old", "--prompt", "It", "--max-tokens", "0", "--memory-out", "old.memory"]);
  writeFileSync(join(folder, "half.memory"), readFileSync(join(folder, "old.memory")).subarray(0, 3000));
});

function edit(path: string, change: (json: { model: object; tokenizer: object }) => void): void {
  const json = JSON.parse(readFileSync(path, "utf8"));
  change(json);
  writeFileSync(path, JSON.stringify(json));
}

async function refuses(args: readonly string[], sentence: RegExp): Promise<void> {
  const before = snapshot(folder);
  const { code, stdout, stderr } = await run(folder, args);
  expect(stderr).toMatch(sentence);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(snapshot(folder)).toEqual(before);
}

type Case = [what: string, args: readonly string[], sentence: RegExp];

const train = ["train", "--preset", "lmm-tiny", "--corpus", "book.txt", "--out", "new"];

describe("start refuses", () => {
  const cases: Case[] = [
    [
      "a text that is not there",
      ["start", "--preset", "lmm-tiny", "--corpus", "bok.txt"],
      /^error: there is no such file or folder.*"bok.txt"/,
    ],
    ["no steps", ["start", "--corpus", "book.txt", "--steps", "0"], /must be a whole number of at least 1/],
    [
      "another text for a job that was begun",
      ["start", "--resume", "old", "--corpus", "book.txt"],
      /^error: --resume goes on as the job began; leave the other options away\n$/,
    ],
  ];
  test.concurrent.each(cases)("%s", (_, args, sentence) => refuses(args, sentence));
});

describe("train refuses", () => {
  const cases: Case[] = [
    [
      "a corpus that is not there",
      ["train", "--corpus", "bok.txt"],
      /^error: there is no such file or folder.*"bok.txt"/,
    ],
    ["an empty corpus", ["train", "--corpus", "empty.txt"], /^error: ".*empty.txt" is empty/],
    ["nothing on standard input", ["train", "--corpus", "-"], /^error: "standard input" is empty/],
    [
      "a text shorter than a window",
      [...train, "--set", "training.length=512"],
      /validation part of .* has \d+ tokens/,
    ],
    [
      "a configuration that is not there",
      [...train, "--config", "c.yaml"],
      /^error: there is no configuration file c.yaml\n$/,
    ],
    ["an empty configuration", [...train, "--config", "empty.txt"], /^error: empty.txt is empty/],
    [
      "a configuration that is not YAML",
      [...train, "--config", "broken.yaml"],
      /^error: broken.yaml is neither YAML nor JSON/,
    ],
    ["an unknown preset", ["train", "--preset", "lmm-tinny"], /unknown preset "lmm-tinny"; did you mean "lmm-tiny"\?/],
    ["an unknown architecture", [...train, "--arch", "transfomer"], /did you mean "transformer"\?/],
    [
      "a row of Table 1 without what stands before it",
      [...train, "--arch", "gla"],
      /unknown architecture "gla"; did you mean "miras:gla"\? \(valid: .*, miras:<row> \(see: neural-memory miras\)\)/,
    ],
    [
      "an unknown architecture in a setting",
      [...train, "--set", "model.architecture=miras:glaa"],
      /model.architecture must be one of \d+ names, not "miras:glaa"; did you mean "miras:gla"\?/,
    ],
    ["an unknown engine", [...train, "--engine", "wasn"], /engine must be .*; did you mean "wasm"\?/],
    [
      "an unknown optimizer",
      [...train, "--optimizer", "mouon"],
      /^error: unknown optimizer "mouon"; did you mean "muon"\? \(valid: sgd, .*, m3\)\n$/,
    ],
    [
      "a setting that the optimizer lacks",
      [...train, "--optimizer", "muon", "--set", "training.optimizer.momentun=0.9"],
      /training.optimizer: muon: unknown setting "momentun"; did you mean "momentum"\?/,
    ],
    [
      "to go on with another optimizer",
      ["train", "--resume", "old", "--optimizer", "muon"],
      /^error: the run's optimizer is "adamw", whose state "muon" cannot use; leave the optimizer out or start a new run\n$/,
    ],
    ["no threads", [...train, "--threads", "0"], /must be a whole number of at least 1/],
    [
      "several threads on an engine with one",
      [...train, "--engine", "wasm", "--threads", "2"],
      /the engine "wasm" computes with one thread, not 2; leave threads out, or use "native"/,
    ],
    [
      "an unknown key",
      [...train, "--set", "training.lerningRate=1"],
      /unknown key "lerningRate" in training; did you mean "learningRate"\?/,
    ],
    [
      "an unknown key in a file",
      [...train, "--config", "typo.yaml"],
      /^error: typo.yaml: unknown key "modle"; did you mean "model"\?/,
    ],
    ["a wrong type", [...train, "--set", "training.batch=many"], /training.batch must be a number, not "many"/],
    ["a setting without a value", [...train, "--set", "training.batch"], /--set takes key=value/],
    ["a number that is none", [...train, "--steps", "some"], /must be a whole number of at least 1/],
    ["an unknown option", [...train, "--stepz", "3"], /unknown option '--stepz'/],
    [
      "heads that do not divide the width",
      [...train, "--set", "model.heads=5"],
      /dim must be a whole multiple of heads/,
    ],
    [
      "a segment that cuts chunks",
      [...train, "--set", "training.segment=8"],
      /segment is 8, but the model reads 16 tokens at a time/,
    ],
    ["a tokenizer that is not there", [...train, "--tokenizer", "t.json"], /there is no tokenizer "t.json"/],
    [
      "a tokenizer larger than the model",
      [...train, "--tokenizer", smallBpe, "--set", "model.vocabularySize=8"],
      /set model.vocabularySize to/,
    ],
    [
      "to write over a run",
      ["train", "--preset", "lmm-tiny", "--corpus", "book.txt", "--out", "old"],
      /old already holds a run; go on with --resume old/,
    ],
    [
      "to make a folder of a file",
      ["train", "--preset", "lmm-tiny", "--corpus", "book.txt", "--out", "book.txt"],
      /book.txt is a file/,
    ],
    ["to make a folder inside a file", [...train, "--out", "book.txt/new"], /the folder book.txt\/new cannot be made/],
    ["to resume what is not there", ["train", "--resume", "nothing"], /there is no checkpoint at nothing/],
    [
      "to resume with another model",
      ["train", "--resume", "old", "--set", "model.dim=64"],
      /model.dim is 32 in the checkpoint, not 64/,
    ],
    [
      "to resume with other steps",
      ["train", "--resume", "old", "--seed", "7"],
      /training.seed is 0 in the checkpoint, not 7/,
    ],
    [
      "to resume with another tokenizer",
      ["train", "--resume", "old", "--tokenizer", smallBpe],
      /does not fit: the model was trained with "bytes"/,
    ],
  ];

  test.concurrent.each(cases)("%s", (_, args, sentence) => refuses(args, sentence));
});

describe("a checkpoint is refused", () => {
  const prompt = ["--prompt", "It", "--max-tokens", "3"];
  const cases: Case[] = [
    ["that is not there", ["inspect", "nothing"], /there is no checkpoint at nothing/],
    ["that is a folder of something else", ["inspect", "."], /holds no checkpoint/],
    ["that is a file", ["generate", "book.txt", ...prompt], /holds no checkpoint|no checkpoint/],
    [
      "whose weights are cut short",
      ["generate", "truncated", ...prompt],
      /model.safetensors is not a usable safetensors file: .*truncated/,
    ],
    ["whose weights have no header", ["evaluate", "headless"], /model.safetensors is not a usable safetensors file/],
    ["whose weights are gone", ["evaluate", "lacking"], /lacks model.safetensors/],
    [
      "whose optimiser is cut short",
      ["train", "--resume", "truncated-optimizer"],
      /optimizer.safetensors is not a usable/,
    ],
    ["whose description is cut short", ["inspect", "half"], /checkpoint.json is not JSON; the checkpoint is damaged/],
    ["of another program", ["inspect", "foreign"], /is not a checkpoint this version can read/],
    [
      "whose weights are another model's",
      ["generate", "wider", ...prompt],
      /does not fit the model: "[\w.]+" has shape/,
    ],
    [
      "whose tokenizer was exchanged",
      ["generate", "retokenized", ...prompt],
      /its contents do not match its fingerprint/,
    ],
  ];

  test.concurrent.each(cases)("%s", (_, args, sentence) => refuses(args, sentence));
});

describe("the other commands refuse", () => {
  const cases: Case[] = [
    [
      "learning from what it writes without anything that learns",
      ["generate", "old", "--prompt", "It", "--learn"],
      /^error: "titans-lmm" has no networks that learn while it reads; leave --learn away/,
    ],
    [
      "periods of which one does not divide the others",
      [...train, "--set", "model.continuum.periods=[16,24]"],
      /a period of 24 tokens is no multiple of the faster one of 16/,
    ],
    [
      "periods that end while a chunk of the memory is open",
      [...train, "--set", "model.continuum.periods=[8]"],
      /the shortest is 8 tokens, but the blocks read 16 at a time/,
    ],
    ["an empty prompt", ["generate", "old"], /the prompt is empty/],
    ["a temperature that is no number", ["generate", "old", "--temperature", "hot"], /It must be a number/],
    ["a probability above 1", ["generate", "old", "--prompt", "It", "--top-p", "2"], /top-p is 2; it must be/],
    [
      "a memory that is not there",
      ["generate", "old", "--prompt", "It", "--memory-in", "no.memory"],
      /there is no memory file at no.memory/,
    ],
    [
      "a memory of another model",
      ["generate", "other", "--prompt", "It", "--memory-in", "old.memory"],
      /old.memory is the memory of another model/,
    ],
    [
      "a memory that is cut short",
      ["generate", "old", "--prompt", "It", "--memory-in", "half.memory"],
      /half.memory is not a usable safetensors file/,
    ],
    [
      "weights as a memory",
      ["generate", "old", "--prompt", "It", "--memory-in", "old/checkpoints/step-0000000/model.safetensors"],
      /is not a memory file/,
    ],
    ["a text that is not there", ["evaluate", "old", "--corpus", "gone.txt"], /there is no such file/],
    ["an empty text", ["evaluate", "old", "--corpus", "empty.txt"], /is empty/],
    [
      "an unknown split",
      ["evaluate", "old", "--split", "test"],
      /unknown split "test" \(valid: all, training, validation\)/,
    ],
    ["an unknown engine", ["evaluate", "old", "--engine", "cuda"], /unknown engine "cuda"/],
    ["an unknown paper", ["equations", "titan"], /unknown paper "titan"; did you mean "titans"\?/],
    ["an unknown row", ["miras", "glaa"], /unknown row of Table 1 "glaa"; did you mean "gla"\?/],
    [
      "an unknown row to train",
      ["miras", "--train", "--rows", "gla,monetta", "--out", "new"],
      /did you mean "moneta"\?/,
    ],
    ["rows that nothing is done with", ["miras", "--rows", "gla"], /--rows belongs to --train; add --train/],
    ["a row that is trained by its name", ["miras", "gla", "--train"], /to train it, use --train --rows gla/],
    ["two jobs at once", ["miras", "--train", "--report", "new"], /--train and --report are two jobs/],
    [
      "other rows of trainings that go on",
      ["miras", "--train", "--resume", "old", "--rows", "gla"],
      /as the trainings began/,
    ],
    ["trainings that are not there", ["miras", "--train", "--resume", "gone"], /there is no training of rows in gone/],
    ["heads that do not divide the width", ["miras", "--dim", "65"], /dim must be a whole multiple of heads/],
    ["an unknown command", ["trian"], /unknown command 'trian'/],
  ];

  test.concurrent.each(cases)("%s", (_, args, sentence) => refuses(args, sentence));
});

test("a fault is told in one line too, but with another exit code", async () => {
  const args = ["--prompt", "It", "--max-tokens", "0", "--memory-out", "book.txt/new.memory"];
  const { code, stderr } = await run(folder, ["generate", "old", ...args]);
  expect(code).toBe(1);
  expect(stderr.replace(engineNote, "")).toMatch(
    /^unexpected error: .*book.txt.* \(set NEURAL_MEMORY_DEBUG=1 to see where it came from\)\n$/,
  );
});
