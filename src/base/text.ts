/**
 * Escape sequences of ECMA-48 terminals. `strip-ansi` is not used here: its pattern for OSC strings looks ahead for
 * a terminator from each introducer, so a megabyte of unterminated introducers takes it minutes. Here no
 * alternative can run past the next ESC or line end, so the time is linear whatever the guest writes.
 *
 * In order: control strings (DCS, SOS, OSC, PM, APC) up to their terminator, CSI sequences, two-byte escapes, and
 * their eight-bit forms.
 *
 * @see https://ecma-international.org/publications-and-standards/standards/ecma-48/
 */
const escapes =
  /(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n\r]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g;

/** C0, DEL and C1 but for tab and newline; line and paragraph separators; and what reorders or hides text. */
const controls =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

const unusual = /[^\t\n\x20-\x7e]/;

export interface SanitizeOptions {
  /** The longest text to return, in UTF-16 code units. Default 1,000,000. */
  readonly maxLength?: number;
}

/**
 * Remove terminal escape sequences. Other control characters stay.
 *
 * @example stripEscapes("\x1b[31mred\x1b[0m") // "red"
 */
export function stripEscapes(text: string): string {
  return /[\x1b\x90-\x9f]/.test(text) ? text.replace(escapes, "") : text;
}

/**
 * Text of a guest made fit to be shown: no escape sequences, no control characters but tab and newline, nothing
 * that reorders the text around it, well-formed Unicode, bounded length. A carriage return becomes a line end, so
 * that nothing can be overwritten and hidden.
 *
 * @example sanitize("\x1b]0;title\x07ok\r\n") // "ok\n"
 */
export function sanitize(text: string, options: SanitizeOptions = {}): string {
  const maxLength = Math.max(0, options.maxLength ?? 1_000_000);
  const clean = unusual.test(text)
    ? stripEscapes(text)
        .replace(/\r+\n?/g, "\n")
        .replace(controls, "")
        .toWellFormed()
    : text;
  if (clean.length <= maxLength) return clean;
  const mark = "…";
  return maxLength < mark.length
    ? ""
    : `${clean.slice(0, maxLength - mark.length).replace(/[\ud800-\udbff]$/, "")}${mark}`;
}

/**
 * Text on its last step to a terminal, whoever wrote it: as {@link sanitize}, of any length, but for colours, which
 * are ours. What was made fit before stays as it is.
 *
 * @see https://ecma-international.org/publications-and-standards/standards/ecma-48/ (8.3.117, SGR)
 * @example forTerminal("\x1b[31mred\x1b[39m \x1b[2Jgone") // "\x1b[31mred\x1b[39m gone"
 */
export function forTerminal(text: string): string {
  if (!unusual.test(text)) return text;
  const parts = text.split(/(\x1b\[[\d;]{0,20}m)/);
  return parts
    .map((part, index) => (index % 2 === 1 ? part : sanitize(part, { maxLength: Number.POSITIVE_INFINITY })))
    .join("");
}

/**
 * JSON in which nothing stands as it is that a terminal obeys or that reorders the text around it: the same document,
 * with these characters written by their numbers.
 *
 * @example inertJson('"\u202e"') // '"\\u202e"'
 */
export function inertJson(json: string): string {
  return unusual.test(json)
    ? json.replace(
        new RegExp(controls, "g"),
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
    : json;
}

/**
 * Text of a guest as one line: as {@link sanitize}, with runs of white space made one space.
 *
 * @example oneLine(" a\r\n b ") // "a b"
 */
export function oneLine(text: string, options: SanitizeOptions = {}): string {
  return sanitize(sanitize(text).replace(/\s+/g, " ").trim(), options);
}

/**
 * A list for a sentence in which one of its members is to be chosen.
 *
 * @example either(["a", "b", "c"]) // "a, b or c"
 */
export function either(list: readonly string[]): string {
  return [list.slice(0, -1).join(", "), list.at(-1)].filter(Boolean).join(" or ");
}
