/** What the training loop and its replicas say to each other. */
import type { PlainTree } from "../array/index.ts";
import type { TokenWindows } from "../data/index.ts";
import type { ModelConfig } from "../models/index.ts";

/** What a replica is made of. */
export interface ReplicaSettings {
  readonly model: ModelConfig;
  /** Tokens of a segment. */
  readonly segment: number;
  /** Threads of its engine. */
  readonly threads: number;
}

/** What a replica is asked for; each request but the last gets one answer. */
export type ReplicaRequest =
  | {
      readonly kind: "gradients";
      readonly params: PlainTree;
      readonly batches: readonly TokenWindows[];
      readonly scale: number;
    }
  | { readonly kind: "loss"; readonly params: PlainTree; readonly windows: TokenWindows }
  | { readonly kind: "answers"; readonly params: PlainTree; readonly windows: TokenWindows }
  | { readonly kind: "close" };

/** What a replica says: an answer, why there is none, or what its engine wants the user to know. */
export type ReplicaMessage =
  | { readonly kind: "answer"; readonly loss: number; readonly gradients?: PlainTree; readonly right?: Float32Array }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "note"; readonly sentence: string };
