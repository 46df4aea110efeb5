/** An attention mask as a picture: a row a query, a column a key, a filled cell where the query sees the key. */
import type { AttentionPattern, PatternGroup } from "../common/index.ts";
import { type Html, html } from "./html.ts";

/** Pixels of the longer side of the grid on wide and on narrow screens. */
const WIDE_GRID = 520;
const NARROW_GRID = 230;
/** Pixels of a cell up to which it is drawn, and from which cells are told apart by lines. */
const LARGEST_CELL = 22;
const RULED_CELL = 9;
/** Pixels of letters, of a line of them, and of the room around the grid. */
const FONT_SIZE = 13;
const LETTER = 7.8;
const LINE = 16;
const GAP = 8;
/** What names of narrow columns are turned by. */
const TURN = 40;
const SLOPE = Math.sin((TURN * Math.PI) / 180);

/** The colour of a group of columns: tokens, the last, have one in every figure, and so have persistent tokens, which come first. */
function groupColour(group: number, groups: number): string {
  if (group === groups - 1) return "series-1";
  return group === 0 ? "series-3" : "series-2";
}

/** A group, and where it begins. */
interface Placed extends PatternGroup {
  readonly start: number;
}

/**
 * A mask as a figure for wide and for narrow screens.
 *
 * @param pattern what a layer says about its mask
 * @param label what the figure shows, for those who cannot see it
 */
export function maskFigure(pattern: AttentionPattern, label: string): Html {
  return html`<div class="plot wide mask">${grid(pattern, label, WIDE_GRID)}</div><div class="plot narrow mask">${grid(pattern, label, NARROW_GRID)}</div>`;
}

function grid(pattern: AttentionPattern, label: string, pixels: number): Html {
  const [queries, keys] = [placed(pattern.queries), placed(pattern.keys)];
  const [rows, columns] = [pattern.visible.length, pattern.visible[0]?.length ?? 0];
  const cell = cellSize(pixels / Math.max(rows, columns));
  const [width, height] = [columns * cell, rows * cell];
  const left = 2 * GAP + Math.max(...queries.map(({ name }) => LETTER * name.length));
  const turned = (group: Placed) => LETTER * group.name.length > group.size * cell;
  const top = GAP + Math.max(LINE, ...keys.filter(turned).map(({ name }) => LINE + LETTER * name.length * SLOPE));
  const right = Math.max(0, ...keys.map((group) => overhang(group, cell, width)));
  const size = [left + width + right + 1, top + height + 1].map(Math.ceil);
  return html`<svg role="img" aria-label="${label}" viewBox="0 0 ${size[0]} ${size[1]}" width="${size[0]}" height="${size[1]}" font-size="${FONT_SIZE}" fill="currentColor">
${queryNames(queries, cell, top).map(({ name, y }) => html`<text x="${round(left - GAP)}" y="${round(y)}" dy="0.35em" text-anchor="end">${name}</text>`)}
<g transform="translate(${round(left)} ${round(top)})">
${keys.map((group) => keyName(group, cell, turned(group)))}
<rect class="unseen" width="${round(width)}" height="${round(height)}"/>
<g transform="scale(${round(cell)})">${keys.map((group, i) => cellsOf(pattern.visible, group, groupColour(i, keys.length)))}</g>
${cell >= RULED_CELL && html`<path class="cells" d="${rules(each(columns), each(rows), cell, width, height)}"/>`}
<path class="groups" d="${rules(starts(keys), starts(queries), cell, width, height)}"/>
</g>
</svg>`;
}

/** Whole pixels where a cell has several, so that all look alike. */
function cellSize(pixels: number): number {
  return pixels < 2 ? pixels : Math.min(LARGEST_CELL, Math.floor(pixels));
}

function placed(groups: readonly PatternGroup[]): Placed[] {
  let start = 0;
  return groups.map((group) => {
    const here = { ...group, start };
    start += group.size;
    return here;
  });
}

/** The visible cells of a group of columns as one path, in units of cells: a rectangle for each stretch of a row. */
function cellsOf(visible: AttentionPattern["visible"], { name, start, size }: Placed, colour: string): Html {
  const path = visible.flatMap((row, y) =>
    stretches(row.slice(start, start + size)).map(([from, to]) => `M${start + from} ${y}h${to - from}v1h${from - to}z`),
  );
  return html`<path data-keys="${name}" fill="var(--${colour})" d="${path.join("")}"/>`;
}

/** Where stretches of `true` begin and end. */
function stretches(row: readonly boolean[]): [from: number, to: number][] {
  const edges = [...row, false].flatMap((seen, x) => (seen === (row[x - 1] ?? false) ? [] : [x]));
  return Array.from({ length: edges.length / 2 }, (_, i) => [edges[2 * i]!, edges[2 * i + 1]!]);
}

/** Lines across the grid before the given columns and rows. */
function rules(columns: readonly number[], rows: readonly number[], cell: number, width: number, height: number) {
  const down = columns.map((column) => `M${round(column * cell)} 0V${round(height)}`);
  const across = rows.map((row) => `M0 ${round(row * cell)}H${round(width)}`);
  return [...down, ...across].join("");
}

function each(count: number): number[] {
  return Array.from({ length: Math.max(0, count - 1) }, (_, i) => i + 1);
}

/** Where groups begin, and where the last one ends. */
function starts(groups: readonly Placed[]): number[] {
  const last = groups.at(-1);
  return [...groups.map(({ start }) => start), ...(last ? [last.start + last.size] : [])];
}

function keyName({ name, start, size }: Placed, cell: number, turned: boolean): Html {
  const x = round((start + size / 2) * cell);
  return turned
    ? html`<text transform="translate(${x} ${-GAP}) rotate(${-TURN})">${name}</text>`
    : html`<text x="${x}" y="${-GAP}" text-anchor="middle">${name}</text>`;
}

/** Pixels by which the turned name of a narrow group sticks out to the right of the grid. */
function overhang({ name, start, size }: Placed, cell: number, width: number): number {
  const length = LETTER * name.length;
  return length > size * cell ? (start + size / 2) * cell + length - width : 0;
}

/** Names beside the middle of their rows, or a line further down where that one is taken. */
function queryNames(groups: readonly Placed[], cell: number, top: number): { name: string; y: number }[] {
  let taken = Number.NEGATIVE_INFINITY;
  return groups.map(({ name, start, size }) => {
    taken = Math.max(taken + LINE, top + (start + size / 2) * cell);
    return { name, y: taken };
  });
}

function round(pixels: number): number {
  return Number(pixels.toFixed(2));
}
