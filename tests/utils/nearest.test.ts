import { describe, expect, it } from "vitest";
import { nearestName, unknownName } from "../../src/utils/index.ts";

describe("nearestName", () => {
  it("finds the name somebody meant", () => {
    expect(nearestName("tarnsformer", ["titans-lmm", "transformer"])).toBe("transformer");
  });

  it("finds a name of which the last part was written", () => {
    const names = ["moneta", "gate", "miras:gla", "miras:moneta"];
    expect(nearestName("gla", names)).toBe("miras:gla");
    expect(nearestName("glaa", names)).toBe("miras:gla");
    expect(nearestName("moneta", names)).toBe("moneta");
    expect(nearestName("miras:monetta", names)).toBe("miras:moneta");
  });

  it("suggests nothing where nothing is near", () => {
    expect(nearestName("completely-different", ["wasm", "native"])).toBeUndefined();
    expect(nearestName("anything", [])).toBeUndefined();
    expect(nearestName("14", ["titans", "miras", "nl"])).toBeUndefined();
    expect(nearestName("ml", ["titans", "miras", "nl"])).toBe("nl");
  });

  it("is one sentence with every valid name", () => {
    expect(unknownName("engine", "wasn", ["auto", "wasm"])).toBe(
      'unknown engine "wasn"; did you mean "wasm"? (valid: auto, wasm)',
    );
    expect(unknownName("row", "glaa", ["gla", "dfw"], ["<row>"])).toBe(
      'unknown row "glaa"; did you mean "gla"? (valid: <row>)',
    );
    expect(unknownName("engine", "quantum", ["auto", "wasm"])).toBe('unknown engine "quantum" (valid: auto, wasm)');
  });
});
