/** An exported model in plain onnxruntime, as somebody has it who knows the files and nothing of this library: nothing of src is imported here. */
import type { InferenceSession, Tensor } from "onnxruntime-common";

type Runtime = typeof import("onnxruntime-common");

/** What of the JSON file is needed to run a model. */
interface Sidecar {
  readonly tokens: number;
  readonly state: readonly { readonly input: string; readonly output: string }[];
}

/** The three files' contents. */
export interface Files {
  readonly model: Uint8Array;
  readonly initialState: Uint8Array;
  readonly json: string;
}

/** What a call left. */
export interface Results {
  readonly logits: Float32Array;
  /** The next state by its input's name. */
  readonly state: ReadonlyMap<string, Float32Array>;
}

export class PlainModel {
  readonly session: InferenceSession;
  private readonly runtime: Runtime;
  private readonly sidecar: Sidecar;
  private state: Record<string, Tensor>;

  private constructor(runtime: Runtime, session: InferenceSession, sidecar: Sidecar, state: Record<string, Tensor>) {
    this.runtime = runtime;
    this.session = session;
    this.sidecar = sidecar;
    this.state = state;
  }

  /** @param repeat copies of the initial state's rows, for files of any batch */
  static async open({ model, initialState, json }: Files, repeat = 1): Promise<PlainModel> {
    const runtime = ((await import("onnxruntime-node")) as unknown as { default: Runtime }).default;
    const initial = await runtime.InferenceSession.create(initialState);
    const rows = (await initial.run({})) as Record<string, Tensor>;
    await initial.release();
    const state = Object.entries(rows).map(([name, { data, dims }]) => {
      const copies = Array.from({ length: repeat }, () => [...(data as Float32Array)]).flat();
      return [name, new runtime.Tensor("float32", Float32Array.from(copies), [dims[0]! * repeat, ...dims.slice(1)])];
    });
    const session = await runtime.InferenceSession.create(model);
    return new PlainModel(runtime, session, JSON.parse(json), Object.fromEntries(state));
  }

  /**
   * One call.
   *
   * @param tokens rows of the same length, at most as many tokens as the file has slots
   * @param carry whether the state goes on
   */
  async call(tokens: readonly (readonly number[])[], carry = true): Promise<Results> {
    const { tokens: slots, state } = this.sidecar;
    const filled = (row: readonly number[], value: (i: number) => number) =>
      Array.from({ length: slots }, (_, i) => (i < row.length ? value(i) : 0));
    const shape = [tokens.length, slots];
    const results = await this.session.run({
      ...this.state,
      tokens: new this.runtime.Tensor(
        "int32",
        Int32Array.from(tokens.flatMap((row) => filled(row, (i) => row[i]!))),
        shape,
      ),
      mask: new this.runtime.Tensor("float32", Float32Array.from(tokens.flatMap((row) => filled(row, () => 1))), shape),
    });
    const next = state.map(({ input, output }) => [input, results[output]!] as const);
    if (carry) this.state = Object.fromEntries(next) as Record<string, Tensor>;
    return {
      logits: results.logits!.data as Float32Array,
      state: new Map(next.map(([name, { data }]) => [name, data as Float32Array])),
    };
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
