/** What a preset is. */
import type { ModelInput } from "./config.ts";

/** A preset: a model, and how long and on what it is trained. */
export interface Preset {
  /** One line for listings. */
  readonly summary: string;
  readonly model: ModelInput;
  /** Training configuration as written in a config file; the trainer validates it. */
  readonly training: Readonly<Record<string, number>>;
  /** Whether it is one of the models that are compared by default: about the same size, the same text, the same number of steps. */
  readonly compared?: boolean;
}
