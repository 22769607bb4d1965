/**
 * A text as lines no wider than `width`, broken at spaces; a word that is longer than a line is cut.
 *
 * @example wrap("one two three", { width: 8 }) // ["one two", "three"]
 */
export function wrap(text: string, { width }: { readonly width: number }): string[] {
  const room = Math.max(width, 1);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= room) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (line.length > room) {
      lines.push(line.slice(0, room));
      line = line.slice(room);
    }
  }
  return [...lines, line];
}
