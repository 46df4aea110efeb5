/** How long an old association is kept under different retention gates. */
import type { Engine } from "../../src/array/index.ts";
import { meanAndDeviation } from "../../src/evaluation/associations.ts";
import { retentionExperiment } from "../../src/evaluation/miras-retention.ts";
import type { Canvas } from "./canvas.ts";

/** The gates that are drawn, and by how many pixels their names are moved, as most lines end together. */
const drawn = [
  { name: "none", nameShift: 0 },
  { name: "l2 decay", nameShift: -24 },
  { name: "lq, mirror map", nameShift: 6 },
  { name: "relative entropy", nameShift: -9 },
  { name: "elastic net", nameShift: 8 },
  { name: "Bregman, logit", nameShift: -35 },
] as const;

export async function drawRetention(canvas: Canvas, engine: Engine): Promise<string> {
  const { writes, gates, options } = await retentionExperiment(engine, { writes: 256 });
  const lines = drawn.map(({ name, nameShift }, place) => {
    const { strength } = gates.find((gate) => gate.name === name)!;
    const points = strength.map((bySeed, i) => ({ x: writes[i]!, y: meanAndDeviation(bySeed).mean }));
    return canvas.line({ name, points, colour: place + 1, nameShift });
  });
  return canvas.draw(
    {
      marginRight: 130,
      height: 360,
      x: { label: "pairs written since" },
      y: { label: `what is left of the first pair (mean of ${options.seeds.length} seeds)`, grid: true, zero: true },
      marks: lines.flat(),
    },
    "What is left of an association over the writes after it, for six retention gates",
  );
}
