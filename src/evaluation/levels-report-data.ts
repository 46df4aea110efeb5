/** What the page about a model that adapted shows; the JSON beside it holds the same. */
import type { Engine } from "../array/index.ts";
import type { Tokenizer, TokenSource } from "../data/index.ts";
import { type Adaptation, type Memory, Reader } from "../inference/index.ts";
import type { LanguageModel, ModelParams } from "../models/index.ts";
import { type FactRetention, factRetention, factRetentionDefaults } from "./fact-retention.ts";
import { type LevelTrace, levelChanges, traceLevels } from "./level-trace.ts";
import { platformName } from "./run-facts.ts";

/** Tokens of the text along which levels are looked at. */
const TRACED_TOKENS = 8192;

/** The findings about one adaptation. */
export interface LevelsReportData {
  readonly format: 1;
  readonly engine: { readonly name: string; readonly threads: number };
  readonly platform: string;
  readonly checkpoint: string;
  readonly architecture: string;
  readonly adaptation: Adaptation;
  readonly trace: LevelTrace;
  /** How far each level of the trace is from its start after everything that was read. */
  readonly change: readonly number[];
  readonly retention: FactRetention;
}

/** A model that adapted, and what it adapted to. */
export interface AdaptedModel {
  readonly checkpoint: string;
  readonly model: LanguageModel;
  readonly params: ModelParams;
  readonly tokenizer: Tokenizer;
  readonly adaptation: Adaptation;
  /** Its state now; borrowed. */
  readonly memory: Memory;
  readonly source: TokenSource;
}

/** Measures what the page shows: on fresh states, along the beginning of the text. */
export async function measureLevels(
  engine: Engine,
  adapted: AdaptedModel,
  onStage?: (sentence: string) => void,
): Promise<LevelsReportData> {
  const { checkpoint, model, params, adaptation, memory, source } = adapted;
  const reader = new Reader(engine, model, params);
  onStage?.("report: when levels change");
  const trace = await traceLevels(reader, source, TRACED_TOKENS);
  const fresh = await reader.open();
  const change = await levelChanges(model, fresh.memory, memory);
  fresh.close();
  const retention = await factRetention(engine, adapted, source, factRetentionDefaults, (way) =>
    onStage?.(`report: what is remembered, ${way}`),
  );
  const { name, threads } = engine;
  return {
    format: 1,
    engine: { name, threads },
    platform: platformName(),
    checkpoint,
    architecture: model.config.architecture,
    adaptation,
    trace,
    change,
    retention,
  };
}
