/** What a training step costs with each architecture of laptop size, against memory as context. */
import { startEngine } from "../src/array/index.ts";
import { presetNamed } from "../src/models/index.ts";
import { inTurns, type Row } from "./harness.ts";
import { TrainingSteps } from "./training-steps.ts";

const REFERENCE = "mac-small";
const OTHERS = ["lmm-small", "transformer-small", "hope-attention-small", "hope-small"];
const ROUNDS = 9;

export async function run(): Promise<Row[]> {
  const engine = await startEngine("auto");
  const runs = Object.fromEntries(
    [REFERENCE, ...OTHERS].map((name) => {
      const { model, training } = presetNamed(name);
      const { batch, length, segment } = training as Record<string, number>;
      return [
        name,
        new TrainingSteps(engine, { model, training: { batch: batch!, length: length!, segment: segment! } }),
      ];
    }),
  );
  const times = await inTurns(
    Object.fromEntries(Object.entries(runs).map(([name, steps]) => [name, () => steps.step()])),
    ROUNDS,
  );
  for (const steps of Object.values(runs)) await steps.stop();
  await engine.dispose();
  const reference = times[REFERENCE]!.median;
  return [
    { measure: `training step of ${REFERENCE}, ${engine.name} engine`, value: reference, unit: "ms" },
    ...OTHERS.map((name) => ({
      measure: `a token of ${name}, equal width, against ${REFERENCE}`,
      value: times[name]!.median / reference,
      unit: "x",
      ...(name === "hope-small" ? { target: "at most 3" } : {}),
    })),
  ];
}
