/** How a report looks: light or dark as the reader's system is, on wide and narrow screens and on paper. */
import { SHADES } from "./coloured-passage.ts";

/** Opacity of the shades: from nothing to a colour on which text can still be read. */
const LARGEST_OPACITY = 0.78;

/** How strongly a field is coloured by a share from 0 to 1. */
export function heatOpacity(share: number): number {
  return share ** 1.2 * LARGEST_OPACITY;
}

const shades = Array.from({ length: SHADES }, (_, shade) => {
  const opacity = heatOpacity(shade / (SHADES - 1)).toFixed(3);
  return `.s${shade} { background: rgb(var(--heat) / ${opacity}); }`;
}).join("\n");

const dark = `
  color-scheme: dark;
  --page: #131312; --surface: #1b1b1a; --line: #363532; --ink: #f3f2ee; --ink-2: #bab8b0; --muted: #85837b; --baseline: #85837b;
  --series-1: #4c97ee; --series-2: #e2723f; --series-3: #27b58c; --series-4: #8a52d0; --series-5: #e8d44d; --series-6: #e79ad3;
  --series-7: #8be0f2; --series-8: #b08457;
  --heat: 226 104 50; --note: #33270f; --note-line: #c98500;`;

/** The style sheet. */
export const reportStyle = `
:root {
  color-scheme: light;
  --page: #f7f6f3; --surface: #ffffff; --line: #dfddd6; --ink: #1b1a18; --ink-2: #57554e; --muted: #95938a; --baseline: #95938a;
  --series-1: #2269c4; --series-2: #cf5a23; --series-3: #128a68; --series-4: #4a1a8c; --series-5: #8f1d3c; --series-6: #c768b4;
  --series-7: #2fa3bf; --series-8: #85691f;
  --heat: 235 104 52; --heat-fill: rgb(var(--heat)); --note: #fdf3da; --note-line: #c98500;
}
@media (prefers-color-scheme: dark) { :root {${dark} } }
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif;
  overflow-wrap: break-word;
}
main { max-width: 940px; margin: 0 auto; padding: 40px 24px 64px; }
header p.eyebrow { margin: 0; color: var(--ink-2); font-size: 14px; }
h1 { margin: 2px 0 12px; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 0 0 6px; font-size: 21px; line-height: 1.3; }
h3 { margin: 0 0 4px; font-size: 15px; }
p { margin: 0 0 10px; }
p, figcaption, li.note { max-width: 72ch; }
a { color: inherit; }
.lead { font-size: 18px; }
section { margin-top: 44px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(164px, 1fr)); gap: 12px; margin: 22px 0 0; padding: 0; }
.tiles div { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; }
.tiles dt { color: var(--ink-2); font-size: 14px; line-height: 1.35; }
.tiles dd { margin: 4px 0 0; }
.tiles dd.value { font-size: 28px; line-height: 1.2; font-weight: 600; }
.tiles dd.about { color: var(--ink-2); font-size: 14px; line-height: 1.4; }
.warnings { background: var(--note); border-left: 4px solid var(--note-line); border-radius: 4px; padding: 12px 18px; margin-top: 22px; }
.warnings ul { margin: 4px 0 0; padding-left: 20px; }
.card, figure { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 16px 18px; margin: 14px 0 0; }
figure > h3 + ul.legend { margin-top: 2px; }
figcaption { color: var(--ink-2); font-size: 14px; line-height: 1.5; margin-top: 10px; }
.panels { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px; margin-top: 14px; }
.panels figure { margin: 0; }
svg { width: 100%; height: auto; --plot-background: var(--surface); color: var(--ink-2); }
.narrow { display: none; }
.mask svg { width: auto; max-width: 100%; }
.mask .unseen { fill: var(--page); }
.mask path { shape-rendering: crispEdges; }
.mask path.cells { fill: none; stroke: var(--surface); }
.mask path.groups { fill: none; stroke: var(--ink-2); }
.panels .plot { max-width: 520px; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 6px; padding: 0; font-size: 14px; color: var(--ink-2); }
.legend li { display: flex; align-items: center; gap: 7px; }
.key { width: 20px; border-top: 3px solid; }
.key.dashed { border-top-style: dashed; }
.key.muted { border-color: var(--muted); } .key.series-1 { border-color: var(--series-1); } .key.series-2 { border-color: var(--series-2); }
.key.series-3 { border-color: var(--series-3); } .key.series-4 { border-color: var(--series-4); }
.key.series-5 { border-color: var(--series-5); } .key.series-6 { border-color: var(--series-6); }
.key.series-7 { border-color: var(--series-7); } .key.series-8 { border-color: var(--series-8); }
svg.symbol { width: 26px; flex: none; vertical-align: -1px; margin-right: 8px; }
.legend svg.symbol { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
caption { text-align: left; color: var(--ink-2); font-size: 14px; line-height: 1.5; padding-bottom: 8px; }
th, td { text-align: left; padding: 7px 14px 7px 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--ink-2); font-weight: 400; font-size: 14px; }
tbody th { font-weight: 400; }
tr.own th, tr.own td { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.about, td .about, th .about { color: var(--ink-2); font-size: 14px; font-weight: 400; }
table.ranking tbody th { white-space: nowrap; }
.passage, pre { font: 15px/1.75 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 10px 0 0; }
.passage span { border-radius: 2px; }
pre { line-height: 1.55; }
.prompt { color: var(--ink-2); }
.scale { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; font-size: 14px; color: var(--ink-2); margin: 0; }
.ramp { display: inline-flex; border: 1px solid var(--line); border-radius: 3px; overflow: hidden; }
.ramp span { width: 24px; height: 14px; }
details { margin-top: 14px; }
summary { cursor: pointer; }
${shades}
@media (max-width: 760px) { .panels { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  main { padding: 24px 14px 48px; }
  h1 { font-size: 25px; }
  .card, figure { padding: 13px 12px; }
  .wide { display: none; }
  .narrow { display: block; }
  .passage, pre { font-size: 14px; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .ramp span { width: 14px; }
  td.number { white-space: normal; }
  table.ranking td.number { white-space: nowrap; }
  table.ranking caption div { max-width: calc(100vw - 54px); }
  table.controls td.about, table.controls th.about { display: none; }
}
@media print { body { background: none; } section, figure { break-inside: avoid; } }
`;
