export { NativeEngine, type NativeOptions } from "./native-engine.ts";
export { UnsupportedPrimitive } from "./unsupported.ts";
