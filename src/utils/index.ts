export * from "./config.ts";
export * from "./errors.ts";
export * from "./nearest.ts";
export * from "./safetensors.ts";
