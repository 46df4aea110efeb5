/** Runs the real command in processes of its own, from a bundle of the sources, so that no build is needed. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll } from "vitest";
import { detached, mapTree, np, release, scope, startEngine, type Tensor } from "../../src/array/index.ts";
import { byteTokenizer } from "../../src/data/index.ts";
import { LanguageModel, presetNamed } from "../../src/models/index.ts";
import { initialTrainingState, saveCheckpoint, trainingSchema } from "../../src/training/index.ts";
import { hasNative } from "../array/native/support.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let built: Promise<string> | undefined;

/** Folders to delete when the test file that imported this one has ended. */
const afterFile: string[] = [];
afterAll(() => {
  for (const folder of afterFile) rmSync(folder, { recursive: true, force: true });
});

/** Bundles the command once a test process, inside the project so that packages are found. */
function command(): Promise<string> {
  built ??= bundle();
  return built;
}

async function bundle(): Promise<string> {
  const cache = join(root, "node_modules/.cache/neural-memory-cli-test");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "run-"));
  afterFile.push(folder);
  const outdir = join(folder, "dist/cli");
  await build({
    // The code of a thread or process lies beside the module that starts it, here the bundle.
    entryPoints: {
      main: join(root, "src/cli/main.ts"),
      replica: join(root, "src/training/replica.ts"),
      "run-worker": join(root, "src/training/run-worker.ts"),
      "part-worker": join(root, "src/evaluation/reproduction/part-worker.ts"),
    },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    // The package says which of its built files have side effects, which leaves out the sources.
    ignoreAnnotations: true,
    outdir,
  });
  copyFileSync(join(root, "package.json"), join(folder, "package.json"));
  writeFileSync(join(folder, "dist/equations.json"), JSON.stringify(equations));
  return join(outdir, "main.js");
}

const entry = {
  ...{ kind: "equation", title: "", section: "3", formula: "x", status: "implemented", reason: null, erratum: null },
  ...{ symbols: [], tests: [] },
};

/** Puts files beside the bundle, as a clone of the repository has them. */
export async function inClone(files: Readonly<Record<string, string>>): Promise<void> {
  const folder = dirname(dirname(dirname(await command())));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** The equation atlas as the bundle finds it. */
export const equations = [
  {
    ...entry,
    ...{ paper: "titans", id: "13", number: 13, title: "Old content fades.", section: "3.1" },
    formula: "\\mathcal M_t = (1-\\alpha_t)\\,\\mathcal M_{t-1} + S_t",
    erratum:
      "Nothing is wrong here, which is said in so many words that the line has to be folded somewhere before its end.",
    symbols: [
      {
        symbol: "memoryUpdate",
        title: "Forgetting-gated memory update.",
        formula: null,
        file: "src/titans/memory-update.ts",
        line: 30,
        entryPoint: "neural-memory/titans",
      },
    ],
    tests: [{ file: "tests/equations/memory.test.ts", title: "Titans Eq. 13: memoryUpdate" }],
  },
  { ...entry, paper: "titans", id: "35", number: 35, title: "Longhorn." },
  { ...entry, paper: "miras", id: "table-1-gla", kind: "row", number: null, title: "Gated linear attention." },
  { ...entry, paper: "nl", id: "36", number: 36, title: "An empty line.", formula: "", status: "empty" },
  { ...entry, paper: "nl", id: "algorithm-1", kind: "algorithm", number: 1, title: "M3." },
];

/** What a command that computes says of its engine: nothing, or in one line what would be faster. */
export const engineNote = hasNative
  ? ""
  : 'running on "wasm", several times slower than the native engine: install onnxruntime-node for that one\n';

/** What a finished process left. */
export interface Outcome {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface Running {
  readonly process: ChildProcess;
  readonly done: Promise<Outcome>;
  /** Waits for a text on standard error. */
  says(text: string): Promise<void>;
}

/** Starts the command in a folder; standard input is `input`, or empty. */
export async function start(folder: string, args: readonly string[], input = ""): Promise<Running> {
  // A test runner's settings are not for the command.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_ENV$|NODE_V8|NEURAL_MEMORY)/.test(name),
  );
  const child = spawn(process.execPath, [await command(), ...args], {
    cwd: folder,
    env: Object.fromEntries(inherited),
  });
  let stdout = "";
  let stderr = "";
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const { resolve } of waiting.filter((one) => stderr.includes(one.text))) resolve();
  });
  const done = new Promise<Outcome>((resolve) => {
    child.on("close", (code, signal) => {
      for (const one of waiting) one.resolve();
      resolve({ code: code ?? signal, stdout, stderr });
    });
  });
  child.stdin.on("error", () => {}); // it may have ended without reading
  child.stdin.end(input);
  const says = (text: string) =>
    new Promise<void>((resolve) => {
      if (stderr.includes(text) || child.exitCode !== null) resolve();
      else waiting.push({ text, resolve });
    });
  return { process: child, done, says };
}

/** Runs the command to its end. */
export async function run(folder: string, args: readonly string[], input = ""): Promise<Outcome> {
  return (await start(folder, args, input)).done;
}

/** An empty folder that is deleted after the test file. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "neural-memory-cli-")));
  afterFile.push(folder);
  return folder;
}

/** Everything in a folder: the bytes of each file, and when it was written. */
export function snapshot(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      const { mtimeMs } = statSync(path);
      return [name, statSync(path).isDirectory() ? "folder" : `${mtimeMs} ${readFileSync(path).toString("base64")}`];
    }),
  );
}

/** The smallest run: what its steps cost in a test is mostly their compilation. */
export const tiny = [
  ...["--preset", "lmm-tiny", "--set", "model.dim=16", "--set", "training.length=32", "--set", "training.segment=16"],
  ...["--set", "training.evaluationTokens=64"],
];

/**
 * Saves an untrained `lmm-tiny` as the checkpoint `<path>/checkpoints/step-0000000`, said to be trained on a corpus. What its memory says is made
 * louder, so that the text depends on it.
 */
export async function untrainedRun(path: string, corpus: string, seed = 0): Promise<void> {
  const preset = presetNamed("lmm-tiny");
  const model = new LanguageModel(preset.model);
  const training = trainingSchema.parse({ ...preset.training, seed });
  const about = { model, training, tokenizer: byteTokenizer(), corpus, engine: await startEngine() };
  const state = initialTrainingState(model, training);
  const louder = (leaf: Tensor, name: string) => np.multiply(leaf, name.endsWith("mixer.output") ? 20 : 1);
  const params = detached(() => scope(() => mapTree(state.params, louder)));
  await saveCheckpoint(join(path, "checkpoints"), { ...state, params }, about, 1);
  release(state.params, state.optimizer, params);
}
