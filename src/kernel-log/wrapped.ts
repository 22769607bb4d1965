import type { LogLine } from "../kernel-lines/line.ts";
import { readHead } from "./body.ts";
import { type Format, firstFormat } from "./formats/index.ts";
import { readFrames } from "./frame.ts";

/** Mailers break lines at the first blank before this column, terminals at their width. */
const shortest = 56;
/** An address whose function stands in the next line: continuation lines of Linux 4.9 and 4.10. */
const addressOnly = /^\[<[0-9a-f]+>\](?: \?)?$/;

/**
 * A line made whole again that a mailer, a terminal or the kernel itself broke in two: only where the whole says
 * something that its first half does not.
 *
 * @returns the whole; undefined when the second line is one of its own.
 */
export function rejoin(first: LogLine, second: LogLine): LogLine | undefined {
  if (second.text === "" || first.text === "") return undefined;
  if (first.text.startsWith("[<") && addressOnly.test(first.text)) {
    const whole = `${first.text} ${second.text}`;
    return readFrames(whole).length > 0 ? { ...first, text: whole, until: second.number } : undefined;
  }
  if (second.stamped || second.date !== undefined) return undefined;
  if (first.width < shortest) return undefined;
  const [word = ""] = second.text.split(" ", 1);
  const wrappedByMailer = first.width + 1 + word.length > 66 && first.width <= 100;
  for (const whole of [
    ...(wrappedByMailer ? [`${first.text} ${second.text}`] : []),
    // A terminal breaks within a word.
    ...(first.width >= 72 && first.width <= 240 ? [first.text + second.text] : []),
  ]) {
    const joined = { ...first, text: whole, until: second.number };
    if (saysMore(joined, first, second)) return joined;
  }
  return undefined;
}

function saysMore(whole: LogLine, first: LogLine, second: LogLine): boolean {
  if (firstFormat(second) !== undefined) return false;
  const [format, alone] = [firstFormat(whole), firstFormat(first)];
  if (format !== undefined) {
    const better = !format.confirm && (alone === undefined || alone.confirm !== undefined);
    return better || groupsOf(format, whole) > (alone ? groupsOf(alone, first) : 0);
  }
  if (readFrames(first.text).length > 0) return false;
  if (readFrames(whole.text).length > 0) return readFrames(second.text).length === 0;
  return readHead(whole.text) !== null && readHead(first.text) === null && readHead(second.text) === null;
}

function groupsOf(format: Format, line: LogLine): number {
  const groups = Object.values(format.pattern.exec(line.text)?.groups ?? {});
  return groups.filter((value) => value !== undefined).length;
}
