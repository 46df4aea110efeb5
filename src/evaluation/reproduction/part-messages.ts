/** What the process of a part and the one that started it say to each other. */
import type { CompareEvent } from "../compare-job.ts";
import type { Part } from "./part.ts";

/** What a process is asked for: first to train and measure a part, then perhaps to stop, which it does once the step is done and saved. */
export type PartRequest = { readonly kind: "part"; readonly part: Part } | { readonly kind: "stop" };

/** What a process tells, and how it ends: what it found is in the part's folder. */
export type PartMessage =
  | { readonly kind: "event"; readonly event: CompareEvent }
  | { readonly kind: "end" }
  | { readonly kind: "error"; readonly message: string };
