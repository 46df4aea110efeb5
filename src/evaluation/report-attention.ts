/** The part of a report that shows what attention may see. */
import type { AttentionPattern } from "../common/index.ts";
import { LanguageModel, type ModelConfig } from "../models/index.ts";
import { type Html, html } from "./html.ts";
import { maskFigure } from "./mask-figure.ts";

/** A pattern, and the blocks whose attention has it. */
interface SharedPattern {
  readonly pattern: AttentionPattern;
  readonly blocks: readonly number[];
}

/**
 * The masks of a model's attention, one for each kind of block, drawn from what its layers compute with.
 *
 * @returns `undefined` for a model without attention
 */
export function attentionSection(config: ModelConfig): Html | undefined {
  const shared = patternsOf(config);
  if (shared.length === 0) return undefined;
  return html`<section id="attention">
<h2>What attention sees</h2>
${shared.map(({ pattern, blocks }) => {
  const where = shared.length > 1 ? `Blocks ${blocks.map((block) => block + 1).join(", ")}` : "Every block";
  return html`<figure>
${maskFigure(pattern, `Attention mask: ${pattern.summary}`)}
<figcaption>${where}: ${pattern.summary}. A row for each query, a column for each key, coloured where the query sees the key. Drawn from the mask that the layer itself computes, at the beginning of a
sequence.</figcaption>
</figure>`;
})}
</section>`;
}

function patternsOf(config: ModelConfig): SharedPattern[] {
  const found = new Map<string, SharedPattern>();
  for (const [block, { mixer }] of new LanguageModel(config).blocks.entries()) {
    const pattern = mixer.attentionPattern?.();
    if (pattern === undefined) continue;
    const kind = JSON.stringify(pattern);
    found.set(kind, { pattern, blocks: [...(found.get(kind)?.blocks ?? []), block] });
  }
  return [...found.values()];
}
