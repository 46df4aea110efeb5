/** A process of its own that trains and measures one part: what `trainMissing` starts. */
import { doWork } from "../../training/index.ts";
import type { CompareEvent } from "../compare-job.ts";
import type { Part } from "./part.ts";
import { trainPart } from "./train-part.ts";

doWork<Part, CompareEvent, void>(async (part, { tell, signal }) => {
  await trainPart(part, { onEvent: tell, signal });
});
