/** Kinds of knobs that many tasks have. */
import { z } from "zod";

/** A knob that counts something, with its smallest value, its default and what it is. */
export function countKnob(least: number, usual: number, about: string) {
  return z.int().min(least).default(usual).describe(about);
}

/** A knob that counts how many of something are asked for. */
export function askedKnob(about: string) {
  return z.int().min(1).nullable().default(null).describe(about);
}
