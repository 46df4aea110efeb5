/** onnxruntime, which may be absent: the one place that loads it. */
import type { InferenceSession } from "onnxruntime-common";
import { EngineError } from "../../utils/index.ts";
import type { TensorData } from "../host-tensor.ts";
import type { ElementType } from "./graph.ts";
import type { OnnxTensor } from "./onnx-graph.ts";
import { UnsupportedPrimitive } from "./unsupported.ts";

/** The package's interface, from the package that holds its types alone. */
export type Runtime = typeof import("onnxruntime-common");

/** A compiled program: from its inputs' numbers to its outputs'. */
export interface Session {
  /** @param length of the first axis of the tensors that take any */
  run(inputs: readonly TensorData[], length?: number): Promise<TensorData[]>;
  /** Writes the profile, if one was asked for. */
  endProfiling(): void;
  dispose(): Promise<void>;
}

let loading: Promise<Runtime> | undefined;

/**
 * Loads onnxruntime.
 *
 * @throws EngineError if it is not installed, or has no binary for this platform
 */
export function loadRuntime(): Promise<Runtime> {
  loading ??= importRuntime();
  return loading;
}

async function importRuntime(): Promise<Runtime> {
  // Not a literal, so that bundlers for browsers do not look for it.
  const name: string = "onnxruntime-node";
  try {
    return ((await import(name)) as { default: Runtime }).default;
  } catch (cause) {
    throw new EngineError(
      'the engine "native" needs the package onnxruntime-node, which cannot be loaded here; install it, or use "wasm"',
      { cause },
    );
  }
}

/** How a session computes. */
export interface SessionSettings {
  readonly threads: number;
  /** Writes a profile, one file a session, whose name starts so. */
  readonly profile?: string;
  /** Has onnxruntime change the graph first, as it does by default. */
  readonly optimize?: boolean;
}

/**
 * A session of onnxruntime for an ONNX file.
 *
 * @param inputs what the file calls its inputs, in order
 * @param outputs what it calls its outputs
 */
export async function createSession(
  runtime: Runtime,
  file: Uint8Array,
  inputs: readonly OnnxTensor[],
  outputs: readonly OnnxTensor[],
  { threads, profile, optimize = false }: SessionSettings,
): Promise<Session> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // The graph is already what onnxruntime would make of it: its passes take seconds, gain nothing, and some break float64 graphs.
    graphOptimizationLevel: optimize ? "all" : "disabled",
    logSeverityLevel: 3,
    ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
  };
  const session = await runtime.InferenceSession.create(file, options).catch((cause: Error) => {
    // A kernel that onnxruntime lacks for an element type is found only here.
    if (cause.message.includes("NOT_IMPLEMENTED")) throw new UnsupportedPrimitive(cause.message);
    throw cause;
  });
  const names = outputs.map(({ name }) => name);
  return {
    endProfiling: () => session.endProfiling(),
    dispose: () => session.release(),
    async run(numbers, length = 1) {
      const feeds = Object.fromEntries(
        inputs.map(({ name, type, shape, anyFirstAxis }, i) => {
          const data = forRuntime(numbers[i]!, type as ElementType) as Float32Array;
          const dims = anyFirstAxis === undefined ? shape : [length, ...shape.slice(1)];
          return [name, new runtime.Tensor(type as "float32", data, dims)];
        }),
      );
      const results = await session.run(feeds, names);
      return outputs.map(({ name, type }) => fromRuntime(results[name]!.data, type as ElementType));
    },
  };
}

/**
 * An ONNX file in onnxruntime with its default settings, as its users run it.
 *
 * @param inputs what the file calls its inputs, in the order in which they are given
 * @param outputs what it calls its outputs
 * @throws EngineError if onnxruntime cannot be loaded
 */
export async function openOnnxFile(
  file: Uint8Array,
  inputs: readonly OnnxTensor[],
  outputs: readonly OnnxTensor[],
): Promise<Session> {
  return createSession(await loadRuntime(), file, inputs, outputs, { threads: 1, optimize: true });
}

/** Booleans take one byte in onnxruntime and four in the array library. */
function forRuntime(numbers: TensorData, type: ElementType): TensorData | Uint8Array {
  switch (type) {
    case "bool":
      return Uint8Array.from(numbers);
    case "float32":
      return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
    case "float64":
      return numbers instanceof Float64Array ? numbers : Float64Array.from(numbers);
    default:
      return numbers;
  }
}

function fromRuntime(data: unknown, type: ElementType): TensorData {
  return type === "bool" ? Int32Array.from(data as Uint8Array) : (data as TensorData);
}
