export { NativeEngine, type NativeOptions } from "./native-engine.ts";
export { type OnnxFile, onnxFile } from "./onnx-file.ts";
export { UnsupportedPrimitive } from "./unsupported.ts";
