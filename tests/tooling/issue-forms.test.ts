/** The issue forms are ones that GitHub takes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { root } from "./fixture.ts";

const folder = join(root, ".github/ISSUE_TEMPLATE");
const validations = z.strictObject({ required: z.boolean() }).optional();
const id = z.string().regex(/^[A-Za-z0-9_-]+$/);
const text = z.strictObject({
  label: z.string().min(1),
  description: z.string().optional(),
  placeholder: z.string().optional(),
  value: z.string().optional(),
  render: z.string().optional(),
});

/** GitHub's syntax for issue forms. */
const form = z.strictObject({
  name: z.string().min(1),
  description: z.string().min(1),
  title: z.string().optional(),
  labels: z.array(z.string()).optional(),
  body: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("markdown"), attributes: z.strictObject({ value: z.string().min(1) }) }),
        z.strictObject({ type: z.literal("input"), id, attributes: text.omit({ render: true }), validations }),
        z.strictObject({ type: z.literal("textarea"), id, attributes: text, validations }),
        z.strictObject({
          type: z.literal("dropdown"),
          id,
          attributes: z.strictObject({
            label: z.string().min(1),
            description: z.string().optional(),
            options: z.array(z.string()).min(1),
          }),
          validations,
        }),
        z.strictObject({
          type: z.literal("checkboxes"),
          id,
          attributes: z.strictObject({
            label: z.string().min(1),
            options: z.array(z.strictObject({ label: z.string().min(1), required: z.boolean().optional() })).min(1),
          }),
        }),
      ]),
    )
    .min(1),
});

const read = (name: string): unknown => parse(readFileSync(join(folder, name), "utf8"));

test("there are forms for bugs, features and faithfulness gaps, and nothing else", () => {
  expect(readdirSync(folder).sort()).toEqual(["bug.yml", "config.yml", "faithfulness-gap.yml", "feature.yml"]);
  expect(read("config.yml")).toEqual({ blank_issues_enabled: true });
});

test.each(["bug.yml", "feature.yml", "faithfulness-gap.yml"])("%s is an issue form", (name) => {
  const { body } = form.parse(read(name));
  const ids = body.flatMap((field) => ("id" in field ? [field.id] : []));
  expect(new Set(ids).size).toBe(ids.length);
});

test("a faithfulness gap asks for paper, equation, what is said, what is done, and numbers", () => {
  const { body } = form.parse(read("faithfulness-gap.yml"));
  const required = body.flatMap((field) => ("validations" in field && field.validations?.required ? [field.id] : []));
  expect(required).toEqual(["paper", "equation", "says", "does", "check"]);
});
