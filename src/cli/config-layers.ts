/** Configuration from files and from `--set`. */
import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import { mergeLayers, type RunLayer } from "../training/index.ts";
import { ConfigError } from "../utils/index.ts";

/**
 * Reads a configuration file.
 *
 * @param path a YAML or JSON file
 * @throws ConfigError if it is missing, or does not hold an object
 */
export async function readConfigFile(path: string): Promise<RunLayer> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(
      cause.code === "ENOENT" ? `there is no configuration file ${path}` : `${path} cannot be read: ${cause.code}`,
      { cause },
    );
  });
  const value = parseYaml(text, path);
  if (isObject(value)) return value;
  throw new ConfigError(
    `${path} ${text.trim() === "" ? "is empty" : "has no keys"}; write some, such as training: { steps: 100 }`,
  );
}

/**
 * The entry that `--set` asks for.
 *
 * @param assignment `key=value` with a dotted key; the value is YAML
 * @throws ConfigError if it is no assignment
 */
export function assignedLayer(assignment: string): RunLayer {
  const [, path, text] = /^([^=]+)=(.*)$/s.exec(assignment) ?? [];
  if (path === undefined || text === undefined || path.split(".").includes("")) {
    throw new ConfigError(
      `--set takes key=value, such as --set training.steps=100; "${assignment}" is not of that form`,
    );
  }
  const value = parseYaml(text, `--set ${path}`);
  return path.split(".").reduceRight<unknown>((inner, name) => Object.fromEntries([[name, inner]]), value) as RunLayer;
}

/**
 * All layers of a command line, from the weakest to the strongest, and where they were written.
 *
 * @param file the configuration file, if one is named
 * @param flags what the plain options stand for; entries that are `undefined` were not given
 * @param assignments what `--set` asks for
 */
export async function commandLayers(
  file: string | undefined,
  flags: RunLayer,
  assignments: readonly string[],
): Promise<{ readonly layers: readonly RunLayer[]; readonly where: string }> {
  const written = file === undefined ? {} : await readConfigFile(file);
  const assigned = mergeLayers(assignments.map(assignedLayer));
  const sources = [file, assignments.length > 0 ? "--set" : undefined].filter((source) => source !== undefined);
  return {
    layers: [written, given(flags), assigned],
    where: sources.length > 0 ? sources.join(" with ") : "the options",
  };
}

function given(flags: RunLayer): RunLayer {
  const nested = Object.entries(flags).map(([name, value]) => [name, isObject(value) ? given(value) : value] as const);
  return Object.fromEntries(nested.filter(([, value]) => value !== undefined));
}

function isObject(value: unknown): value is RunLayer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseYaml(text: string, where: string): unknown {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem === undefined) return document.toJS();
  const [line] = problem.message.split("\n");
  throw new ConfigError(`${where} is neither YAML nor JSON: ${line?.replace(/:$/, "")}`);
}
