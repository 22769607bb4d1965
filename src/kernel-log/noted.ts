import { oneLine, sanitize } from "../base/text.ts";

/** The longest text of a line that is kept. */
const longest = 500;

/**
 * A text of the log fit to be kept and shown.
 *
 * @example clip("a\tb") // "a b"
 */
export function clip(text: string): string {
  return oneLine(text.slice(0, longest * 2), { maxLength: longest });
}

/**
 * A short text of the log with its spaces as they are, fit to be shown.
 *
 * @example asWritten("May  6 10:11:12") // the same
 */
export function asWritten(text: string): string {
  return sanitize(text, { maxLength: 64 }).replaceAll(/[\t\n]/g, " ");
}

/** The named groups of a match that have values, fit to be kept and shown. */
export function noted(
  groups: Readonly<Record<string, string | undefined>> | undefined,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(groups ?? {})) {
    const text = value === undefined ? "" : clip(value);
    if (text !== "") values[name] = text;
  }
  return values;
}
