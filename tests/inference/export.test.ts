/** Exported models: run in plain onnxruntime they are the library's, segment by segment, token by token, and in any batch. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  detached,
  key,
  liveTensors,
  mapTree,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  startEngine,
  type Tensor,
  tensor,
} from "../../src/array/index.ts";
import type { StepOptions } from "../../src/common/index.ts";
import { byteTokenizer } from "../../src/data/index.ts";
import {
  checkExport,
  type ExportedModel,
  type ExportOptions,
  exportFiles,
  exportModel,
  Reader,
  readExportDescription,
  writeExport,
} from "../../src/inference/index.ts";
import { LanguageModel, type ModelInput, type ModelParams, type ModelState } from "../../src/models/index.ts";
import { CheckpointError, ConfigError, EngineError } from "../../src/utils/index.ts";
import { describeNative, generator } from "../array/native/support.ts";
import { onnxContents } from "./onnx-contents.ts";
import { type Files, PlainModel } from "./plain-runtime.ts";

const CHUNK = 8;
const SLOTS = 16;
const VOCABULARY = 40;
const SEGMENTS = 20;
/** Logits are of size 10 here, the state below 4: some float32 rounding errors of each, over 20 segments of feeding back. */
const TOLERANCE = 1e-4;

const sizes = { vocabularySize: VOCABULARY, dim: 16, layers: 2, heads: 2, window: 12 };
const memory = { chunkSize: CHUNK, normalizeValues: true };
const inputs: readonly ModelInput[] = [
  { architecture: "titans-lmm", ...sizes, memory },
  { architecture: "transformer", ...sizes, memory },
];
const models = inputs.map((input) => [input.architecture, new LanguageModel(input)] as const);

/** Fresh weights, with what the mixers say made louder, so that logits depend on the state. */
function paramsOf(model: LanguageModel, seed = 1): ModelParams {
  const louder = (leaf: Tensor, name: string) =>
    np.multiply(leaf, name.endsWith("mixer.output") || name === "head" ? 10 : 1);
  return detached(() => scope(() => mapTree(model.init(key(seed)), louder)));
}

const options: ExportOptions = { tokens: SLOTS, batch: 1, step: 7, tokenizer: byteTokenizer().describe() };

function filesOf({ model, initialState, description }: ExportedModel): Files {
  return { model, initialState, json: JSON.stringify(description) };
}

/** Rows of random tokens. */
function randomRows(batch: number, count: number, seed: number): number[][] {
  const next = generator(seed);
  return Array.from({ length: batch }, () =>
    Array.from({ length: count }, () => Math.floor(((next() + 1) / 2) * VOCABULARY) % VOCABULARY),
  );
}

function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let most = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    most = Math.max(most, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return most;
}

/** A model in plain onnxruntime, and whether its state is fed back. */
interface Run {
  readonly plain: PlainModel;
  readonly carry: boolean;
}

/** Each run's differences from the library's own step over many segments: the largest of logits, and of the state. */
async function differences(runs: readonly Run[], model: LanguageModel, params: ModelParams, batch: number) {
  const engine = await startEngine("wasm");
  const step = engine.compile("step", (p: ModelParams, s: ModelState, t: Tensor) => model.step(p, s, t));
  let state = detached(() => scope(() => model.initialState(params, batch)));
  const found = runs.map(() => ({ logits: 0, state: 0 }));
  for (let segment = 0; segment < SEGMENTS; segment++) {
    const rows = randomRows(batch, SLOTS, segment);
    const tokens = detached(() => tensor(Int32Array.from(rows.flat()), [batch, SLOTS]));
    const [logits, next] = await step(params, state, tokens);
    const leaves = namedLeaves(next);
    for (const [i, { plain, carry }] of runs.entries()) {
      const results = await plain.call(rows, carry);
      const most = found[i]!;
      most.logits = Math.max(most.logits, apart(results.logits, readSync(logits)));
      expect([...results.state.keys()].sort()).toEqual([...leaves.keys()].map((path) => `state.${path}`).sort());
      for (const [path, leaf] of leaves)
        most.state = Math.max(most.state, apart(results.state.get(`state.${path}`)!, readSync(leaf)));
    }
    release(tokens, logits, state);
    state = next;
  }
  release(state);
  await Promise.all([engine.dispose(), ...runs.map(({ plain }) => plain.close())]);
  return found;
}

