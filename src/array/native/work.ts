/** How much a program computes, and how many threads that is worth. */
import { type Node, sizeOf } from "./graph.ts";
import { isDotProducts } from "./storage.ts";

/**
 * Matrix FLOPs an operation from which onnxruntime's threads gain more than they cost. Measured on two cores: at 0.1 and 1 million a second thread makes
 * a training step 1.6 and 1.4 times slower, at 2.6 million 1.2 times faster.
 */
const WORTH_THREADS = 1.5e6;

/** Two for each multiplication in a matrix product; sums of elementwise products do not count. */
export function matrixFlops(nodes: readonly Node[]): number {
  return nodes.reduce(
    (sum, node) => sum + (node.kind === "contract" && !isDotProducts(node) ? 2 * sizeOf(node.sizes) : 0),
    0,
  );
}

/**
 * Threads for a program's operations: all that there are where its operations are large, else one.
 *
 * @param flops the program's matrix FLOPs
 * @param operations of its graph
 * @param most threads there are
 */
export function threadsWorth(flops: number, operations: number, most: number): number {
  return flops >= WORTH_THREADS * operations ? most : 1;
}
