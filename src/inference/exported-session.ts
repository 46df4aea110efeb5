/** Exported files in onnxruntime: tokens in, logits out, state fed back (Node only). */
import { readFile } from "node:fs/promises";
import type { TensorData } from "../array/index.ts";
import { type OnnxSession, type OnnxTensor, openOnnxFile } from "../array/native/index.ts";
import { type Block, padTokens, sliceTokens } from "../common/index.ts";
import { BATCH_AXIS, type ExportDescription } from "./export-description.ts";
import { type ExportFiles, readExportDescription } from "./export-files.ts";

type DescribedArray = Omit<ExportDescription["inputs"][number], "name">;

/** Streams being read by an exported model. */
export class ExportedSession {
  readonly batch: number;
  readonly description: ExportDescription;
  private readonly current: Map<string, TensorData>;
  private readonly inputs: readonly OnnxTensor[];
  private readonly outputs: readonly OnnxTensor[];
  private readonly session: OnnxSession;

  private constructor(
    batch: number,
    description: ExportDescription,
    state: Map<string, TensorData>,
    session: OnnxSession,
    inputs: readonly OnnxTensor[],
    outputs: readonly OnnxTensor[],
  ) {
    this.batch = batch;
    this.description = description;
    this.current = state;
    this.session = session;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /**
   * Opens exported files, with the state before the first token.
   *
   * @param anyBatch the number of sequences where the files take any
   * @throws EngineError if onnxruntime cannot be loaded
   */
  static async open(files: ExportFiles, anyBatch: number): Promise<ExportedSession> {
    const description = await readExportDescription(files);
    const batch = description.batch === BATCH_AXIS ? anyBatch : description.batch;
    const sized = (name: string, { type, shape }: DescribedArray): OnnxTensor => ({
      name,
      type,
      shape: shape.map((n) => (n === BATCH_AXIS ? batch : n)),
    });
    const layout = description.state.map((it) => sized(it.input, it));
    const inputs = [...description.inputs.map((it) => sized(it.name, it)), ...layout];
    const outputs = [
      ...description.outputs.map((it) => sized(it.name, it)),
      ...description.state.map((it) => sized(it.output, it)),
    ];
    const initial = await openOnnxFile(await readFile(files.initialState), [], layout);
    const rows = await initial.run([]).finally(() => initial.dispose());
    const state = new Map(layout.map(({ name, shape }, i) => [name, repeated(rows[i]!, shape)]));
    const session = await openOnnxFile(await readFile(files.model), inputs, outputs);
    return new ExportedSession(batch, description, state, session, inputs, outputs);
  }

  /** The state after the last full call: its numbers by their input's name. */
  get state(): ReadonlyMap<string, TensorData> {
    return this.current;
  }

  /**
   * Reads tokens in one call; the state goes on if they fill it.
   *
   * @param read [batch, count], at most as many as a call has slots
   * @returns logits [batch, count, vocabulary]
   */
  async call(read: Block): Promise<Block> {
    const { tokens, model, state: layout } = this.description;
    const count = read.shape[1]!;
    const ones: Block = { data: new Float32Array(read.data.length).fill(1), shape: read.shape };
    const given = new Map(this.current);
    given.set("tokens", padTokens(read, tokens).data);
    given.set("mask", padTokens(ones, tokens).data);
    const results = await this.session.run(this.inputs.map(({ name }) => given.get(name)!));
    const after = new Map(this.outputs.map(({ name }, i) => [name, results[i]!]));
    if (count === tokens) for (const { input, output } of layout) this.current.set(input, after.get(output)!);
    const logits: Block = { data: after.get("logits")!, shape: [this.batch, tokens, model.vocabularySize] };
    return sliceTokens(logits, 0, count);
  }

  async close(): Promise<void> {
    await this.session.dispose();
  }
}

/** The numbers of one sequence for as many as a shape has; those of all sequences as they are. */
function repeated(numbers: TensorData, shape: readonly number[]): TensorData {
  const size = shape.reduce((product, n) => product * n, 1);
  if (numbers.length === size) return numbers;
  const filled = new (numbers.constructor as new (n: number) => TensorData)(size);
  for (let at = 0; at < size; at += numbers.length) filled.set(numbers, at);
  return filled;
}
