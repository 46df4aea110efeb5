import { describe, expect, it } from "vitest";
import { describeTraining, gradientMemories, isFaster, levelledOptimizers, levelTable } from "../../src/nl/index.ts";
import { ConfigError } from "../../src/utils/index.ts";

const training = { optimizer: "adamw", tokens: 1024, batch: 8 };
const titans = {
  architecture: "titans-mac-small",
  parameters: 1234567,
  attention: "a segment",
  memories: [{ name: "neural memory", chunk: 16, parameters: 8192 }],
};
const levelNames = (facts: Parameters<typeof describeTraining>[0]) =>
  describeTraining(facts).levels.map(({ components }) => components.map(({ name }) => name));

describe("a training run as a nested system", () => {
  it("prints its levels, the fastest first", () => {
    expect(levelTable(describeTraining({ ...titans, training }))).toBe(
      [
        "updates               frequency  component                    parameters        objective                                 context flow",
        "",
        "anew for every token  infinite   attention                    none              distance to values, weighted by scores    keys and values of a segment",
        "",
        "every 16 tokens       1/16       neural memory                8,192             squared error of its answers              keys and values of its tokens",
        "",
        "every 1,024 tokens    1/1024     first moment                 like the weights  squared distance to the gradient          gradients of the weights",
        "every 1,024 tokens    1/1024     second moment                like the weights  squared distance to the squared gradient  gradients of the weights",
        "",
        "every 1,024 tokens    1/1024     weights of titans-mac-small  1,234,567         loss of the next token                    8 sequences of 1,024 tokens a step",
        "",
      ].join("\n"),
    );
  });

  it("puts attention before the memory, the memory before the optimiser, and the optimiser before the weights", () => {
    expect(levelNames({ ...titans, training })).toEqual([
      ["attention"],
      ["neural memory"],
      ["first moment", "second moment"],
      ["weights of titans-mac-small"],
    ]);
  });

  it("has a slow memory behind the weights where the optimiser has one, unless its period is one step", () => {
    const m3 = { ...training, optimizer: "m3", slowPeriod: 10 };
    expect(levelNames({ ...titans, training: m3 }).at(-1)).toEqual(["slow momentum"]);
    const { components } = describeTraining({ ...titans, training: m3 });
    expect(components.find(({ name }) => name === "slow momentum")!.period).toBe(10240);
    const system = describeTraining({ ...titans, training: { ...m3, slowPeriod: 1 } });
    expect(isFaster(system.components, "slow momentum", "weights of titans-mac-small")).toBe(true);
  });

  it("freezes the weights where training is over, and lets the memory go on", () => {
    const system = describeTraining(titans);
    expect(system.levels.map(({ period }) => period)).toEqual([0, 16, Infinity]);
    expect(levelTable(system)).toMatch(/^never +0 +weights of titans-mac-small/m);
  });

  it("knows every optimiser's memories of gradients", () => {
    for (const optimizer of levelledOptimizers) {
      const levels = levelNames({ architecture: "transformer", training: { ...training, optimizer } });
      expect(levels.flat()).toHaveLength(gradientMemories(optimizer).length + 1);
    }
    expect(gradientMemories("sgd")).toEqual([]);
    expect(levelNames({ architecture: "x", training: { ...training, optimizer: "muon" } })).toEqual([
      ["momentum", "first moment", "second moment"],
      ["orthogonalised momentum"],
      ["weights of x"],
    ]);
  });

  it("counts in other data points, says single ones properly, and leaves out what there is not", () => {
    const facts = { architecture: "mlp", training: { optimizer: "sgd", tokens: 1, batch: 1 } };
    const table = levelTable(describeTraining(facts), "image");
    expect(table).toMatch(
      /^every image +1 +weights of mlp +all weights +loss of the next token +1 sequence of 1 token a step$/m,
    );
  });

  it("refuses facts that cannot be", () => {
    expect(() => describeTraining({ ...titans, training: { ...training, optimizer: "adamv" } })).toThrow(
      'did you mean "adam',
    );
    expect(() => describeTraining({ ...titans, training: { ...training, batch: 0 } })).toThrow("batch is 0");
    expect(() => describeTraining({ ...titans, memories: [{ name: "m", chunk: 0 }] })).toThrow("chunk of m is 0");
    const twice = [titans.memories[0]!, titans.memories[0]!];
    expect(() => describeTraining({ ...titans, memories: twice })).toThrow(ConfigError);
  });
});
