import { it } from "vitest";
import { jit, key, np, readSync, scope, tensor, type Tensor } from "../../src/array/index.ts";
import type { NeuralMemoryState, NeuralMemoryConfig } from "../../src/titans/index.ts";
import { randomSource } from "../oracles/index.ts";
import { layerOf } from "./layer-cases.ts";
it("x", () => {
  for (const config of [{ norm: true, residual: true, stepGuard: "key", maxStepSize: 0.1 }, { norm: true, residual: true, stepGuard: "tangent", maxStepSize: 0.1 }, { norm: true, residual: true, stepGuard: "curvature", maxMomentum: 0.9 }, { norm: false, residual: true, stepGuard: "key", maxStepSize: 0.1 }, {norm: true, residual: true, stepGuard: "key", maxStepSize: 0.1, gateBiases: { forget: -5, momentum: 0, stepSize: 0 }}] as Partial<NeuralMemoryConfig>[])
  for (const seed of [7, 8, 9]) {
    const layer = layerOf({ normalizeValues: true, ...config });
    const params = scope(() => layer.init(key(seed)));
    const run = jit((s: NeuralMemoryState, x: Tensor) => { const [, next, d] = layer.diagnose(params, s, x); return { next, out: np.stack([np.mean(d.lossAtInitial), np.mean(d.lossBefore), np.mean(d.lossAfter), np.max(d.memoryNorm)]) }; });
    let s = scope(() => layer.initialState(params, 1));
    const r = randomSource(9 + seed);
    const log: number[][] = [];
    for (let n = 0; n < 256; n++) { const o = run(s, tensor(r.normalVector(64 * 5), [1, 64, 5])); s = o.next; log.push([...readSync(o.out)]); }
    console.log("Q", JSON.stringify(config), seed, Array.from({ length: 8 }, (_, q) => log.slice(q * 32, q * 32 + 32).reduce((m, x) => [m[0]! + x[0]! / 32, m[1]! + x[1]! / 32, m[2]! + x[2]! / 32, Math.max(m[3]!, x[3]!)], [0, 0, 0, 0]).map((v) => v.toFixed(3)).join("/")).join("  "));
  }
});
