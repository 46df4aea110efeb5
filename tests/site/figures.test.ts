/** The live figures of the documentation site, computed as the reader's browser does. */
import { describe, expect, test } from "vitest";
import { figure as bias } from "../../site/figures/miras-bias.ts";
import { figure as retention } from "../../site/figures/miras-retention.ts";
import { figure as delta } from "../../site/figures/nested-delta.ts";
import { figure as levels } from "../../site/figures/nested-levels.ts";
import type { Figure, Panel } from "../../site/figures/parts/live-figure.ts";
import { figure as surprise } from "../../site/figures/titans-surprise.ts";

test("time", async () => {
  for (const [n, f] of Object.entries({ bias, retention, delta, levels, surprise } as Record<string, Figure>)) {
    for (let i = 0; i < 2; i++) {
      const t = performance.now();
      const v = Object.fromEntries(f.sliders.map((s) => [s.name, s.start]));
      const panels = await f.compute(v);
      console.log(
        n,
        performance.now() - t,
        JSON.stringify(
          panels.map((p) =>
            p.curves.map((c) => [
              c.name,
              c.points
                .filter((_, i) => i % 12 === 0)
                .map((p) => p[1].toFixed(3))
                .join(" "),
            ]),
          ),
          null,
          1,
        ),
      );
    }
  }
});
