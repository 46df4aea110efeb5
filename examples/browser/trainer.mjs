// A byte model that is trained where this runs, in a browser's tab or in Node, and its text.
import { detached, key, np, readScalar, release, scope, startEngine, tensor, valueAndGrad } from "neural-memory/array";
import { Stream } from "neural-memory/common";
import { LanguageModel, nextTokenLoss } from "neural-memory/models";
import { adamW } from "neural-memory/optim";

const [BATCH, LENGTH, LEARNING_RATE] = [4, 32, 1e-2];
const memory = { maxMomentum: 0.5, gateBiases: { forget: -5, momentum: 0, stepSize: -2 }, chunkSize: 16 };
const model = new LanguageModel({ architecture: "titans-lmm", dim: 32, layers: 1, heads: 2, memory });
const optimizer = adamW();

/** A logit at temperature 0.7 with Gumbel noise: the largest is a draw from the softmax. */
const drawn = (logit) => logit / 0.7 - Math.log(-Math.log(Math.random()));

/** @param text what is learned: at least some hundred bytes */
export async function startTrainer(text) {
  const bytes = new TextEncoder().encode(text);
  const engine = await startEngine();
  const params = detached(() => scope(() => model.init(key(0))));
  let now = { params, moments: detached(() => scope(() => optimizer.init(params))) };
  const lossOf = (params, tokens, targets) =>
    np.mean(nextTokenLoss(model.step(params, model.initialState(params, BATCH), tokens)[0], targets));
  const update = engine.compile("training step", ({ params, moments }, tokens, targets) => {
    const [loss, gradients] = valueAndGrad(lossOf)(params, tokens, targets);
    const [next, after] = optimizer.update(params, gradients, moments, tensor([LEARNING_RATE], []));
    return { loss, next: { params: next, moments: after } };
  });
  const stream = new Stream(engine, model, { chunk: model.chunkSize, segment: model.chunkSize });
  /** Learns from four windows at random places. @returns bits per byte before the step */
  async function step() {
    const starts = Array.from({ length: BATCH }, () => Math.floor(Math.random() * (bytes.length - LENGTH)));
    const windows = (shift) => starts.flatMap((at) => [...bytes.slice(at + shift, at + shift + LENGTH)]);
    const tensorOf = (numbers) => tensor(Int32Array.from(numbers), [BATCH, LENGTH]);
    const [tokens, targets] = detached(() => [tensorOf(windows(0)), tensorOf(windows(1))]);
    const { loss, next } = await update(now, tokens, targets);
    const nats = await readScalar(loss);
    release(now, tokens, targets, loss);
    now = next;
    return nats / Math.LN2;
  }

  /** Reads a prompt and writes on, byte by byte, each drawn from what the model expects; its memory learns from both. */
  async function* write(prompt, count) {
    let state = await stream.start(now.params, 1);
    let data = Int32Array.from(new TextEncoder().encode(prompt || "\n"));
    for (let n = 0; n < count; n++) {
      const [logits, next] = await stream.push(now.params, state, { data, shape: [1, data.length] });
      stream.release(state);
      state = next;
      const scores = logits.data.slice(-model.config.vocabularySize).map(drawn);
      data = Int32Array.of(scores.indexOf(Math.max(...scores)));
      yield data[0];
    }
    stream.release(state);
  }
  return { step, write };
}
