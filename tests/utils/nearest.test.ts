import { describe, expect, it } from "vitest";
import { nearestName, unknownName } from "../../src/utils/index.ts";

describe("nearestName", () => {
  it("finds the name somebody meant", () => {
    expect(nearestName("tarnsformer", ["titans-lmm", "transformer"])).toBe("transformer");
  });

  it("suggests nothing where nothing is near", () => {
    expect(nearestName("completely-different", ["wasm", "native"])).toBeUndefined();
    expect(nearestName("anything", [])).toBeUndefined();
  });

  it("is one sentence with every valid name", () => {
    expect(unknownName("engine", "wasn", ["auto", "wasm"])).toBe(
      'unknown engine "wasn"; did you mean "wasm"? (valid: auto, wasm)',
    );
    expect(unknownName("engine", "quantum", ["auto", "wasm"])).toBe('unknown engine "quantum" (valid: auto, wasm)');
  });
});
