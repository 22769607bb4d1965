import Table from "cli-table3";
import { sanitize } from "../base/text.ts";

/**
 * A table for the terminal. Cells come from guests, so they are made fit to be shown; the last column takes
 * what room is left.
 *
 * cli-table3: wraps and aligns text with wide characters; typed, two dependencies.
 *
 * @example renderTable(["cell", "outcome"], [["kernel 6.1.115", "reproduced"]], { width: 80 })
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: { width: number },
): string {
  const cells = rows.map((row) => row.map((cell) => sanitize(cell, { maxLength: 2000 })));
  const widths = fitWidths(
    head.map((title, column) =>
      Math.max(
        ...[title, ...cells.map((row) => row[column] ?? "")].flatMap((cell) =>
          cell.split("\n").map((line) => line.length),
        ),
      ),
    ),
    options.width - 3 * head.length - 1,
  );
  const table = new Table({
    head: [...head],
    colWidths: widths.map((width) => width + 2),
    wordWrap: true,
    wrapOnWordBoundary: true,
    style: { head: [], border: [] },
  });
  table.push(...cells);
  return table.toString();
}

/** Shrink the widest columns first until all fit. Pure. */
export function fitWidths(wanted: readonly number[], room: number): number[] {
  const widths = [...wanted];
  const least = 8;
  while (widths.reduce((sum, width) => sum + width, 0) > room) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= least) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
