/**
 * ONNX files: the graph as a protobuf message.
 *
 * The one npm package with the schema builds on an unmaintained protobufjs and is larger than all of this engine; the messages that a graph
 * needs are few, so they are written here. Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
import {
  bodyOf,
  type OnnxAttribute,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxType,
} from "./onnx-graph.ts";

/** Version of the file format, and of the standard operators that graphs are written in. */
const irVersion = 10;
const operatorSet = 21;

const dataTypes: Record<OnnxType, number> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11, uint32: 12 };
const attributeTypes = { int: 2, string: 3, graph: 5, ints: 7 };

/** Operators that only onnxruntime has, and the name space that they are in. */
const runtimeOperators = new Set(["FusedMatMul"]);
const runtimeDomain = "com.microsoft";

const encoder = new TextEncoder();

/** The bytes of an ONNX file. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const { metadata = {} } = model;
  const writer = new MessageWriter();
  writer.integer(1, irVersion);
  writer.nested(7, (graph) => writeGraph(graph, model));
  writeOperatorSet(writer, "", operatorSet);
  if (!isStandard(model)) writeOperatorSet(writer, runtimeDomain, 1);
  for (const [key, value] of Object.entries(metadata)) {
    writer.nested(14, (message) => {
      message.text(1, key);
      message.text(2, value);
    });
  }
  return writer.bytes();
}

/** Whether a graph holds operators of the ONNX standard alone. */
export function isStandard({ nodes }: OnnxModel): boolean {
  return nodes.every((node) => {
    const body = bodyOf(node);
    return !runtimeOperators.has(node.operation) && (body === undefined || isStandard(body));
  });
}

function writeGraph(graph: MessageWriter, { nodes, initializers, inputs, outputs }: OnnxModel): void {
  for (const node of nodes) graph.nested(1, (message) => writeNode(message, node));
  graph.text(2, "program");
  for (const tensor of initializers) graph.nested(5, (message) => writeTensor(message, tensor));
  for (const tensor of inputs) graph.nested(11, (message) => writeValueInfo(message, tensor));
  for (const tensor of outputs) graph.nested(12, (message) => writeValueInfo(message, tensor));
}

function writeOperatorSet(writer: MessageWriter, domain: string, version: number): void {
  writer.nested(8, (message) => {
    message.text(1, domain);
    message.integer(2, version);
  });
}

function writeNode(message: MessageWriter, { operation, inputs, outputs, attributes }: OnnxNode): void {
  for (const name of inputs) message.text(1, name);
  for (const name of outputs) message.text(2, name);
  message.text(4, operation);
  for (const [name, value] of Object.entries(attributes))
    message.nested(5, (attribute) => writeAttribute(attribute, name, value));
  if (runtimeOperators.has(operation)) message.text(7, runtimeDomain);
}

function writeAttribute(message: MessageWriter, name: string, value: OnnxAttribute): void {
  message.text(1, name);
  if (typeof value === "number") {
    message.integer(3, value);
    message.integer(20, attributeTypes.int);
  } else if (typeof value === "string") {
    message.text(4, value);
    message.integer(20, attributeTypes.string);
  } else if ("nodes" in value) {
    message.nested(6, (graph) => writeGraph(graph, value));
    message.integer(20, attributeTypes.graph);
  } else {
    for (const n of value) message.integer(8, n);
    message.integer(20, attributeTypes.ints);
  }
}

function writeTensor(message: MessageWriter, { name, type, shape, bytes }: OnnxInitializer): void {
  for (const n of shape) message.integer(1, n);
  message.integer(2, dataTypes[type]);
  message.text(8, name);
  message.raw(9, bytes);
}

function writeValueInfo(message: MessageWriter, { name, type, shape, anyFirstAxis }: OnnxTensor): void {
  message.text(1, name);
  message.nested(2, (value) =>
    value.nested(1, (tensor) => {
      tensor.integer(1, dataTypes[type]);
      tensor.nested(2, (dimensions) => {
        for (const [axis, n] of shape.entries()) {
          dimensions.nested(1, (dimension) => {
            if (axis === 0 && anyFirstAxis !== undefined) dimension.text(2, anyFirstAxis);
            else dimension.integer(1, n);
          });
        }
      });
    }),
  );
}

/** Writes the fields of one protobuf message, one after another. */
class MessageWriter {
  private buffer = new Uint8Array(256);
  private length = 0;

  /** A field that holds a whole number from 0. */
  integer(field: number, value: number): void {
    this.variableLength(field * 8);
    this.variableLength(value);
  }

  raw(field: number, bytes: Uint8Array): void {
    this.variableLength(field * 8 + 2);
    this.variableLength(bytes.length);
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  text(field: number, value: string): void {
    this.variableLength(field * 8 + 2);
    this.enclosed(() => {
      this.reserve(3 * value.length);
      this.length += encoder.encodeInto(value, this.buffer.subarray(this.length)).written;
    });
  }

  /** A field that holds a message. */
  nested(field: number, write: (message: MessageWriter) => void): void {
    this.variableLength(field * 8 + 2);
    this.enclosed(() => write(this));
  }

  /** What is written, after its length: most lengths take one byte, for others there is room made afterwards. */
  private enclosed(write: () => void): void {
    const start = this.length + 1;
    this.reserve(1);
    this.length = start;
    write();
    const written = this.length - start;
    const more = bytesOf(written) - 1;
    // For the length too, which is written where the buffer must not be exchanged.
    this.reserve(more + 8);
    if (more > 0) this.buffer.copyWithin(start + more, start, this.length);
    this.length = start - 1;
    this.variableLength(written);
    this.length += written;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** A whole number in groups of seven bits, the lowest first. */
  private variableLength(value: number): void {
    this.reserve(8);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.buffer[this.length++] = (rest % 128) + 128;
    this.buffer[this.length++] = rest;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + count));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}

/** How many bytes a whole number takes in groups of seven bits. */
function bytesOf(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
