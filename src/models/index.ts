export { type Architecture, architectures } from "./architectures.ts";
export {
  type ArchitectureName,
  architectureNames,
  type ModelConfig,
  type ModelInput,
  memorySchema,
  modelSchema,
} from "./config.ts";
export { LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "./language-model.ts";
export { comparedPresets, defaultPreset, type Preset, presetNamed, presets } from "./presets.ts";
export { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";