describeNative.each(models)("%s in plain onnxruntime", (_, model) => {
  const params = paramsOf(model);

  it.each([1, 2])(`is the library's over ${SEGMENTS} segments, its state fed back, at batch %d`, async (batch) => {
    const files = filesOf(exportModel(model, params, { ...options, batch }));
    const runs = [
      { plain: await PlainModel.open(files), carry: true },
      { plain: await PlainModel.open(files), carry: false },
    ];
    const [found, forgetful] = await differences(runs, model, params, batch);
    expect(found!.logits).toBeLessThan(TOLERANCE);
    expect(found!.state).toBeLessThan(TOLERANCE);
    // The same comparison notices a state that stays what it was.
    expect(forgetful!.logits).toBeGreaterThan(100 * TOLERANCE);
    expect(forgetful!.state).toBeGreaterThan(100 * TOLERANCE);
  });

  it("with a symbolic batch is the library's at batch 1 and 3", async () => {
    const files = filesOf(exportModel(model, params, { ...options, batch: "symbolic" }));
    for (const batch of [1, 3]) {
      const plain = await PlainModel.open(files, batch);
      const [found] = await differences([{ plain, carry: true }], model, params, batch);
      expect(found!.logits).toBeLessThan(TOLERANCE);
      expect(found!.state).toBeLessThan(TOLERANCE);
    }
  });

  it("reads token by token, open calls given again, what the library reads in one piece", async () => {
    const plain = await PlainModel.open(filesOf(exportModel(model, params, options)));
    const engine = await startEngine("wasm");
    const session = await new Reader(engine, model, params).open();
    const [text] = randomRows(1, 2 * SLOTS + 5, 3) as [number[]];
    const { data } = await session.read(Int32Array.from(text));
    for (const t of text.keys()) {
      const open = text.slice(t - (t % SLOTS), t + 1);
      const { logits } = await plain.call([open], open.length === SLOTS);
      const last = logits.subarray((open.length - 1) * VOCABULARY, open.length * VOCABULARY);
      expect(apart(last, data.subarray(t * VOCABULARY, (t + 1) * VOCABULARY)), `token ${t}`).toBeLessThan(TOLERANCE);
    }
    session.close();
    await Promise.all([plain.close(), engine.dispose()]);
  });

  it("takes and gives what the description says", async () => {
    for (const batch of [2, "symbolic"] as const) {
      const exported = exportModel(model, params, { ...options, batch });
      const { inputs, outputs, state } = exported.description;
      const { session } = await PlainModel.open(filesOf(exported));
      expect([...session.inputNames].sort()).toEqual(
        [...inputs.map(({ name }) => name), ...state.map((it) => it.input)].sort(),
      );
      expect([...session.outputNames].sort()).toEqual(
        [...outputs.map(({ name }) => name), ...state.map((it) => it.output)].sort(),
      );
      const described = new Map([
        ...inputs.map(({ name, type, shape }) => [name, { type, shape }] as const),
        ...state.map(({ input, type, shape }) => [input, { type, shape }] as const),
      ]);
      for (const found of session.inputMetadata) {
        if (!found.isTensor) throw new Error(`${found.name} is no tensor`);
        expect({ type: found.type, shape: found.shape }).toEqual(described.get(found.name));
      }
      await session.release();
    }
  });
});

describe.each(models)("the files of %s", (architecture, model) => {
  const params = paramsOf(model);
  const exported = exportModel(model, params, { ...options, batch: "symbolic" });

  it("hold standard operators alone, each constant for a reason", () => {
    for (const file of [exported.model, exported.initialState, exportModel(model, params, options).model]) {
      const { operatorSets, nodes, initializers } = onnxContents(file);
      expect(operatorSets).toEqual({ "": 21 });
      expect(nodes.filter(({ domain }) => domain !== "")).toEqual([]);
      expect(new TextDecoder("latin1").decode(file)).not.toContain("com.microsoft");
      const read = new Set(nodes.flatMap((node) => node.inputs));
      expect(initializers.filter((name) => !read.has(name))).toEqual([]);
    }
  });

  it("say what they are", () => {
    const { metadata } = onnxContents(exported.model);
    expect(metadata).toMatchObject({ format: "1", architecture, step: "7", tokens: String(SLOTS), batch: "batch" });
    expect(JSON.parse(metadata.tokenizer!)).toEqual(byteTokenizer().describe());
    expect(JSON.parse(metadata.model!)).toEqual(model.config);
    expect(JSON.parse(metadata.state!)).toEqual(exported.description.state);
    expect(Object.keys(metadata).sort()).toEqual(Object.keys(exported.description).sort());
  });

  it("leave no array behind", () => {
    const before = liveTensors();
    exportModel(model, params, options);
    exportModel(model, params, { ...options, batch: "symbolic" });
    expect(liveTensors()).toBe(before);
  });
});

