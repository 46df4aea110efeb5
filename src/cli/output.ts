/** What commands print on standard output. */

/** Prints a value for programs. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/**
 * Prints rows in columns as wide as their longest entry.
 *
 * @param rows entries, the same number in every row
 */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      row
        .map((entry, column) => entry.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    );
}

/** A count with its thousands apart. */
export function count(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** Settings in one line. */
export function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

/** A duration such as `1:02:03`, or `0:07`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor((whole % 3600) / 60), whole % 60];
  if (whole < 3600) return `${parts[0]}:${String(parts[1]).padStart(2, "0")}`;
  return [Math.floor(whole / 3600), ...parts.map((n) => String(n).padStart(2, "0"))].join(":");
}
