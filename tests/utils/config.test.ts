import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseConfig } from "../../src/utils/config.ts";
import { ConfigError } from "../../src/utils/index.ts";

const schema = z.strictObject({
  training: z
    .strictObject({
      steps: z.int().positive().max(1000).default(100),
      learningRate: z.number().gt(0).lt(1).default(0.01),
      schedule: z.enum(["constant", "cosine"]).default("cosine"),
    })
    .prefault({}),
  layers: z
    .array(z.strictObject({ width: z.int() }))
    .max(2)
    .optional(),
  named: z.record(z.string(), z.strictObject({ width: z.int() })).optional(),
  corpus: z.union([z.string().min(1), z.strictObject({ file: z.string(), bytes: z.int() })]).default("moby-dick"),
  memory: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("matrix"), rank: z.int() }),
      z.strictObject({ kind: z.literal("mlp"), depth: z.int() }),
    ])
    .optional(),
  threads: z.union([z.int(), z.literal("auto")]).default("auto"),
  resume: z.boolean().nullable().default(null),
});

function message(value: unknown): string {
  try {
    parseConfig(schema, value, "config.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "valid";
}

describe("parseConfig", () => {
  it("fills in defaults and returns what the schema types", () => {
    const config = parseConfig(schema, { training: { steps: 5 } }, "config.yaml");
    expect(config.training).toEqual({ steps: 5, learningRate: 0.01, schedule: "cosine" });
    expect(config.threads).toBe("auto");
  });

  it.each([
    [{ trainin: {} }, 'config.yaml: unknown key "trainin"; did you mean "training"?'],
    [
      { training: { lerningRate: 1 } },
      'config.yaml: unknown key "lerningRate" in training; did you mean "learningRate"?',
    ],
    [
      { training: { somethingElseEntirely: 1 } },
      'config.yaml: unknown key "somethingElseEntirely" in training (valid: steps, learningRate, schedule)',
    ],
    [{ layers: [{ width: 1 }, { width: 1, wdith: 2 }] }, 'unknown key "wdith" in layers.1; did you mean "width"?'],
    [{ named: { a: { width: 1, widht: 2 } } }, 'unknown key "widht" in named.a; did you mean "width"?'],
    [{ memory: { kind: "mlp", depth: 1, dept: 2 } }, 'unknown key "dept" in memory; did you mean "depth"?'],
    [{ corpus: { file: "a", bytes: 1, byte: 1 } }, 'unknown key "byte" in corpus; did you mean "bytes"?'],
  ])("rejects an unknown key at any depth with the nearest valid name: %j", (value, expected) => {
    expect(message(value)).toContain(expected);
  });

  it.each([
    [{ training: { steps: "many" } }, 'config.yaml: training.steps must be a number, not "many"'],
    [{ training: { steps: 1.5 } }, "config.yaml: training.steps must be a whole number, not 1.5"],
    [{ training: { steps: 0 } }, "config.yaml: training.steps must be more than 0, not 0"],
    [{ training: { steps: 1001 } }, "config.yaml: training.steps must be at most 1000, not 1001"],
    [{ training: { learningRate: 1 } }, "config.yaml: training.learningRate must be less than 1, not 1"],
    [{ training: { learningRate: Number.NaN } }, "config.yaml: training.learningRate must be a number, not NaN"],
    [
      { training: { schedule: "cosin" } },
      'config.yaml: training.schedule must be "constant" or "cosine", not "cosin"; did you mean "cosine"?',
    ],
    [{ training: [] }, "config.yaml: training must be an object with keys, not a list"],
    [{ training: null }, "config.yaml: training must be an object with keys, not null"],
    [{ layers: { width: 1 } }, "config.yaml: layers must be a list, not an object"],
    [{ layers: [{}] }, "config.yaml: layers.0.width is missing: it must be a number"],
    [{ layers: Array(3).fill({ width: 1 }) }, "config.yaml: layers must have at most 2 entries, not a list"],
    [{ resume: "yes" }, 'config.yaml: resume must be true or false, not "yes"'],
    [{ threads: "all" }, 'config.yaml: threads must be a number or "auto", not "all"'],
    [{ corpus: 3 }, "config.yaml: corpus must be a text or an object with keys, not 3"],
    [{ corpus: "" }, 'config.yaml: corpus must have at least 1 characters, not ""'],
    [{ corpus: { file: 3, bytes: 1 } }, "config.yaml: corpus.file must be a text, not 3"],
    [{ memory: { kind: "vector" } }, 'config.yaml: memory.kind must be "matrix" or "mlp", not "vector"'],
    [3, "config.yaml: the configuration must be an object with keys, not 3"],
    [undefined, "config.yaml: the configuration is missing: it must be an object with keys"],
  ])("says a wrong value in one sentence: %j", (value, expected) => {
    expect(message(value)).toBe(expected);
  });

  it("lists several problems one a line", () => {
    expect(message({ training: { steps: "x", stpes: 1 }, resum: true })).toBe(
      [
        "config.yaml has 3 problems:",
        '  training.steps must be a number, not "x"',
        '  unknown key "stpes" in training; did you mean "steps"?',
        '  unknown key "resum"; did you mean "resume"?',
      ].join("\n"),
    );
  });

  it("repeats a schema's own sentence for a rule of its own", () => {
    const even = z.strictObject({ heads: z.int().refine((n) => n % 2 === 0, "heads come in pairs") });
    expect(() => parseConfig(even, { heads: 3 }, "model")).toThrow("model: heads: heads come in pairs");
  });
});
