/** Progress on standard error: one live line on a terminal, plain lines elsewhere. */
import { SingleBar } from "cli-progress";
import { hasLoss, type LossEntry, lossOf } from "../training/index.ts";
import { clock, count } from "./output.ts";

/** What is known after a piece of work: its loss, if it has one, and the tokens that were read in it. */
export type ProgressFacts = (LossEntry | { readonly [N in keyof LossEntry]?: never }) & {
  readonly tokens: number;
};

/** A line that shows how far some work is. */
export interface Progress {
  /** @param done units finished so far */
  update(done: number, facts: ProgressFacts): void;
  /** Shows a finding that stays until the next one. */
  note(text: string): void;
  /** Ends the line; nothing happens the second time. */
  stop(): void;
}

/** Pieces of work over which the speed is averaged. */
const AVERAGED = 20;
/** Plain lines in the whole, notes aside. */
const PLAIN_LINES = 20;

/**
 * Starts a progress line.
 *
 * @param unit what is counted, such as `step`
 * @param total units in the whole
 * @param from units that were finished before
 * @param averaged units over which the speed is averaged
 */
export function startProgress(unit: string, total: number, from = 0, averaged = AVERAGED): Progress {
  const speed = speedometer(from, averaged);
  return process.stderr.isTTY ? liveLine(unit, total, from, speed) : plainLines(unit, total, speed);
}

type Speedometer = (done: number, tokens: number) => { secondsPerUnit: number; tokensPerSecond: number };

/** One line that fits 80 columns, the most important first: what is beyond the terminal's width is cut off. */
function liveLine(unit: string, total: number, from: number, speed: Speedometer): Progress {
  // Nothing about the terminal is changed, so that it is in order however this process ends.
  const format = `${unit} {value}/{total} [{bar}] {loss}{note}{pace}`;
  const bar = new SingleBar({ format, barsize: 5, stream: process.stderr, linewrap: true });
  bar.start(total, from, { loss: "starting", note: "", pace: "" });
  return {
    update(done, { tokens, ...facts }) {
      const pieces = [...lossText(facts, "/"), pace(speed, done, total, tokens)];
      bar.update(done, { loss: pieces[0], pace: pieces[1] === undefined ? "" : ` ${pieces[1]}` });
    },
    note: (text) => bar.update({ note: ` (${text})` }),
    stop: () => bar.stop(),
  };
}

function plainLines(unit: string, total: number, speed: Speedometer): Progress {
  let printed = -1;
  return {
    update(done, { tokens, ...loss }) {
      const facts = [...lossText(loss, " per "), pace(speed, done, total, tokens)].join(", ");
      const part = done >= total ? PLAIN_LINES + 1 : Math.floor((done / total) * PLAIN_LINES);
      if (part > printed) console.error(`${unit} ${done}/${total}: ${facts}`);
      printed = Math.max(printed, part);
    },
    note: (text) => console.error(text),
    stop() {},
  };
}

function lossText(facts: Omit<ProgressFacts, "tokens">, per: string): string[] {
  if (!hasLoss(facts)) return [];
  const { bits, unit } = lossOf(facts);
  return [`${bits.toFixed(3)} bits${per}${unit}`];
}

function pace(speed: Speedometer, done: number, total: number, tokens: number): string {
  const { secondsPerUnit, tokensPerSecond } = speed(done, tokens);
  return `${count(tokensPerSecond)} tokens/s ${clock((total - done) * secondsPerUnit)} left`;
}

/** The first piece also compiles, so it counts only while it is all there is. */
function speedometer(from: number, averaged: number): Speedometer {
  let laps = [{ done: from, read: 0, time: performance.now() }];
  let read = 0;
  return (done, tokens) => {
    read += tokens;
    const compiled = laps.length === 2 && laps[0]!.done === from;
    laps = [...(compiled ? laps.slice(1) : laps.slice(-averaged)), { done, read, time: performance.now() }];
    const first = laps[0]!;
    const seconds = Math.max(1e-9, (performance.now() - first.time) / 1000);
    return { secondsPerUnit: seconds / Math.max(1, done - first.done), tokensPerSecond: (read - first.read) / seconds };
  };
}
