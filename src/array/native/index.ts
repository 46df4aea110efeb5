export { NativeEngine, type NativeOptions, type Preparation } from "./native-engine.ts";
export { type OnnxFile, type OnnxFileTensor, onnxFile, onnxFileOfAnyLength } from "./onnx-file.ts";
export type { OnnxTensor } from "./onnx-graph.ts";
export { loadRuntime, openOnnxFile, type Session as OnnxSession } from "./runtime.ts";
export { UnsupportedPrimitive } from "./unsupported.ts";
