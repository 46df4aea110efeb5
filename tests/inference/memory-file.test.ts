/** A saved memory goes on where it was, for every architecture: nothing that lives at test time is left out of the state. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { detached, key, liveTensors, release, scope, startEngine } from "../../src/array/index.ts";
import { loadMemory, modelFingerprint, Reader, saveMemory } from "../../src/inference/index.ts";
import { LanguageModel } from "../../src/models/index.ts";
import { isAttention, representatives, smallChunks } from "../models/families.ts";

const folder = mkdtempSync(join(tmpdir(), "memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(representatives)(
  "%s: a memory saved inside a chunk and loaded again gives the same logits",
  async (architecture) => {
    const engine = await startEngine("wasm");
    const model = new LanguageModel({
      architecture,
      dim: 8,
      layers: 2,
      heads: 2,
      window: 5,
      contextSegment: 8,
      persistentTokens: 3,
      visiblePrefix: true,
      ...smallChunks(architecture, 4),
      ...(isAttention(architecture) ? {} : { neuralMemoryLayers: [1] }),
    });
    const params = detached(() => scope(() => model.init(key(4))));
    const reader = new Reader(engine, model, params);
    const session = await reader.open();
    await session.read(Int32Array.from({ length: 13 }, (_, i) => 60 + i));
    const path = join(folder, `${architecture}.memory`);
    const fingerprint = await modelFingerprint(model, params);
    await saveMemory(path, session.memory, fingerprint);
    const before = liveTensors();
    const resumed = reader.resume(await loadMemory(path, model, params, fingerprint), 1);
    const next = Int32Array.of(80, 81, 82, 83, 84);
    const [expected, actual] = [await session.read(next), await resumed.read(next)];
    expect(actual).toEqual(expected);
    expect(resumed.position).toBe(18);
    resumed.close();
    expect(liveTensors()).toBe(before);
    session.close();
    release(params);
  },
);
