export { type Architecture, architectures } from "./architectures.ts";
export { BlockStack, type BlockStackParams, type BlockStackState } from "./block-stack.ts";
export {
  type ArchitectureName,
  architectureNames,
  type ModelConfig,
  type ModelInput,
  memorySchema,
  modelSchema,
  type StackConfig,
  stackSchema,
} from "./config.ts";
export { LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "./language-model.ts";
export { absoluteError, crossEntropy, squaredError, type TokenLoss } from "./losses.ts";
export { defaultPreset, type Preset, presetNamed, presets } from "./presets.ts";
export { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";
