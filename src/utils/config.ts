/** Configurations from people: validated against a schema, with every problem said in a sentence. */
import type { z } from "zod";
import { ConfigError } from "./errors.ts";
import { nearestName } from "./nearest.ts";

type Schema = z.core.$ZodType;
type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/**
 * A validated configuration, defaults filled in.
 *
 * @param schema what is valid; its objects are strict (`z.strictObject`), so that a mistyped key is found
 * @param value what was written
 * @param where it was written, such as a file's name: the message starts with it
 * @returns the value as the schema types it
 * @throws ConfigError with one sentence a problem: an unknown key with the nearest valid one, a wrong type with what was expected
 */
export function parseConfig<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => explain(issue as Issue, [], schema, value));
  if (problems.length === 1) throw new ConfigError(`${where}: ${problems[0]}`);
  throw new ConfigError(`${where} has ${problems.length} problems:\n${problems.map((text) => `  ${text}`).join("\n")}`);
}

/** Names up to which all are listed even if one of them is likely to have been meant. */
const MOST_LISTED = 12;

/** The sentences for one issue; a union's issues stand at paths relative to it. */
function explain(issue: Issue, base: Path, schema: Schema, root: unknown): string[] {
  const path = [...base, ...issue.path];
  const subject = path.length === 0 ? "the configuration" : path.join(".");
  const actual = valueAt(root, path);
  const must = (be: string) => [
    actual === undefined ? `${subject} is missing: it must ${be}` : `${subject} must ${be}, not ${show(actual)}`,
  ];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path, schema));
    case "invalid_type":
      return must(`be ${typeName(issue.expected)}`);
    case "invalid_value": {
      const suggested = suggestion(actual, issue.values);
      const isLong = suggested !== "" && issue.values.length > MOST_LISTED;
      return must(`be ${isLong ? `one of ${issue.values.length} names` : choice(issue.values.map(show))}`).map(
        (text) => text + suggested,
      );
    }
    case "too_small":
      return must(limit(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum));
    case "too_big":
      return must(limit(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum));
    case "invalid_union":
      return explainUnion(issue, path, schema, root);
    default:
      return [`${subject}: ${issue.message}`];
  }
}

function unknownKey(key: string, path: Path, schema: Schema): string {
  const valid = [...new Set(keysAt(schema, path))];
  const near = nearestName(key, valid);
  const place = path.length === 0 ? "" : ` in ${path.join(".")}`;
  return `unknown key "${key}"${place}${near === undefined ? ` (valid: ${valid.join(", ")})` : `; did you mean "${near}"?`}`;
}

/** A value that fits no alternative: the problems of the alternative it comes nearest to, or all alternatives where none was begun. */
function explainUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: Path,
  schema: Schema,
  root: unknown,
): string[] {
  const begun = issue.errors.filter((issues) => !issues.some((inner) => inner.path.length === 0 && isWrongKind(inner)));
  const nearest = begun.sort((a, b) => misfit(a) - misfit(b))[0];
  if (nearest !== undefined) return nearest.flatMap((inner) => explain(inner, path, schema, root));
  const subject = path.length === 0 ? "the configuration" : path.join(".");
  const options = "options" in issue ? (issue.options ?? []).map(show) : issue.errors.flat().flatMap(expectations);
  const actual = valueAt(root, path);
  const near = "options" in issue ? suggestion(actual, issue.options ?? []) : "";
  return [`${subject} must be ${choice([...new Set(options)])}, not ${show(actual)}${near}`];
}

function isWrongKind(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

/** A wrong literal names another alternative, so it weighs more than any number of other problems. */
function misfit(issues: readonly Issue[]): number {
  return issues.reduce((total, issue) => total + (issue.code === "invalid_value" ? 1000 : 1), 0);
}

function expectations(issue: Issue): string[] {
  if (issue.code === "invalid_type") return [typeName(issue.expected)];
  return issue.code === "invalid_value" ? issue.values.map(show) : [];
}

/** The keys that objects at a path may have. */
function keysAt(schema: Schema, path: Path): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const [first, ...rest] = path;
  switch (def.type) {
    case "object": {
      if (first === undefined) return Object.keys(def.shape);
      const child = def.shape[String(first)];
      return child === undefined ? [] : keysAt(child, rest);
    }
    case "array":
      return keysAt(def.element, rest);
    case "record":
      return keysAt(def.valueType, rest);
    case "union":
      return def.options.flatMap((option) => keysAt(option, path));
    case "pipe":
      return keysAt(def.in, path);
    default:
      return "innerType" in def ? keysAt(def.innerType, path) : [];
  }
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], root);
}

const typeNames: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
  object: "an object with keys",
  record: "an object with keys",
  array: "a list",
};

function typeName(expected: string): string {
  return typeNames[expected] ?? expected;
}

function limit(origin: string, relation: string, bound: number | bigint): string {
  if (origin === "string") return `have ${relation} ${bound} characters`;
  if (origin === "array") return `have ${relation} ${bound} entries`;
  return `be ${relation} ${bound}`;
}

function suggestion(actual: unknown, values: readonly unknown[]): string {
  if (typeof actual !== "string") return "";
  const near = nearestName(
    actual,
    values.filter((value) => typeof value === "string"),
  );
  return near === undefined ? "" : `; did you mean "${near}"?`;
}

function choice(options: readonly string[]): string {
  return options.length < 2 ? options.join("") : `${options.slice(0, -1).join(", ")} or ${options.at(-1)}`;
}

/** A value as a message shows it. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}
