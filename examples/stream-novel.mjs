// A novel streamed through Hope: it predicts every byte of Moby Dick before it reads it, and goes on learning while it reads.
// After `npm run build`: node examples/stream-novel.mjs [training steps] [bytes to read]
import { countElements, namedLeaves, readScalar, startEngine } from "neural-memory/array";
import { byteTokenizer, byteTokens, openCorpus, splits } from "neural-memory/data";
import { Reader, scoreText } from "neural-memory/inference";
import { LanguageModel } from "neural-memory/models";
import { train, trainingSchema } from "neural-memory/training";

const [steps, bytes] = [Number(process.argv[2] ?? 80), Number(process.argv[3] ?? 8192)];
const tokenizer = byteTokenizer();
const { train: training, validation } = splits(await openCorpus("moby-dick"), { validation: 0.1 });
const unread = byteTokens(validation); // the last chapters: nothing of them is trained on

const model = new LanguageModel({
  architecture: "hope",
  dim: 48,
  layers: 1,
  heads: 2,
  feedForwardExpansion: 1,
  selfModifying: { chunkSize: 32, projectionChunkSize: 32 },
  continuum: { periods: [64, 256, 1024], stepSize: 0.01 }, // three levels: updated every 64, 256 and 1024 bytes
});
const schedule = { steps, warmupSteps: Math.min(20, steps), evaluateEvery: steps };
const engine = await startEngine();
console.log(`training for ${steps} steps`);
const { params } = await train({
  engine,
  model,
  data: { tokenizer, training: byteTokens(training), validation: unread },
  config: trainingSchema.parse({ ...schedule, batch: 4, length: 256, segment: 64, learningRate: 1e-2 }),
  onStep: ({ step, bitsPerByte }) =>
    step % 20 === 0 && console.log(`step ${step}: ${bitsPerByte.toFixed(2)} bits per byte`),
});

/** How often each level was updated so far. */
async function updates(session) {
  const counters = [...namedLeaves(session.memory.closed)].filter(([path]) => path.endsWith(".updates"));
  return (await Promise.all(counters.map(([, counter]) => readScalar(counter)))).join(", ");
}

const text = { ...unread, length: Math.min(bytes + 1, unread.length) };
const reader = new Reader(engine, model, params);
const [learner, still] = [await reader.open(), await reader.open()];
const control = scoreText(still, tokenizer, text, { learn: false }); // its levels stand still
console.log("bytes read  bits per byte  levels standing still  updates of the levels  numbers in memory");
for await (const { bits, bytes } of scoreText(learner, tokenizer, text)) {
  const { value: other } = await control.next();
  const scores = [bits / bytes, other.bits / other.bytes].map((score) => score.toFixed(3));
  const memory = countElements(learner.memory.closed); // as many after a whole book as after a line
  const columns = [bytes, ...scores, await updates(learner), memory];
  console.log(columns.map((column, i) => String(column).padStart([10, 13, 21, 21, 17][i])).join("  "));
}
