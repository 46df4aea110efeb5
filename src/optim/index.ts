export { type AdamWOptions, type AdamWState, adamW, decaysByDefault } from "./adamw.ts";
export { clipByGlobalNorm, globalNorm } from "./clipping.ts";
export type { Optimizer, ParameterGroup } from "./optimizer.ts";
export { constantRate, type Schedule, type WarmupCosineOptions, warmupCosine } from "./schedules.ts";
