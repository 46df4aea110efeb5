/** What optimisers check of their settings. */
import { ConfigError, unknownName } from "../utils/index.ts";

type Settings = Readonly<Record<string, number>>;

/** @internal Throws ConfigError unless every setting is at least 0 and less than 1. */
export function checkShares(settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(value >= 0 && value < 1)) throw new ConfigError(`${name} must be at least 0 and less than 1, not ${value}`);
  }
}

/** @internal Throws ConfigError unless every setting is more than 0. */
export function checkPositive(settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(value > 0)) throw new ConfigError(`${name} must be more than 0, not ${value}`);
  }
}

/** @internal Throws ConfigError unless every setting is at least 0. */
export function checkNotNegative(settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(value >= 0)) throw new ConfigError(`${name} must be at least 0, not ${value}`);
  }
}

/** @internal Throws ConfigError unless every setting is a whole number from 1. */
export function checkCounts(settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(Number.isInteger(value) && value >= 1))
      throw new ConfigError(`${name} must be a whole number of at least 1, not ${value}`);
  }
}

/** @internal Throws ConfigError unless a setting is one of its choices. */
export function checkChoice(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) throw new ConfigError(unknownName(name, value, choices));
}
