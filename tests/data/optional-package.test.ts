import { describe, expect, it } from "vitest";
import { optionalPackage } from "../../src/data/optional-package.ts";
import { MissingPackageError } from "../../src/utils/errors.ts";

function failing(message: string, code?: string) {
  return () => {
    throw Object.assign(new Error(message), code === undefined ? {} : { code });
  };
}

describe("optionalPackage", () => {
  it("returns what it loads", async () => {
    expect(await optionalPackage("some-package", "something", () => "loaded")).toBe("loaded");
  });

  it.each(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"])("tells a missing package by %s", async (code) => {
    const load = failing("Cannot find package 'some-package' imported from here", code);
    await expect(optionalPackage("some-package", "something", load)).rejects.toThrow(MissingPackageError);
  });

  it("passes on every other failure, such as a missing dependency of the package", async () => {
    const inner = "Cannot find package 'its-dependency' imported from /node_modules/some-package/index.js";
    await expect(optionalPackage("some-package", "x", failing(inner, "ERR_MODULE_NOT_FOUND"))).rejects.toThrow(inner);
    await expect(optionalPackage("some-package", "x", failing("broken"))).rejects.toThrow("broken");
  });
});
