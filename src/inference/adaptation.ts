/** An adapted state as a file: a memory file that also says which text was read, how far, and how well it was predicted (Node only). */
import { z } from "zod";
import type { LanguageModel, ModelParams } from "../models/index.ts";
import { CheckpointError, parseConfig } from "../utils/index.ts";
import { loadMemory, type Memory, memoryRemark, saveMemory } from "./memory-file.ts";

const REMARK = "adaptation";

const scoreSchema = z.strictObject({ bits: z.number(), bytes: z.number(), tokens: z.number() });

const adaptationSchema = z.strictObject({
  /** What is read. */
  text: z.strictObject({ name: z.string(), fingerprint: z.string(), tokens: z.number() }),
  /** Position in the stream of the text's first token: earlier texts were read before it. */
  start: z.number(),
  /** Whether the model neither writes nor learns: the control. */
  frozen: z.boolean(),
  /** What is asked before and after; nothing is learned from it. */
  probe: z.strictObject({
    name: z.string(),
    fingerprint: z.string(),
    before: scoreSchema,
    after: scoreSchema.optional(),
  }),
  /** Scores of the text's ten tenths, every token predicted before it was learned from. */
  tenths: z.array(scoreSchema).length(10),
  engine: z.strictObject({ name: z.string(), threads: z.number() }),
});

/** What is known about an adaptation beside the state itself. */
export type Adaptation = z.output<typeof adaptationSchema>;

/** Saves an adapted state as a memory file, in one step; `loadMemory` reads it too. */
export function saveAdaptation(
  path: string,
  memory: Memory,
  fingerprint: string,
  adaptation: Adaptation,
): Promise<void> {
  return saveMemory(path, memory, fingerprint, { [REMARK]: JSON.stringify(adaptation) });
}

/**
 * Loads an adapted state.
 *
 * @returns the memory, of which the session it is resumed with takes over the arrays, and what is known about it
 * @throws CheckpointError if the file is missing, damaged, another model's, or a memory that no adaptation left
 */
export async function loadAdaptation(
  path: string,
  model: LanguageModel,
  params: ModelParams,
  fingerprint: string,
): Promise<{ readonly memory: Memory; readonly adaptation: Adaptation }> {
  const adaptation = parseConfig(adaptationSchema, JSON.parse(await remarkOf(path)), path);
  return { memory: await loadMemory(path, model, params, fingerprint), adaptation };
}

/**
 * Makes sure that a file is one that may be replaced.
 *
 * @throws CheckpointError if it is anything but a state that an adaptation left
 */
export async function assertAdaptation(path: string): Promise<void> {
  await remarkOf(path);
}

async function remarkOf(path: string): Promise<string> {
  const remark = await memoryRemark(path, REMARK);
  if (remark !== undefined) return remark;
  throw new CheckpointError(`${path} is a memory that no adaptation left; name another folder with --out`);
}
