import { stripEscapes } from "../base/text.ts";
import { bracketedDate, dateForms, halfBracketedDate, isCtime, unixDate } from "./dates.ts";
import { readJournal } from "./journal.ts";
import * as prefix from "./prefix.ts";
import { isKernelWord } from "./prefix.ts";

/** One kernel line without its prefix. */
export interface LogLine {
  readonly text: string;
  /** Counted from 1. */
  readonly number: number;
  /** Seconds since boot. */
  readonly time?: number;
  /** The wall clock as printed. */
  readonly date?: string;
  /** Who printed it, with `CONFIG_PRINTK_CALLER`: `T` and a pid, or `C` and a CPU; else empty. */
  readonly context: string;
  /** Whether any kernel prefix was there. */
  readonly stamped: boolean;
  /** Another writer's line begins before this one ended. */
  readonly torn?: true;
  /** How many characters it had with its prefix. */
  readonly width: number;
  /** The last line of the log that is part of it, where it was broken in several. */
  readonly until?: number;
}

/** A stamp in the middle of a line: another writer's line was not ended. */
const embedded = /\[ *\d{1,7}\.\d{6}\](?=[ [])/g;

/**
 * Take a console or journal line apart: its prefix, whatever wrote it, and the kernel's own words. Writers that do
 * not wait for each other leave several kernel lines in one, so there can be more than one.
 *
 * @returns nothing for a line of another program in a system log.
 * @see https://github.com/torvalds/linux/blob/master/kernel/printk/printk.c
 */
export function readLine(raw: string, number: number): LogLine[] {
  const json = jsonOf(raw);
  if (json !== undefined) {
    const record = readJournal(json);
    if (record === null) return [];
    if (record) {
      const { message, certain, ...when } = record;
      const parts = message.split("\n", 64).flatMap((part) => readLine(part, number));
      return parts.map((line) => ({ ...line, stamped: certain || line.stamped, ...when }));
    }
  }
  const clean = stripEscapes(raw);
  const lines: LogLine[] = [];
  for (const piece of clean.includes("\r") ? clean.split("\r") : [clean]) {
    const parts = separate(piece);
    for (const [index, part] of parts.entries()) {
      const line = strip(part, number);
      if (line) lines.push(index < parts.length - 1 ? { ...line, torn: true } : line);
    }
  }
  return lines;
}

/** A line of JSON, also as a sequence of records or as events of a server has it. */
function jsonOf(raw: string): string | undefined {
  const code = raw.charCodeAt(0);
  if (code === 123) return raw.charCodeAt(1) === 34 ? raw.trimEnd() : undefined;
  if (code === 0x1e) return raw.slice(1).trimEnd();
  return code === 100 && raw.startsWith('data: {"') ? raw.slice("data: ".length).trimEnd() : undefined;
}

function separate(piece: string): string[] {
  // Nearly every line has no bracket but that of its own stamp.
  if (piece.indexOf("[", piece.startsWith("[") ? 1 : 0) < 0) return [piece];
  const cuts: number[] = [];
  for (const match of piece.matchAll(embedded)) cuts.push(match.index);
  const first = cuts[0];
  if (first === undefined || (cuts.length === 1 && first === 0)) return [piece];
  const parts: string[] = [];
  const head = piece.slice(0, first);
  // The head is the stamp's own prefix (a level, syslog, ...) or somebody else's unfinished line.
  const joined = head === "" || isPrefix(head);
  if (!joined) parts.push(head);
  for (const [index, cut] of cuts.entries()) {
    const start = index === 0 && joined ? 0 : cut;
    parts.push(piece.slice(start, cuts[index + 1]));
    if (parts.length > 64) break;
  }
  return parts;
}

function isPrefix(head: string): boolean {
  if (/^[\s<>\d|]*$/.test(head)) return true;
  const rest = strip(head, 0);
  return rest === undefined || rest.text === "";
}

/** A line whose prefixes are being taken off. */
class Prefixed {
  at = 0;
  time: number | undefined;
  date: string | undefined;
  context = "";
  stamped = false;
  /** Who wrote the line is known, or a collector that names nobody did. */
  named = false;
  readonly raw: string;

  constructor(raw: string) {
    this.raw = raw;
  }

  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.raw);
    if (match) this.at = pattern.lastIndex;
    return match;
  }

  /** @returns the code of the first character that is not blank. */
  blank(): number {
    let code = this.raw.charCodeAt(this.at);
    while (code === 32 || code === 9) {
      this.at += 1;
      code = this.raw.charCodeAt(this.at);
    }
    return code;
  }
}

/** No line has more prefixes than this. */
const mostPrefixes = 12;

