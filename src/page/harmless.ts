/**
 * A line of a console for a terminal: its colours stay, everything else that a terminal obeys goes. What moves the
 * cursor would let a guest write over what it said before; titles, links and answers are nobody's business.
 *
 * @example harmless("\x1b[31mred\x1b[0m \x1b]0;title\x07") // "\x1b[31mred\x1b[0m "
 */
export function harmless(line: string): string {
  const colours = /\x1b\[[0-9;]{0,32}m/g;
  const parts: string[] = [];
  let from = 0;
  for (const match of line.matchAll(colours)) {
    parts.push(plain(line.slice(from, match.index)), match[0]);
    from = match.index + match[0].length;
  }
  parts.push(plain(line.slice(from)));
  const whole = parts.join("");
  return whole.length > 4000 ? `${whole.slice(0, 4000)}…\x1b[0m` : whole;
}

function plain(text: string): string {
  return text
    .replace(/(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?/g, "")
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]?|\x9b[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g, "")
    .replace(
      /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g,
      "",
    );
}
