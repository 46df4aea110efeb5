/**
 * Classifying DNA-like sequences with a memory.
 *
 *     npm run build && node examples/classify.mjs
 *
 * The sequences are generated: random bases, and at a random position two regions of ten bases, one rich in A and T, one rich in G and C, with a gap between
 * them, as where transcription starts. The class is their direction: AT before GC, or GC before AT. Both classes have the same letters and the same short
 * words, so that a logistic regression on counts of k-mers has little to go by; a model has to remember what it has seen. It is compared with the more
 * frequent class, with that regression, and with itself when its memory is never written.
 */
import { parseArgs } from "node:util";
import { release, startEngine } from "neural-memory/array";
import { pickTokens, Stream } from "neural-memory/common";
import { counterRandom } from "neural-memory/data";
import { crossEntropy, SequenceClassifier } from "neural-memory/models";
import { warmupCosine } from "neural-memory/optim";
import { cutSegments, fitModel, labelledBatch } from "neural-memory/training";

const { values: flags } = parseArgs({
  options: {
    steps: { type: "string", default: "120" },
    tests: { type: "string", default: "500" },
    seed: { type: "string", default: "0" },
    engine: { type: "string", default: "auto" },
  },
});
const [steps, tests, seed] = [Number(flags.steps), Number(flags.tests), Number(flags.seed)];

const BASES = "ACGT";
const REGION = 10;
const BATCH = 32;
const SEGMENT = 48;

/** A sequence of 32 to 47 bases: a pure function of the seed, the set and its number. */
function generateSequence(set, number) {
  let draws = 0;
  const uniform = () => counterRandom(seed, set, number, draws++);
  const below = (limit) => Math.floor(uniform() * limit);
  const baseOf = (letters) => letters[below(letters.length)];

  const label = below(2);
  const bases = Array.from({ length: 32 + below(16) }, () => baseOf(BASES));
  const gap = below(9);
  const start = below(bases.length - 2 * REGION - gap);
  const [first, second] = label === 1 ? ["AT", "GC"] : ["GC", "AT"];
  for (let i = 0; i < REGION; i++) {
    bases[start + i] = baseOf(uniform() < 0.85 ? first : BASES);
    bases[start + REGION + gap + i] = baseOf(uniform() < 0.85 ? second : BASES);
  }
  // One feature a base: 1 where it is the token's.
  const vectors = Float32Array.from(bases.flatMap((base) => [...BASES].map((other) => (base === other ? 1 : 0))));
  return { bases, vectors, label };
}

const training = Array.from({ length: steps * BATCH }, (_, i) => generateSequence(0, i));
const testing = Array.from({ length: tests }, (_, i) => generateSequence(1, i));
const engine = await startEngine(flags.engine, { onNote: console.error });

/** Trains a classifier, and says which class it gives each test sequence. */
async function classify(name, maxStepSize) {
  const model = new SequenceClassifier({
    architecture: "titans-lmm",
    dim: 32,
    layers: 1,
    heads: 2,
    features: BASES.length,
    classes: 2,
    memory: { depth: 1, maxMomentum: 0.5, maxStepSize, normalizeValues: true },
  });
  const began = performance.now();
  const params = await fitModel({
    engine,
    model,
    loss: crossEntropy,
    steps,
    learningRate: warmupCosine({ peak: 1e-2, warmupSteps: Math.min(10, steps), totalSteps: steps }),
    batch: (step) => {
      const sequences = training.slice(step * BATCH, (step + 1) * BATCH);
      return cutSegments(labelledBatch(sequences, model.config), SEGMENT);
    },
    onStep: ({ step, loss }) => {
      if (step % 20 !== 0 && step !== steps) return;
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.error(`${name}: step ${step} of ${steps}, cross entropy ${loss.toFixed(3)}, ${seconds} s`);
    },
  });
  const { tokens } = labelledBatch(testing, model.config);
  const stream = new Stream(engine, model, { chunk: model.chunkSize, segment: SEGMENT });
  const fresh = await stream.start(params, tests);
  const [logits, read] = await stream.push(params, fresh, tokens);
  stream.release(fresh);
  stream.release(read);
  release(params);
  // Every token has the logits of the sequence up to it; a sequence's class is read at its own last one.
  const lastBases = testing.map(({ bases }) => bases.length - 1);
  const { data } = pickTokens(logits, lastBases);
  return testing.map((_, row) => (data[2 * row + 1] > data[2 * row] ? 1 : 0));
}

/** The class that is more frequent in training, for every test sequence. */
function majority() {
  const ones = training.filter(({ label }) => label === 1).length;
  return testing.map(() => (2 * ones > training.length ? 1 : 0));
}

/** Logistic regression on how often each word of k bases occurs, trained by gradient descent. */
function wordCounts(k) {
  const count = ({ bases }) => {
    const counts = new Float64Array(BASES.length ** k + 1);
    counts[counts.length - 1] = 1;
    for (let t = 0; t + k <= bases.length; t++) {
      counts[bases.slice(t, t + k).reduce((word, base) => word * BASES.length + BASES.indexOf(base), 0)] += 1;
    }
    return counts;
  };
  const samples = training.map((sequence) => ({ counts: count(sequence), label: sequence.label }));
  const weights = new Float64Array(BASES.length ** k + 1);
  const logit = (counts) => counts.reduce((sum, number, i) => sum + number * weights[i], 0);
  for (let epoch = 0; epoch < 30; epoch++) {
    for (const { counts, label } of samples) {
      const error = label - 1 / (1 + Math.exp(-logit(counts)));
      for (let i = 0; i < counts.length; i++) weights[i] += (0.02 / (1 + epoch / 5)) * error * counts[i];
    }
  }
  return testing.map((sequence) => (logit(count(sequence)) > 0 ? 1 : 0));
}

const table = {
  "neural memory": await classify("neural memory", 1),
  "the same, never written": await classify("never written", 0),
  "more frequent class": majority(),
  "counts of 2-mers": wordCounts(2),
  "counts of 3-mers": wordCounts(3),
  "counts of 4-mers": wordCounts(4),
};
await engine.dispose();

console.log(`${tests} test sequences, ${training.length} to train on`);
console.log(`${"classifier".padEnd(24)}  accuracy`);
for (const [name, classes] of Object.entries(table)) {
  const right = testing.filter(({ label }, i) => label === classes[i]).length;
  console.log(`${name.padEnd(24)}  ${((100 * right) / tests).toFixed(1)} %`);
}
