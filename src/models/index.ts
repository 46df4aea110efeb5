export { type Architecture, architectures, blockMixer } from "./architectures.ts";
export {
  type ArchitectureName,
  architectureNames,
  type ModelConfig,
  type ModelInput,
  memorySchema,
  modelSchema,
} from "./config.ts";
export { LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "./language-model.ts";
export { paperPresets } from "./paper-presets.ts";
export type { Preset } from "./preset.ts";
export { defaultPreset, presetNamed, presets } from "./presets.ts";
export { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";
