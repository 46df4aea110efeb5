export * from "./config.ts";
export * from "./errors.ts";
export * from "./just-in-time.ts";
export * from "./nearest.ts";
export * from "./safetensors.ts";
