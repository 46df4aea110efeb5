/** What is in an ONNX file, read from its protobuf fields (onnx.proto), without onnxruntime. */

type Field = { readonly number: number; readonly value: number | Uint8Array };

export interface OnnxContents {
  /** Operator sets by domain; the standard's is "". */
  readonly operatorSets: Record<string, number>;
  readonly metadata: Record<string, string>;
  readonly nodes: readonly {
    readonly operation: string;
    readonly domain: string;
    readonly inputs: readonly string[];
  }[];
  readonly initializers: readonly string[];
}

export function onnxContents(file: Uint8Array): OnnxContents {
  const model = fields(file);
  const graph = fields(messages(model, 7)[0]!);
  const pairs = (number: number) => messages(model, number).map(fields);
  return {
    operatorSets: Object.fromEntries(
      pairs(8).map((it) => [text(it, 1), it.find(({ number }) => number === 2)?.value as number]),
    ),
    metadata: Object.fromEntries(pairs(14).map((it) => [text(it, 1), text(it, 2)])),
    nodes: messages(graph, 1)
      .map(fields)
      .map((node) => ({
        operation: text(node, 4),
        domain: text(node, 7),
        inputs: messages(node, 1).map((it) => new TextDecoder().decode(it)),
      })),
    initializers: messages(graph, 5).map((it) => text(fields(it), 8)),
  };
}

function messages(all: readonly Field[], number: number): Uint8Array[] {
  return all.filter((field) => field.number === number).map(({ value }) => value as Uint8Array);
}

function text(all: readonly Field[], number: number): string {
  return new TextDecoder().decode(messages(all, number)[0] ?? new Uint8Array());
}

/** The fields of a message that holds whole numbers and pieces of bytes alone. */
function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const size = tag % 8 === 2 ? varint() : undefined;
    if (size === undefined) found.push({ number: tag >> 3, value: varint() });
    else found.push({ number: tag >> 3, value: bytes.subarray(at, at + size) });
    at += size ?? 0;
  }
  return found;
}
