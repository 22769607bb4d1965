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
  const titles = head.map((title) => sanitize(title, { maxLength: 200 }));
  const widths = fitWidths(
    titles.map((title, column) => {
      let widest = 0;
      for (const cell of [title, ...cells.map((row) => row[column] ?? "")])
        for (const line of cell.split("\n")) widest = Math.max(widest, line.length);
      return widest;
    }),
    options.width - 3 * head.length - 1,
  );
  // A word that is wider than its column would lose its end, which is often what tells two rows apart.
  const folded = (row: readonly string[]): string[] =>
    row.map((cell, column) => fold(cell, widths[column] ?? 0));
  const pieces: string[] = [];
  for (let from = 0; from === 0 || from < cells.length; from += pieceRows) {
    const table = new Table({
      ...(from === 0 ? { head: folded(titles) } : {}),
      colWidths: widths.map((width) => width + 2),
      wordWrap: true,
      wrapOnWordBoundary: true,
      style: { head: [], border: [] },
    });
    table.push(...cells.slice(from, from + pieceRows).map(folded));
    pieces.push(table.toString());
  }
  return joined(pieces);
}

/** The library looks at all rows above for each row: ten thousand in one piece take ten seconds. */
const pieceRows = 100;

/** Tables of the same columns, one below the other, as one. */
function joined(pieces: readonly string[]): string {
  const between = { "└": "├", "┴": "┼", "┘": "┤" } as const;
  const lines = pieces.flatMap((piece, index) => {
    const own = piece.split("\n");
    // The line below one piece is the line above the next one.
    if (index > 0) own.shift();
    const last = own.at(-1);
    if (index < pieces.length - 1 && last !== undefined)
      own[own.length - 1] = last.replace(/[└┴┘]/g, (sign) => between[sign as keyof typeof between]);
    return own;
  });
  return lines.join("\n");
}

/**
 * A text whose words are no wider than `width`: longer ones go on in the next line, where they can be broken after a
 * sign between words. Nothing of them is lost.
 *
 * @example fold("git:/src/linux@v6.1.115", 12) // "git:/src/\nlinux\n@v6.1.115"
 */
export function fold(text: string, width: number): string {
  if (width < 1) return text;
  return text.replace(/[^\s]+/g, (word) => (word.length <= width ? word : foldWord(word, width).join("\n")));
}

function foldWord(word: string, width: number): string[] {
  // After a sign, but a revision or a version stays with what introduces it.
  const parts = word.split(/(?<=[/,:=_~+-])|(?=@)/);
  const lines: string[] = [""];
  for (const part of parts) {
    let rest = part;
    if ((lines.at(-1) ?? "").length + rest.length > width) lines.push("");
    while (rest.length > width) {
      lines[lines.length - 1] = rest.slice(0, width);
      rest = rest.slice(width);
      lines.push("");
    }
    lines[lines.length - 1] += rest;
  }
  return lines.filter((line) => line !== "");
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
