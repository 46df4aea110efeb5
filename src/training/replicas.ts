/** A batch shared among threads: each computes the loss and gradient of some of the windows, with an engine of its own. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type Engine, type PlainTree, plainTree, treeOfPlain } from "../array/index.ts";
import type { TokenWindows } from "../data/index.ts";
import { LanguageModel, type ModelParams } from "../models/index.ts";
import { EngineError } from "../utils/index.ts";
import type { WindowAnswers } from "./answer-programs.ts";
import { HeldTree } from "./held-tree.ts";
import { replicaEntry } from "./replica-entry.ts";
import type { ReplicaMessage, ReplicaRequest, ReplicaSettings } from "./replica-messages.ts";
import type { SequenceGradients } from "./segment-programs.ts";
import { EnginePrograms, type WindowPrograms } from "./window-programs.ts";

/**
 * Numbers of a model above which its batch stays whole: every thread holds parameters and gradients of its own, and onnxruntime's threads share the
 * products of large matrices well by themselves.
 */
const LARGEST_SHARED = 2 ** 25;

/**
 * The programs of a training: shared among threads where the engine has more than one and the batch more than one window, else on the engine.
 *
 * One product of matrices hardly gains from a second thread, half a batch gains nearly everything. The sum over the shares is the same in every run
 * with as many threads, and differs from that of one thread in its last digits.
 *
 * @param batch windows of a batch
 * @param segment tokens of a segment
 * @param onNote told once what an engine has to say
 */
export function windowPrograms(
  engine: Engine,
  model: LanguageModel,
  { batch, segment }: { readonly batch: number; readonly segment: number },
  onNote?: (sentence: string) => void,
): WindowPrograms {
  const count = Math.min(engine.replicas, batch);
  if (count < 2 || !canBeShared(model)) return new EnginePrograms(engine, model, segment);
  const threads = Math.floor(engine.replicas / count);
  return new Replicas(count, { model: model.config, segment, threads }, onNote);
}

/** A replica knows the model by its configuration alone, and a bundle may lack its code. */
function canBeShared(model: LanguageModel): boolean {
  const isPlain = Object.getPrototypeOf(model) === LanguageModel.prototype;
  return isPlain && existsSync(fileURLToPath(replicaEntry)) && parameterCount(model) <= LARGEST_SHARED;
}

function parameterCount(model: LanguageModel): number {
  const sizes = [...model.shapes().values()].map(({ shape }) => shape.reduce((size, n) => size * n, 1));
  return sizes.reduce((sum, size) => sum + size, 0);
}

class Replicas implements WindowPrograms {
  private readonly count: number;
  private readonly start: () => Replica;
  /** No thread reads the parameters of one request when the next is asked. */
  private readonly params = new HeldTree(SharedArrayBuffer);
  private started: readonly Replica[] | undefined;

  constructor(count: number, settings: ReplicaSettings, onNote?: (sentence: string) => void) {
    const told = new Set<string>();
    const tellOnce = (sentence: string) => {
      if (!told.has(sentence)) onNote?.(sentence);
      told.add(sentence);
    };
    this.count = count;
    this.start = () => new Replica(settings, tellOnce);
  }

  /** Started at the first use: a run that has no step left needs none. */
  private get replicas(): readonly Replica[] {
    this.started ??= Array.from({ length: this.count }, this.start);
    return this.started;
  }

  async gradients(
    params: ModelParams,
    batches: readonly TokenWindows[],
    scale: number,
  ): Promise<SequenceGradients<ModelParams>> {
    const plain = this.params.hold(plainTree(params));
    const shares = batches.map((windows) => shared(windows, this.count));
    const answers = await this.askAll((i) => {
      return { kind: "gradients", params: plain, batches: shares.map((share) => share[i]!), scale };
    });
    const gradients = summed(answers.map((answer) => answer.gradients!));
    return { loss: total(answers), gradients: treeOfPlain(gradients) as ModelParams };
  }

  async loss(params: ModelParams, windows: TokenWindows): Promise<number> {
    const plain = this.params.hold(plainTree(params));
    const shares = shared(windows, this.count);
    return total(await this.askAll((i) => ({ kind: "loss", params: plain, windows: shares[i]! })));
  }

  async answers(params: ModelParams, windows: TokenWindows): Promise<WindowAnswers> {
    const plain = this.params.hold(plainTree(params));
    const shares = shared(windows, this.count);
    const found = await this.askAll((i) => ({ kind: "answers", params: plain, windows: shares[i]! }));
    return { loss: total(found), right: joined(found.map(({ right }) => right!)) };
  }

  /** Waits for all answers, also where one fails: a thread that still computes cannot be asked anything else. */
  private async askAll(requestOf: (replica: number) => ReplicaRequest): Promise<Answer[]> {
    const asked = this.replicas.map((replica, i) => replica.ask(requestOf(i)));
    await Promise.allSettled(asked);
    return Promise.all(asked);
  }

  async close(): Promise<void> {
    await Promise.all((this.started ?? []).map((replica) => replica.close()));
  }
}

type Answer = Extract<ReplicaMessage, { kind: "answer" }>;

/** One thread, asked one thing at a time. */
class Replica {
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private settle: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  private failure: Error | undefined;

  constructor(settings: ReplicaSettings, onNote: (sentence: string) => void) {
    this.worker = new Worker(replicaEntry, { workerData: settings });
    this.worker.on("message", (message: ReplicaMessage) => {
      if (message.kind === "note") onNote(message.sentence);
      else if (message.kind === "error") this.settle?.reject(failed(message.error));
      else this.settle?.resolve(message);
    });
    const fail = (error: unknown) => {
      this.failure ??= failed(error);
      this.settle?.reject(this.failure);
    };
    this.worker.on("error", fail);
    this.ended = new Promise((resolve) => {
      this.worker.on("exit", (code) => {
        fail(new Error(`it ended with code ${code}`));
        resolve();
      });
    });
  }

  ask(request: ReplicaRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      this.settle = { resolve, reject };
      this.worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    const request: ReplicaRequest = { kind: "close" };
    this.worker.postMessage(request);
    await this.ended;
  }
}

function failed(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(`a thread that computes a share of the batch failed: ${reason}`, { cause });
}

/** The rows of a batch in as many shares of nearly equal size. */
function shared(
  { tokens, batch, length, starts, targets, weights, observed }: TokenWindows,
  shares: number,
): TokenWindows[] {
  return Array.from({ length: shares }, (_, i) => {
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * batch) / shares)) as [number, number];
    return {
      tokens: tokens.slice(from * (length + 1), to * (length + 1)),
      batch: to - from,
      length,
      starts: starts.slice(from, to),
      targets: targets.slice(from, to),
      ...(weights && { weights: weights.slice(from * length, to * length) }),
      ...(observed && { observed: observed.slice(from * length, to * length) }),
    };
  });
}

/** The rows of the shares below each other. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => {
    all.set(part, at);
    return at + part.length;
  }, 0);
  return all;
}

function total(answers: readonly Answer[]): number {
  return answers.reduce((sum, { loss }) => sum + loss, 0);
}

/** The sum of trees, in their order, written to the first. */
function summed([first, ...rest]: readonly PlainTree[]): PlainTree {
  for (const tree of rest) {
    for (const [path, { numbers }] of first!) {
      const added = tree.get(path)!.numbers;
      for (let i = 0; i < numbers.length; i++) numbers[i]! += added[i]!;
    }
  }
  return first!;
}
