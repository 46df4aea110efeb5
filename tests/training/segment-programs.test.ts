import { describe, expect, test } from "vitest";
import {
  detached,
  key,
  mapTree,
  namedLeaves,
  np,
  readSync,
  release,
  scope,
  startEngine,
  tensor,
  valueAndGrad,
} from "../../src/array/index.ts";
import { isHopeArchitecture, isMirasArchitecture, type ModelParams, nextTokenLoss } from "../../src/models/index.ts";
import { SegmentPrograms, segmentsOf } from "../../src/training/index.ts";
import { hasNative, nativeEngine } from "../array/native/support.ts";
import { representatives, smallChunks } from "../models/families.ts";
import { tinyModel } from "./tiny.ts";

const batch = 2;
const length = 16;
const windows = {
  tokens: Int32Array.from({ length: batch * (length + 1) }, (_, i) => (i * 37) % 256),
  batch,
  length,
  starts: [0, 0],
  targets: [length, length - 5],
};

const wasm = await startEngine("wasm");
/** Architectures whose states differ in kind: each takes the native engine seconds to prepare. */
const alsoNative: readonly string[] = ["titans-lmm", "titans-mac", "hope", "memora", "miras:deltaproduct"];
const native = hasNative ? await nativeEngine() : undefined;

function zeros(params: ModelParams): ModelParams {
  return scope(() => mapTree(params, (leaf) => np.zerosLike(leaf)));
}

describe.each(representatives)("segment back-propagation through time, %s", (architecture) => {
  test("loss and gradients over two segments equal those of the whole sequence in one call", async () => {
    const model = tinyModel({
      architecture,
      window: 6,
      contextSegment: 8,
      persistentTokens: 2,
      ...smallChunks(architecture, 4),
    });
    const params = detached(() => scope(() => model.init(key(1))));
    const scale = 1 / (2 * length - 5);
    const segments = segmentsOf(windows, 8);

    const rows = (from: number) =>
      Int32Array.from(
        { length: batch * length },
        (_, i) => windows.tokens[Math.floor(i / length) * (length + 1) + (i % length) + from]!,
      );
    const counted = Float32Array.from({ length: batch * length }, (_, i) =>
      i % length < windows.targets[Math.floor(i / length)]! ? 1 : 0,
    );
    const [tokens, targets, weights] = [
      tensor(rows(0), [batch, length]),
      tensor(rows(1), [batch, length]),
      tensor(counted, [batch, length]),
    ];
    const wholeLoss = (p: ModelParams) => {
      const start = model.initialState(p, batch);
      const [logits] = model.learn ? model.learn(p, start, tokens, { targets, weights }) : model.step(p, start, tokens);
      return np.multiply(np.sum(np.multiply(nextTokenLoss(logits, targets), weights)), np.array(scale));
    };
    const [value, expected] = scope(() => valueAndGrad(wholeLoss)(params));

    for (const engine of native && alsoNative.includes(architecture) ? [wasm, native] : [wasm]) {
      const programs = new SegmentPrograms(engine, model, nextTokenLoss);
      const { loss, gradients } = await programs.gradients(params, segments, scale, zeros(params));

      // One float32 graph against two joined by a carried state: rounding only; worst seen 2e-6 of each tensor's largest entry.
      expect(loss * scale).toBeCloseTo(readSync(value)[0]!, 5);
      const wanted = namedLeaves(expected);
      for (const [path, leaf] of namedLeaves(gradients)) {
        const [actual, ideal] = [readSync(leaf), readSync(wanted.get(path)!)];
        const size = Math.max(1e-3, ...ideal.map(Math.abs));
        const worst = Math.max(...Array.from(actual, (g, i) => Math.abs(g - ideal[i]!) / size));
        expect(worst, path).toBeLessThan(2e-5);
      }
      // The learned initial memory and the persistent tokens must owe something to the sequences that start from them.
      const initial = [...namedLeaves(gradients)].filter(([path]) =>
        /initialMemor|persistent|continuum.*weights/.test(path),
      );
      if (architecture !== "transformer") {
        if (isMirasArchitecture(architecture) || isHopeArchitecture(architecture))
          expect(initial.length).toBeGreaterThan(0);
        else expect(initial.length).toBe(3);
        for (const [path, leaf] of initial) expect(Math.max(...readSync(leaf).map(Math.abs)), path).toBeGreaterThan(0);
      }
      release(gradients);
    }
    release(params, value, expected);
  });
});

test("gradients are added to what was accumulated before", async () => {
  const engine = await startEngine("wasm");
  const model = tinyModel();
  const params = detached(() => scope(() => model.init(key(1))));
  const programs = new SegmentPrograms(engine, model, nextTokenLoss);
  const segments = segmentsOf(windows, 8);
  const once = (await programs.gradients(params, segments, 0.1, zeros(params))).gradients;
  const first = (await programs.gradients(params, segments, 0.1, zeros(params))).gradients;
  const twice = (await programs.gradients(params, segments, 0.1, first)).gradients;
  const doubled = namedLeaves(twice);
  for (const [path, leaf] of namedLeaves(once)) {
    const [single, double] = [readSync(leaf), readSync(doubled.get(path)!)];
    // Sums are the same float32 numbers added in another order: a few ulps of the largest entry.
    const size = Math.max(1e-3, ...single.map(Math.abs));
    single.forEach((g, i) => {
      expect(Math.abs(double[i]! - 2 * g) / size, path).toBeLessThan(1e-5);
    });
  }
});
