export { type Architecture, architectures, blockMixer } from "./architectures.ts";
export { type BlockParams, BlockStack, type BlockStackParams, type BlockStackState } from "./block-stack.ts";
export {
  type ArchitectureName,
  architectureNames,
  type ClassifierConfig,
  type ClassifierInput,
  classifierSchema,
  type ForecasterConfig,
  type ForecasterInput,
  forecasterSchema,
  listedArchitectures,
  type ModelConfig,
  type ModelInput,
  memorySchema,
  modelSchema,
  type StackConfig,
  stackSchema,
} from "./config.ts";
export { ContinuumBlock, type ContinuumBlockParams, type ContinuumBlockState } from "./continuum-block.ts";
export { type ContinuumConfig, continuumSchema } from "./continuum-config.ts";
export { continuumOf, hopeArchitectureNames, isHopeArchitecture, selfModifyingSchema } from "./hope-config.ts";
export { LanguageModel, type ModelParams, type ModelState, nextTokenLoss } from "./language-model.ts";
export { absoluteError, crossEntropy, isPredicted, squaredError, type TokenLoss } from "./losses.ts";
export { mayWrite, memoryChunkSize, withoutWrites } from "./memory-settings.ts";
export {
  isMirasArchitecture,
  type MirasArchitectureName,
  type MirasChanges,
  mirasArchitectureNames,
  mirasSettings,
  rowArchitectures,
} from "./miras-config.ts";
export { paperPresets } from "./paper-presets.ts";
export type { Preset } from "./preset.ts";
export { comparedPresets, defaultPreset, presetNamed, presets } from "./presets.ts";
export { ResidualBlock, type ResidualBlockParams } from "./residual-block.ts";
export { type ClassifierParams, type ClassifierState, SequenceClassifier } from "./sequence-classifier.ts";
export { SequenceEncoder, type SequenceEncoderParams, type SequenceEncoderState } from "./sequence-encoder.ts";
export { type ForecasterParams, type ForecasterState, SequenceForecaster } from "./sequence-forecaster.ts";
export type { StackBlock } from "./stack-block.ts";
export { type ModelParts, type StackedLevels, stackLevels } from "./stack-levels.ts";
export { standingStill } from "./standing-still.ts";
