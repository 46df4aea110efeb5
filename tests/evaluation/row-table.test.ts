import { describe, expect, it } from "vitest";
import { countElements, key, release, scope } from "../../src/array/index.ts";
import { describeRow, describeRows, exactSentence, formSentence } from "../../src/evaluation/row-table.ts";
import { MirasMemory, tableRow, tableRowNames } from "../../src/miras/index.ts";
import { mirasSchema, mirasSettings } from "../../src/models/miras-config.ts";
import { newRunConfig } from "../../src/training/index.ts";
import { ConfigError } from "../../src/utils/index.ts";

const sizes = { dim: 16, heads: 2 };

describe("a description of the table", () => {
  const rows = describeRows(sizes);

  it("has every row in order, with choices and update", () => {
    expect(rows.map(({ name }) => name)).toEqual([...tableRowNames]);
    for (const { name, columns, update, title } of rows) expect({ columns, update, title }).toMatchObject(pick(name));
  });

  it("counts the parameters of the layer that is trained", () => {
    for (const { name, parameters } of rows) {
      const settings = tableRow(name).settings?.(sizes.heads);
      if (settings === undefined) continue;
      const layer = new MirasMemory({ ...settings, ...sizes, headDim: 8 });
      const params = scope(() => layer.init(key(0)));
      expect(parameters, name).toBe(countElements(params));
      release(params);
    }
    expect(describeRow("softmax-attention", sizes).parameters).toBe(4 * 16 * 16);
  });

  it("gives a configuration that is the row: to train, and to change", () => {
    for (const { name, configuration, architecture } of rows) {
      const written = JSON.parse(JSON.stringify(configuration)) as typeof configuration;
      const config = newRunConfig([written], "the row");
      if (name === "softmax-attention") {
        expect(config.model.architecture).toBe(architecture);
        continue;
      }
      const changed = mirasSettings("miras", sizes.heads, mirasSchema.parse(written.model.miras));
      expect(changed, name).toEqual(tableRow(name).settings!(sizes.heads));
    }
  });

  it("says which rows freeze gradients over a chunk", () => {
    const frozen = rows.filter(({ exact }) => !exact).map(({ name }) => name);
    expect(frozen).toEqual(["ttt-linear", "ttt-mlp", "titans-lmm", "moneta", "yaad", "memora"]);
    expect(exactSentence(describeRow("yaad", sizes))).toContain("another function than the token rule");
    expect(exactSentence(describeRow("gla", sizes))).toContain("equals its tokens one by one");
    expect(new Set(rows.map(formSentence)).size).toBe(5);
  });

  it("refuses rows that do not exist, with the nearest one, and sizes that cannot work", () => {
    expect(() => describeRow("glaa", sizes)).toThrow(/did you mean "gla"\?/);
    expect(() => describeRow("gla", { dim: 15, heads: 2 })).toThrow(ConfigError);
  });
});

function pick(name: string) {
  const { columns, update, title } = tableRow(name);
  return { columns, update, title };
}
