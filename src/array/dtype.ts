/** Element types that models use. */
export type DType = "float32" | "float64" | "int32" | "uint32" | "bool" | "float16";