/** A model whose logits depend on how many sequences there are. */
class BatchNormalized extends LanguageModel {
  override step(p: ModelParams, s: ModelState, t: Tensor, o: StepOptions = {}): [Tensor, ModelState] {
    const [logits, next] = super.step(p, s, t, o);
    return [np.subtract(logits, np.mean(logits, 0, { keepdims: true })), next];
  }
}

describe("refusals", () => {
  const [[, model]] = models as [(typeof models)[number]];
  const params = paramsOf(model);

  it.each<[string, Partial<ExportOptions>, RegExp]>([
    [
      "fewer tokens than a chunk",
      { tokens: 4 },
      /^a call of 4 tokens is not a whole number of the model's chunks of 8; choose a multiple such as 8 .*its mask/,
    ],
    ["tokens that cut a chunk", { tokens: 21 }, /a call of 21 tokens .* such as 24/],
    ["no tokens", { tokens: 0 }, /a call of 0 tokens .* such as 8/],
    [
      "no sequences",
      { batch: 0 },
      /^a batch of 0 sequences cannot be; it must be a whole number of at least 1, or symbolic$/,
    ],
    ["half a sequence", { batch: 1.5 }, /a batch of 1.5 sequences/],
  ])("%s", (_, wrong, sentence) => {
    expect(() => exportModel(model, params, { ...options, ...wrong })).toThrow(ConfigError);
    expect(() => exportModel(model, params, { ...options, ...wrong })).toThrow(sentence);
  });

  it("a symbolic batch of a model that mixes its sequences, naming the node", () => {
    const mixing = new BatchNormalized(inputs[0]!);
    expect(() => exportModel(mixing, params, { ...options, batch: "symbolic" })).toThrow(EngineError);
    expect(() => exportModel(mixing, params, { ...options, batch: "symbolic" })).toThrow(
      /^the graphs of batch 7 and batch 11 differ by more than that number: node \d+, \w+, .*; choose a fixed batch instead$/,
    );
    expect(exportModel(mixing, params, { ...options, batch: 2 }).description.batch).toBe(2);
  });
});

describe("files on disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "neural-memory-export-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const [[, model]] = models as [(typeof models)[number]];

  it("are three beside each other, and described", async () => {
    const exported = exportModel(model, paramsOf(model), options);
    const files = await writeExport(join(folder, "new", "whale.onnx"), exported);
    expect(files.initialState).toBe(join(folder, "new", "whale.initial-state.onnx"));
    expect(files.description).toBe(join(folder, "new", "whale.json"));
    expect(await readExportDescription(files)).toEqual(exported.description);
    await expect(readExportDescription(exportFiles(join(folder, "gone.onnx")))).rejects.toThrow(CheckpointError);
    for (const wrong of ["whale", ".onnx", "a/.onnx", "whale.json"])
      expect(() => exportFiles(wrong)).toThrow(ConfigError);
  });

  describeNative("and checked", () => {
    it("pass for the model that they were made from, and fail for another", async () => {
      const params = paramsOf(model);
      for (const batch of [1, "symbolic"] as const) {
        const files = await writeExport(join(folder, "m.onnx"), exportModel(model, params, { ...options, batch }));
        const calls: number[] = [];
        const check = await checkExport(files, model, params, {
          calls: 3,
          seed: 1,
          onCall: (done) => calls.push(done),
        });
        expect(calls).toEqual([1, 2, 3]);
        expect(check).toMatchObject({ calls: 3, batch: batch === 1 ? 1 : 2, passed: true });
        expect(check.logits.difference).toBeLessThan(TOLERANCE);
        expect(check.logits.largest).toBeGreaterThan(1);
        expect(check.state.difference).toBeLessThan(TOLERANCE);
        const other = await checkExport(files, model, paramsOf(model, 2), { calls: 1, seed: 1 });
        expect(other.passed).toBe(false);
      }
    });
  });
});
