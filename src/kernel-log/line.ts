import { stripEscapes } from "../base/text.ts";
import { readJournal } from "./journal.ts";

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
}

const stamp = /\[ *(\d{1,8}\.\d{0,9})(?:[ @,]\s*[<+(]?[\d. ]+[>)]?)?\]/y;
const caller = /\s?\[ *([TC]\d+)\] ?/y;
const wall = /\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] ?/y;
const relative = /\[(?:[A-Z][a-z]{2} ?\d{1,2} \d\d:\d\d| {1,4}\+\d+\.\d+)\] ?/y;
const level = /<\d{1,3}>\s?/y;
const quote = /(?:[>|] ?)+/y;
const facility =
  /(?:kern|user|daemon|syslog|mail|auth|authpriv|lpr|news|uucp|cron|ftp|local\d) *:[a-z]+ *: ?/y;
const kmsg = /\d{1,3},\d+,(\d+),[-c+](?:,caller=([TC]\d+))?[^;]{0,200};/y;
const logcat = /\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}\s+(?:\w+\s+)?\d+\s+\d+\s+[VDIWEF]\s+[^:]{0,40}: /y;
const syslog =
  /((?:[A-Z][a-z]{2} )?(?:[A-Z][a-z]{2} [ \d]\d(?: \d{4})? \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(?: ?Z| ?[+-]\d\d:?\d\d| [A-Z]{2,5})?) (?:\S{1,255} (?:[a-z0-9]+\.[a-z]+ )?)?([\w.@/()-]{1,128})(?:\[\d+\])?: ?/y;
/** A collector's clock and one-character mark. */
const collector = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? [-a-z] /y;
/** A collector that writes its own clock in front of the console's lines. */
const clock = /(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) /y;
/** `dmesg --time-format iso`: a comma before the fraction tells it from a system log. */
const isoStamp = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d) /y;
/** What is left of a system log's prefix when its date was cut off. */
const bare = /(?:[\w.-]{1,255} )?kernel: /y;
const host = /[\w.-]{1,255} ([\w.@-]{1,128})(?:\[\d+\])?: /y;
const vendor =
  /\s?(?:<\d>)?[.\- ]?\(\d\)\[\d+:[^\]]{1,40}\] ?|\s{0,2}\[\d: *[^:\]]{1,40}: *\d+\] ?|\s?\[<c\d>\] ?/y;
/** What others leave in front of a kernel line on a serial console: a getty's prompt, a fuzzer's clock. */
const prompt = /[\w.-]{1,64} login: |\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /y;
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
  if (raw.startsWith('{"')) {
    const record = readJournal(raw.trimEnd());
    if (record === null) return [];
    if (record) {
      const { message, ...when } = record;
      const parts = message.split("\n", 64).flatMap((part) => readLine(part, number));
      return parts.map((line) => ({ ...line, stamped: true, ...when }));
    }
  }
  const clean = stripEscapes(raw);
  const lines: LogLine[] = [];
  for (const piece of clean.includes("\r") ? clean.split("\r") : [clean]) {
    for (const part of separate(piece)) {
      const line = strip(part, number);
      if (line) lines.push(line);
    }
  }
  return lines;
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

function strip(raw: string, number: number): LogLine | undefined {
  let at = 0;
  let time: number | undefined;
  let date: string | undefined;
  let context = "";
  let stamped = false;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(raw);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const blank = (): void => {
    while (raw.charCodeAt(at) === 32 || raw.charCodeAt(at) === 9) at += 1;
  };
  blank();
  const first = raw.charCodeAt(at);
  if (first === 62 || first === 124) {
    take(quote);
    blank();
  }
  take(prompt);
  if (take(facility) || take(level)) stamped = true;
  const code = raw.charCodeAt(at);
  if (code >= 48 && code <= 57) {
    const record = take(kmsg);
    if (record) {
      stamped = true;
      time = Number(record[1]) / 1e6;
      context = record[2] ?? "";
    } else if (take(logcat)) stamped = true;
  }
  const iso = code >= 48 && code <= 57 ? take(isoStamp) : null;
  if (iso) {
    date = iso[1];
    stamped = true;
  } else if (code !== 91 && !(stamped && time !== undefined)) {
    const system = take(collector) ? undefined : take(syslog);
    if (system) {
      if (system[2] !== "kernel" && system[2] !== "klogd") return undefined;
      date = system[1];
      stamped = true;
    } else if (take(bare)) stamped = true;
    else date = take(clock)?.[1];
  }
  take(level);
  blank();
  if (raw.charCodeAt(at) === 91) {
    const seconds = take(stamp);
    if (seconds) {
      time = Number(seconds[1]);
      stamped = true;
      const who = take(caller);
      if (who) context = who[1] ?? "";
      else take(vendor);
      blank();
      const named = take(host);
      // `journalctl -o short-monotonic` names host and program behind the stamp.
      if (named && named[1] !== "kernel") at -= named[0].length;
    } else {
      const day = take(wall);
      if (day) {
        date = day[1];
        stamped = true;
        const who = take(caller);
        if (who) context = who[1] ?? "";
      } else if (take(relative)) stamped = true;
    }
  }
  return {
    text: raw.slice(at).trim(),
    number,
    ...(time === undefined ? {} : { time }),
    ...(date === undefined ? {} : { date }),
    context,
    stamped,
  };
}
