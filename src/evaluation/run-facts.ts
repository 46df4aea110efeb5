/** What a report says about a run that no measurement is needed for, and what its model writes (Node only). */
import { arch, cpus, platform } from "node:os";
import { countElements } from "../array/index.ts";
import { type GenerateOptions, generate, Reader } from "../inference/index.ts";
import type { ModelParams } from "../models/index.ts";
import type { Run } from "../training/index.ts";
import type { ReportData } from "./report-data.ts";

/** The size of a run's model, and what it runs on. */
export function aboutRun(run: Run, params: ModelParams): Pick<ReportData, "parameters" | "engine" | "platform"> {
  const { name, threads } = run.engine;
  return { parameters: countElements(params), engine: { name, threads }, platform: platformName() };
}

/** What this process runs on. */
export function platformName(): string {
  const processors = cpus();
  const processor = processors[0]?.model.trim() ?? "an unknown processor";
  return `Node ${process.version} on ${platform()} ${arch()}, ${processors.length} × ${processor}`;
}

/** Text that a run's model writes with the given parameters. */
export async function sampleText(run: Run, params: ModelParams, options: GenerateOptions): Promise<string> {
  const session = await new Reader(run.engine, run.model, params).open();
  let text = "";
  for await (const piece of generate(session, run.data.tokenizer, options)) text += piece;
  session.close();
  return text;
}
