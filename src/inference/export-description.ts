/** What an exported model says about itself: in the file, and in a JSON file beside it. */
import { z } from "zod";
import type { TokenizerDescription } from "../data/index.ts";
import { architectureNames, modelSchema } from "../models/index.ts";

/** Version of the description, and of what the files take and give. */
export const EXPORT_FORMAT = 1;
/** What the first axis is called in a file that takes any number of sequences. */
export const BATCH_AXIS = "batch";

/** Types of numbers in the arrays of a file. */
export const elementTypes = z.enum(["float32", "float64", "int32", "uint32", "bool"]);

const whole = z.int().min(1);
const shape = z.array(z.union([whole, z.literal(BATCH_AXIS)]));
const arraySchema = z.strictObject({ name: z.string(), type: elementTypes, shape });

/** A description as it is stored. */
export const exportSchema = z.strictObject({
  format: z.literal(EXPORT_FORMAT),
  architecture: z.enum(architectureNames),
  /** Optimiser steps that the checkpoint had been trained for. */
  step: z.int().min(0),
  model: modelSchema,
  tokenizer: z.custom<TokenizerDescription>((value) => typeof value === "object" && value !== null && "kind" in value),
  /** Sequences a call, or the name of the axis that may have any length. */
  batch: z.union([whole, z.literal(BATCH_AXIS)]),
  /** Slots a call: the state may be carried on after a call in which all of them held tokens. */
  tokens: whole,
  /** Tokens that share one gradient point. */
  chunkSize: whole,
  /** What a call takes beside the state. */
  inputs: z.array(arraySchema),
  /** What a call gives beside the state. */
  outputs: z.array(arraySchema),
  /** The state: what each array is called as an input, and what its next value is called. */
  state: z.array(z.strictObject({ input: z.string(), output: z.string(), type: elementTypes, shape })),
});

/** What an exported model is, what it takes and what it gives. */
export type ExportDescription = z.output<typeof exportSchema>;

/** A description as the notes of an ONNX file: text as it is, everything else as JSON. */
export function notesOf(description: ExportDescription): Record<string, string> {
  return Object.fromEntries(
    Object.entries(description).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}
