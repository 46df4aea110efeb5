// Writes on from a prompt with a byte model that `neural-memory export` wrote: node run-model.mjs model.onnx "Call me" 100
import { readFile } from "node:fs/promises";
import ort from "onnxruntime-node"; // in a browser: onnxruntime-web, and fetch instead of readFile

const [path = "model.onnx", prompt = "Call me", count = "100"] = process.argv.slice(2);
const base = path.replace(/\.onnx$/, "");
const { tokens: slots, state: arrays } = JSON.parse(await readFile(`${base}.json`, "utf8"));
const model = await ort.InferenceSession.create(path);
let state = await (await ort.InferenceSession.create(`${base}.initial-state.onnx`)).run({}); // nothing learned yet
let open = []; // tokens of the call that is not full yet: they are given again with the next one

/** Reads one token; returns the likeliest next one. */
async function read(token) {
  open.push(token);
  const tokens = Int32Array.from({ length: slots }, (_, i) => open[i] ?? 0);
  const mask = Float32Array.from({ length: slots }, (_, i) => (i < open.length ? 1 : 0));
  const feeds = {
    tokens: new ort.Tensor("int32", tokens, [1, slots]),
    mask: new ort.Tensor("float32", mask, [1, slots]),
  };
  const results = await model.run({ ...state, ...feeds });
  const vocabulary = results.logits.dims[2];
  const logits = results.logits.data.subarray((open.length - 1) * vocabulary, open.length * vocabulary);
  if (open.length === slots) {
    state = Object.fromEntries(arrays.map(({ input, output }) => [input, results[output]])); // it has learned from them
    open = [];
  }
  return logits.indexOf(Math.max(...logits));
}

let next = 0;
for (const byte of new TextEncoder().encode(prompt)) next = await read(byte);
for (let n = 0; n < Number(count); n++, next = await read(next)) process.stdout.write(Uint8Array.of(next));