function strip(raw: string, number: number): LogLine | undefined {
  const line = new Prefixed(raw);
  const first = line.blank();
  if (first === 62 || first === 124) {
    line.take(prefix.quote);
    line.blank();
  }
  line.take(prefix.prompt);
  for (let count = 0; count < mostPrefixes; count += 1) {
    const step = takeOne(line, line.blank(), count === 0);
    if (step === "other program") return undefined;
    if (step === "none") break;
  }
  const { time, date, context, stamped } = line;
  return {
    text: raw.slice(line.at).trim(),
    number,
    ...(time === undefined ? {} : { time }),
    ...(date === undefined ? {} : { date }),
    context,
    stamped,
    width: raw.length,
  };
}

type Step = "taken" | "none" | "other program";

/** Take one prefix, by the character that it begins with. */
function takeOne(line: Prefixed, code: number, first: boolean): Step {
  if (code === 91) return takeBracket(line) ? "taken" : "none";
  if (code === 60) return takeLevel(line);
  if (code >= 48 && code <= 57) return takeNumber(line, first);
  if (code === 42) return line.take(prefix.dropped) ? "taken" : "none";
  if (code === 40 || code === 45 || code === 46) return line.take(prefix.vendor) ? "taken" : "none";
  if (line.take(prefix.facility)) {
    line.stamped = true;
    return "taken";
  }
  if (line.time !== undefined || line.stamped) {
    if (line.take(prefix.nameBehindStamp)) return "taken";
    return line.time !== undefined && line.take(prefix.vendor) ? "taken" : "none";
  }
  return takeDate(line, first);
}

function takeBracket(line: Prefixed): boolean {
  if (line.time === undefined) {
    const seconds = line.take(prefix.stamp);
    if (seconds) {
      line.time = Number(seconds[1]);
      line.stamped = true;
      return true;
    }
  }
  const who = line.stamped ? line.take(prefix.caller) : null;
  if (who) {
    line.context = who[1] ?? "";
    return true;
  }
  const day = line.take(bracketedDate);
  if (day) {
    line.date ??= day[1];
    line.stamped ||= isCtime(day[1] ?? "");
    return true;
  }
  if (line.take(prefix.relative)) {
    line.stamped = true;
    return true;
  }
  return line.take(prefix.vendor) !== null;
}

function takeLevel(line: Prefixed): Step {
  const message = line.take(prefix.rfc5424);
  if (message) {
    if (message[1] !== "-") line.date ??= message[1];
    if (message[2] !== "kernel") return "other program";
  } else if (!line.take(prefix.level)) return "none";
  line.stamped = true;
  return "taken";
}

function takeNumber(line: Prefixed, first: boolean): Step {
  if (line.time !== undefined) return "none";
  const kmsg = line.take(prefix.record);
  if (kmsg) {
    line.time = Number(kmsg[1]) / 1e6;
    line.context = kmsg[2] ?? "";
    line.stamped = true;
    return "taken";
  }
  if (line.take(prefix.logcat)) {
    line.stamped = true;
    return "taken";
  }
  const iso = line.take(prefix.isoStamp);
  if (iso) {
    line.date ??= iso[1];
    line.stamped = true;
    return "taken";
  }
  const half = first ? line.take(prefix.halfStamp) : null;
  if (half) {
    line.time = Number(half[1]);
    line.stamped = true;
    return "taken";
  }
  return takeDate(line, first);
}

/** A date, and behind it, in a system log, who wrote the line. */
function takeDate(line: Prefixed, first: boolean): Step {
  if (line.date !== undefined) return takeName(line);
  const half = first ? line.take(halfBracketedDate) : null;
  if (half) {
    line.date = half[1];
    line.stamped = true;
    return "taken";
  }
  for (const form of [unixDate, ...dateForms]) {
    const match = line.take(form);
    if (!match) continue;
    line.date = match[1];
    if (line.take(prefix.collectorMark)) {
      line.named = true;
      return "taken";
    }
    line.blank();
    return takeName(line) === "other program" ? "other program" : "taken";
  }
  return takeName(line);
}

function takeName(line: Prefixed): Step {
  if (line.named) return "none";
  if (line.take(prefix.kernelName)) {
    line.stamped = true;
    return "taken";
  }
  if (line.date === undefined) return "none";
  if (line.take(prefix.hostBeforeRecord)) return "taken";
  const from = line.at;
  const other = line.take(prefix.program);
  if (!other) return "none";
  line.at = from;
  const { host, name = "", pid } = other.groups ?? {};
  if (pid !== undefined || !isKernelWord(name)) return "other program";
  if (host !== undefined && !isKernelWord(host)) {
    line.at += host.length + 1;
    return "taken";
  }
  return "none";
}
