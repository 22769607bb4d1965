import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hintTable } from "../../src/kernel-lines/hints.ts";
import { LineScanner } from "../../src/kernel-lines/scanner.ts";

/** One word of each length that is treated in its own way. */
const words = ["[#", "BUG", "Oops", "panic", "soft lockup"];
const shown = new Map(words.map((word) => [word, word === "[#" ? "[#7]" : word]));

/** The lines that a scanner hands on, of a log in pieces. */
function scan(pieces: readonly Uint8Array[], word: string): { lines: number; hinted: string[] } {
  const hinted: string[] = [];
  const scanner = new LineScanner({
    hints: hintTable([word]),
    wantsAll: () => false,
    line: (text) => hinted.push(text),
  });
  for (const piece of pieces) scanner.push(piece);
  scanner.end();
  return { lines: scanner.lines, hinted };
}

describe("a line that holds a word", () => {
  test.each(words)("is handed on wherever %j stands in it, and however the log is cut", (word) => {
    const filler = fc.stringMatching(/^[a-z .:]{0,9}$/);
    const at = fc.record({
      before: fc.array(filler, { maxLength: 3 }),
      head: filler,
      tail: filler,
      last: fc.boolean(),
    });
    fc.assert(
      fc.property(
        at,
        fc.array(fc.nat(60), { maxLength: 4 }),
        fc.nat(3),
        ({ before, head, tail, last }, cuts, offset) => {
          const line = `${head}${shown.get(word)}${tail}`;
          const log = Buffer.from(`${[...before, line].join("\n")}${last ? "" : "\n"}`);
          const ends = [...cuts, log.length].map((cut) => Math.min(cut, log.length)).sort((a, b) => a - b);
          // Pieces need not lie on a boundary in memory.
          const pieces = ends.map((end, index) => {
            const piece = log.subarray(ends[index - 1] ?? 0, end);
            const room = new Uint8Array(piece.length + offset);
            room.set(piece, offset);
            return room.subarray(offset);
          });
          const { lines, hinted } = scan(pieces, word);
          expect(hinted).toContain(line);
          expect(lines).toBe(before.length + 1);
        },
      ),
    );
  });

  test("is one of few: nearly no other line is handed on", () => {
    const others = Array.from(
      { length: 5000 },
      (_, n) => `usb 1-${n}: new high-speed device number ${n * 7919}`,
    );
    expect(scan([Buffer.from(others.join("\n"))], "soft lockup").hinted.length).toBeLessThan(50);
  });
});
