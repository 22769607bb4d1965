/**
 * Dates as logs print them, in any language: names of days and months are words of letters, or a number with a sign
 * for "month". The journal and `dmesg --ctime` print them in the reader's locale.
 *
 * @see https://man7.org/linux/man-pages/man3/strftime.3.html
 * @see https://man7.org/linux/man-pages/man1/journalctl.1.html (-o)
 */
const word = String.raw`[^\s\d[\](){}<>:;,"'=/|*+-]{1,16}`;
const month = String.raw`(?:${word}(?: \d{1,2})? ?|\d{1,2}(?:月|월) ?)`;
const clock = String.raw`\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AaPp][Mm]\b)?`;
/** `CEST`, `UTC`, `+02:00`, `Z`; not any word in capitals, for the kernel's headlines begin with one. */
const zone = String.raw`(?: ?Z\b| ?[+-]\d\d:?\d\d\b| [+-]\d\d\b| [A-Z]{1,4}T\b| UTC\b| MSK\b)?`;
const end = String.raw`(?=[\s\]]|$)`;

const forms = [
  // May  6 10:11:12 (2031), with a day's name in front or not; the year may come before the time.
  String.raw`(?:${word},? {1,2}){0,2}?${month} {0,2}\d{1,2},?(?: \d{4})? ${clock}${zone}(?: \d{4})?`,
  // 6. Mai 2031 10:11:12
  String.raw`(?:${word},? {1,2})?\d{1,2}\.? ${month}(?: ?\d{4},?)? ${clock}${zone}`,
  // 2031-05-06 10:11:12, 2031-05-06T10:11:12.123456+02:00, with a day's name in front or not
  String.raw`(?:${word},? )?\d{4}[-/]\d\d[-/]\d\d[T ]${clock}${zone}`,
  // 06.05.31 10:11:12, 5/6/2031, 10:11:12 AM
  String.raw`\d{1,2}[./-]\d{1,2}[./-]\d{2,4},? ${clock}${zone}`,
  clock,
];

/** A date or a time of day at the start of a line. */
export const dateForms: readonly RegExp[] = forms.map((form) => new RegExp(`(${form})${end} ?`, "y"));

/** A time of day with what stands around it, in brackets: `dmesg --ctime`, terminal programs, laboratories. */
export const bracketedDate = new RegExp(
  String.raw`\[((?:[^[\]]{1,40}[ T])?${clock}(?!:)[^[\]<]{0,16}?)(?: *< *[\d.]+>)?\] ?`,
  "y",
);

/** The first bracket was lost when it was copied. */
export const halfBracketedDate = new RegExp(
  String.raw`(${word} ${month} {0,2}\d{1,2} ${clock} \d{4})\] ?`,
  "y",
);

/** `dmesg --ctime` ends with the year; what others put into brackets does not. */
export const isCtime = (date: string): boolean => /\D \d{4}$/.test(date) || /:\d\d \d{4}$/.test(date);

/** Seconds since 1970, as `journalctl -o short-unix` has them. */
export const unixDate = /(\d{9,10}\.\d{6}) (?=\S)/y;
