/** Options that several commands share, and how numbers among them are read. */
import { InvalidArgumentError, Option } from "commander";
import { type Engine, type EngineName, engineNames, startEngine } from "../array/index.ts";
import { ConfigError, unknownName } from "../utils/index.ts";

/** A parser of whole numbers from a smallest one on. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}

/** Reads a number. */
export function number(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}

/** Collects the values of an option that may be given several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** Reads names with commas between them. */
export function names(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

/** One of some names; an unknown one is refused with the nearest valid one. `listed` stands for all of them where they are too many. */
export function oneOf<T extends string>(
  kind: string,
  valid: readonly T[],
  listed: readonly string[] = valid,
): (text: string) => T {
  return (text) => {
    const found = valid.find((name) => name === text);
    if (found === undefined) throw new ConfigError(unknownName(kind, text, valid, listed));
    return found;
  };
}

/** `--engine`, for commands that read with a model. */
export function engineOption(): Option {
  return new Option("--engine <name>", `what computes: ${engineNames.join(", ")}`)
    .argParser<EngineName>(oneOf("engine", engineNames))
    .default("auto");
}

/** `--threads`, for every command that computes. */
export function threadsOption(): Option {
  return new Option(
    "--threads <n>",
    "threads of the native engine (default: as many as the machine runs at once)",
  ).argParser(wholeNumber(1));
}

/** The engine that a command's options ask for; what it has to say goes to standard error. */
export function openEngine({
  engine,
  threads,
}: {
  readonly engine: EngineName;
  readonly threads?: number;
}): Promise<Engine> {
  return startEngine(engine, { ...(threads === undefined ? {} : { threads }), onNote: console.error });
}

/** `--json` */
export function jsonOption(): Option {
  return new Option("--json", "print one JSON value for programs to read");
}
