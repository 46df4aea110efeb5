/** Rebuilds the tokenizer that a checkpoint describes. */
import { z } from "zod";
import { DataError } from "../utils/errors.ts";
import { byteTokenizer } from "./byte-tokenizer.ts";
import { huggingFaceTokenizer } from "./hugging-face-tokenizer.ts";
import { symbolTokenizer } from "./symbol-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

const common = { name: z.string(), vocabularySize: z.int().positive(), fingerprint: z.string() };

const schema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("bytes"), ...common }),
  z.strictObject({ kind: z.literal("hugging-face"), ...common, tokenizer: z.unknown() }),
  z.strictObject({ kind: z.literal("symbols"), ...common, symbols: z.array(z.string()) }),
]);

/**
 * Rebuilds a tokenizer from what `describe` returned.
 *
 * @param json a `TokenizerDescription`, typically read from a checkpoint
 * @throws DataError if the value is no description, or if its fingerprint shows that it was changed since
 * @throws MissingPackageError if the tokenizer needs a package that is not installed
 */
export async function tokenizerFromDescription(json: unknown): Promise<Tokenizer> {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = issue.path.length === 0 ? "" : ` at "${issue.path.join(".")}"`;
    throw new DataError(`this is not the description of a tokenizer: ${issue.message}${where}`);
  }
  const description = parsed.data;
  const tokenizer = await rebuilt(description);
  if (tokenizer.fingerprint !== description.fingerprint || tokenizer.vocabularySize !== description.vocabularySize) {
    throw new DataError(
      `the description of the tokenizer "${description.name}" is damaged: its contents do not match its fingerprint`,
    );
  }
  return tokenizer;
}

async function rebuilt(description: z.output<typeof schema>): Promise<Tokenizer> {
  if (description.kind === "bytes") return byteTokenizer();
  if (description.kind === "symbols") return symbolTokenizer(description.name, description.symbols);
  return huggingFaceTokenizer(description.tokenizer, description.name);
}
