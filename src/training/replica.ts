/** A thread of its own that computes its share of each batch: what `Replicas` starts. */
import { parentPort, workerData } from "node:worker_threads";
import { type PlainTree, plainTree, release, startEngine, treeOfPlain } from "../array/index.ts";
import { LanguageModel, type ModelParams } from "../models/index.ts";
import { HeldTree } from "./held-tree.ts";
import type { ReplicaMessage, ReplicaRequest, ReplicaSettings } from "./replica-messages.ts";
import { EnginePrograms } from "./window-programs.ts";

const { model, segment, threads } = workerData as ReplicaSettings;
const port = parentPort!;
const say = (message: ReplicaMessage, given: readonly ArrayBuffer[] = []) => port.postMessage(message, given);
const engine = await startEngine("native", { threads, onNote: (sentence) => say({ kind: "note", sentence }) });
const held = new HeldTree(ArrayBuffer);
const programs = new EnginePrograms(engine, new LanguageModel(model), segment);

port.on("message", async (request: ReplicaRequest) => {
  if (request.kind === "close") {
    await engine.dispose();
    port.close();
    return;
  }
  try {
    await answer(request);
  } catch (error) {
    say({ kind: "error", error });
  }
});

async function answer(request: Exclude<ReplicaRequest, { kind: "close" }>): Promise<void> {
  const params = treeOfPlain(held.hold(request.params)) as ModelParams;
  if (request.kind === "loss") {
    say({ kind: "answer", loss: await programs.loss(params, request.windows) });
  } else if (request.kind === "answers") {
    say({ kind: "answer", ...(await programs.answers(params, request.windows)) });
  } else {
    const { loss, gradients } = await programs.gradients(params, request.batches, request.scale);
    const plain = plainTree(gradients);
    // Released first, since what is given away must not be read here again.
    release(gradients);
    say({ kind: "answer", loss, gradients: plain }, buffersOf(plain));
  }
  release(params);
}

function buffersOf(tree: PlainTree): ArrayBuffer[] {
  return [...new Set([...tree.values()].map(({ numbers }) => numbers.buffer as ArrayBuffer))];
}
