export { type GenerateOptions, generate } from "./generate.ts";
export { loadMemory, type Memory, modelFingerprint, saveMemory } from "./memory-file.ts";
export { countParameters, parameterGroups } from "./parameters.ts";
export { type SamplingOptions, sampleToken } from "./sampling.ts";
export { type Score, scoreText } from "./score.ts";
export { Reader, Session } from "./session.ts";
