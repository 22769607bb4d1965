import type { LogLine } from "../kernel-lines/line.ts";
import { LineScanner } from "../kernel-lines/scanner.ts";
import { Assembly } from "./assembly.ts";
import { Boots } from "./boots.ts";
import { DeviceTroubles } from "./device-troubles.ts";
import type { Finding } from "./finding.ts";
import { cutLine, type Format, formats, harmless, isFirstLine, panicLine } from "./formats/index.ts";
import { traitsOf } from "./kinds.ts";
import { Report } from "./report.ts";
import { hints } from "./triggers.ts";
import { type HeldLock, type Wait, WaitReader } from "./waits.ts";

export type { Finding, Frame } from "./finding.ts";
export { type FindingKind, findingKinds, type Severity } from "./kinds.ts";

/** Bounds that keep memory and attention bounded, and a report from taking lines that are not its own. */
const limit = {
  open: 64,
  quiet: 60,
  body: 4000,
  list: 200_000,
  seconds: 60,
  told: 1000,
  cutMessages: 4,
  silent: 500,
} as const;

/** sysrq starts to print the state of tasks or CPUs: what was open before is over. */
const dumpLine = /^sysrq: (?:SysRq : )?Show /;
/** A panic within this many lines and seconds of a report is taken for its consequence. */
const reach = { lines: 1000, seconds: 120 } as const;

/**
 * Finds what a kernel log says went wrong, piece by piece and in bounded memory. Lines of several tasks and CPUs are
 * put apart by printk's context (`CONFIG_PRINTK_CALLER`) where the log has it. How the log is cut into pieces makes
 * no difference.
 *
 * @example
 * const parser = new KernelLogParser();
 * for (const chunk of [text.slice(0, 100), text.slice(100)])
 *   for (const finding of parser.push(chunk)) console.log(finding.title);
 * for (const finding of parser.end()) console.log(finding.title);
 */
export class KernelLogParser {
  readonly #scanner = new LineScanner({
    hints,
    wantsAll: () => this.#boots.isWatching || this.#assembly.isListening,
    line: (text, number, hinted) => this.#read(text, number, hinted),
  });
  readonly #boots = new Boots();
  readonly #assembly = new Assembly({
    isListening: () => this.#open.size > 0 || this.#cuts.size > 0 || this.#waits.isListing,
    isUrgent: (line) => this.#boots.isBoot(line) || this.#boots.isOrderlyEnd(line),
    see: (line, matters) => this.#see(line, matters),
    joinDump: (feed) => this.#joinDump(feed),
  });
  readonly #open = new Map<string, Report>();
  /** Reports that have to be confirmed while another one of their context is open. */
  readonly #candidates = new Map<string, Report>();
  readonly #cuts = new Map<string, { line: number; messages: string[] }>();
  readonly #netdevices = new Set<string>();
  /** What dumps have told. */
  readonly #told = new Set<string>();
  readonly #troubles = new DeviceTroubles();
  readonly #waits = new WaitReader();
  #expired = 0;
  #done: Finding[] = [];
  /** The latest finding that can have led to a panic. */
  #cause: { firstLine: number; lastLine: number; time: number | undefined } | undefined;

  /** How many lines were read so far; one that has not ended yet counts once it has, or the log has. */
  get lines(): number {
    return this.#scanner.lines;
  }

  /** Take the next piece of the log. @returns the findings that are complete now. */
  push(chunk: string | Uint8Array): Finding[] {
    this.#scanner.push(chunk);
    return this.#take();
  }

  /** The log ends here. @returns the findings that were still open. */
  end(): Finding[] {
    this.#scanner.end();
    this.#assembly.end();
    this.#closeAll();
    this.#done.push(...this.#troubles.end());
    return this.#take();
  }

  /** The findings whose lines still come in, as they are now: a live watcher need not wait for their last line. */
  peek(): Finding[] {
    const reports = [...new Set(this.#open.values())].filter(
      (report) => report.confirmed && !report.retracted,
    );
    return [...reports.map((report) => report.finding()), ...this.#troubles.peek()];
  }

  /** Who waits for whom, as far as the kernel says it. */
  get waits(): Wait[] {
    return this.#waits.waits();
  }

  /** The locks that the kernel listed, and by whom. */
  get heldLocks(): HeldLock[] {
    return this.#waits.held();
  }

  #take(): Finding[] {
    const done = this.#done.sort((a, b) => a.firstLine - b.firstLine);
    this.#done = [];
    return done;
  }

  #read(text: string, number: number, hinted: boolean): void {
    this.#boots.see(text);
    if (number - this.#expired >= limit.silent) this.#expire(number);
    this.#assembly.read(text, number, hinted);
  }

  /** A context that fell silent for good must not keep the parser looking at every line. */
  #expire(number: number): void {
    this.#expired = number - limit.silent + 128;
    const oldest = number - limit.silent;
    for (const [context, report] of [...this.#open]) if (report.lastLine < oldest) this.#close(context);
    for (const [context, cut] of [...this.#cuts]) if (cut.line < oldest) this.#cuts.delete(context);
    for (const [context, report] of [...this.#candidates])
      if (report.lastLine < oldest) this.#candidates.delete(context);
  }

  /** A dump of pstore, in one piece. A later one repeats what an earlier one of the same boot has. */
  #joinDump(feed: () => void): void {
    this.#closeAll();
    const before = this.#done;
    this.#done = [];
    feed();
    this.#closeAll();
    const fresh = this.#done.filter(
      (finding) => finding.time === undefined || !this.#told.has(moment(finding)),
    );
    for (const finding of fresh) if (this.#told.size < limit.told) this.#told.add(moment(finding));
    this.#done = [...before, ...fresh];
  }

  /** A line without its prefix, and whole. */
  #see(line: LogLine, matters: boolean): void {
    this.#waits.see(line.text);
    if (matters && this.#start(line)) return;
    const cut = this.#cuts.get(line.context);
    if (cut && line.text !== "" && !cutLine.test(line.text)) {
      cut.messages.push(line.text.slice(0, 300));
      if (cut.messages.length > limit.cutMessages) this.#cuts.delete(line.context);
    }
    if (this.#confirm(line)) return;
    const report = this.#adopt(line) ?? this.#open.get(line.context);
    if (!report) return;
    report.feed(line);
    if (report.retracted || isOver(report, line)) this.#close(line.context);
  }

  /** Whether the line shows that a report begins a few lines before it. */
  #confirm(line: LogLine): boolean {
    const candidate = this.#candidates.get(line.context);
    if (!candidate) return false;
    candidate.feed(line);
    if (candidate.retracted || isOver(candidate, line)) this.#candidates.delete(line.context);
    else if (candidate.confirmed) {
      this.#close(line.context);
      this.#candidates.delete(line.context);
      this.#open.set(line.context, candidate);
      return true;
    }
    return false;
  }

  /** A CPU that was asked for its stack answers in a context of its own, or behind a report of its own. */
  #adopt(line: LogLine): Report | undefined {
    if (!/^(?:NMI backtrace for cpu|Task dump for CPU)/.test(line.text)) return undefined;
    const open = this.#open.get(line.context);
    if (open && !open.hasStack) return undefined;
    for (const report of this.#open.values()) {
      if (!report.asksOthers || report.hasStack) continue;
      this.#close(line.context);
      this.#open.set(line.context, report);
      return report;
    }
    return undefined;
  }

  #start(line: LogLine): boolean {
    const { text } = line;
    if (text === "" || harmless.some((pattern) => pattern.test(text))) return false;
    if (cutLine.test(text)) {
      const open = this.#open.get(line.context);
      if (open && !open.hasStack && traitsOf(open.kind).headlined) return true;
      this.#close(line.context);
      if (this.#cuts.size < limit.open) this.#cuts.set(line.context, { line: line.number, messages: [] });
      return true;
    }
    if (this.#boots.isOrderlyEnd(line)) {
      this.#boots.stop();
      return false;
    }
    // xmon, the debugger of PowerPC, says which kernel it looks at.
    if (this.#boots.isBoot(line)) return !this.#open.get(line.context)?.inDebugger && this.#boot(line);
    if (dumpLine.test(text)) this.#close(line.context);
    if (!isFirstLine(text)) return false;
    const open = this.#open.get(line.context);
    for (const format of formats) {
      if (format.stamped && !line.stamped) continue;
      const match = format.pattern.exec(text);
      if (!match) continue;
      if (format.kind === "device-error") return this.#trouble(format, match, line);
      if (panicLine.test(text)) {
        this.#boots.stop();
        if (open && !traitsOf(open.kind).innocent && (format.kind === "panic" || format.kind === open.kind)) {
          open.panic(match.groups?.reason ?? "", line);
          return true;
        }
      }
      if (open?.takes(format, match)) {
        open.join(match, line);
        return true;
      }
      if (format.kind === "task-stack" && open && !open.isOver(match.groups?.pid)) return false;
      if (format.kind === "unregister-netdevice" && this.#repeats(match.groups?.device)) return true;
      this.#begin(format, match, line);
      return true;
    }
    return false;
  }

  /** Under `cut here` it is what the warning is about. */
  #trouble(format: Format, match: RegExpExecArray, line: LogLine): boolean {
    if (this.#cuts.has(line.context)) return false;
    this.#troubles.take(format, match, line);
    this.#done.push(...this.#troubles.end(line));
    return true;
  }

  /** The kernel says every ten seconds that it still waits. */
  #repeats(device = ""): boolean {
    if (this.#netdevices.has(device)) return true;
    if (this.#netdevices.size < limit.open) this.#netdevices.add(device);
    return false;
  }

  #boot(line: LogLine): boolean {
    const unexpected = this.#boots.start(line);
    this.#closeAll();
    this.#cause = undefined;
    this.#netdevices.clear();
    if (unexpected) {
      this.#done.push({
        kind: "unexpected-reboot",
        title: "unexpected kernel reboot",
        frames: [],
        firstLine: line.number,
        lastLine: line.number,
      });
    }
    return unexpected;
  }

  #begin(format: Format, match: RegExpExecArray, line: LogLine): void {
    const before = this.#open.get(line.context);
    if (before && format.confirm && before.confirmed) {
      // What is left of a torn line can look like the beginning of anything.
      if (line.torn) return;
      this.#candidates.set(line.context, new Report(format, match, line, line.number, []));
      return;
    }
    if (before && format.kind !== before.kind && before.asksOthers && !before.hasStack)
      this.#setAside(before);
    this.#close(line.context);
    const cut = this.#cuts.get(line.context);
    this.#cuts.delete(line.context);
    const report = new Report(format, match, line, cut?.line ?? line.number, cut?.messages ?? []);
    if (format.kind === "panic") report.follows = this.#causeOf(line);
    else if (before?.kind === "kasan" && traitsOf(format.kind).aftermath) report.follows = before.firstLine;
    if (format.alone) {
      this.#done.push(report.finding());
      return;
    }
    if (this.#open.size >= limit.open) {
      const oldest = this.#open.keys().next().value;
      if (oldest !== undefined) this.#close(oldest);
    }
    this.#open.set(line.context, report);
  }

  /** It asked another CPU for its stack, and something else is printed before the answer. */
  #setAside(report: Report): void {
    this.#open.delete(report.context);
    this.#open.set(`asked ${report.firstLine}`, report);
  }

  #causeOf(line: LogLine): number | undefined {
    let cause = this.#cause;
    for (const { kind, firstLine, lastLine, lastTime } of this.#open.values()) {
      if (!traitsOf(kind).innocent && firstLine < (cause?.firstLine ?? Number.POSITIVE_INFINITY)) {
        cause = { firstLine, lastLine, time: lastTime };
      }
    }
    if (!cause || line.number - cause.lastLine > reach.lines) return undefined;
    const late =
      line.time !== undefined && cause.time !== undefined && line.time - cause.time > reach.seconds;
    return late ? undefined : cause.firstLine;
  }

  #closeAll(): void {
    this.#candidates.clear();
    for (const context of [...this.#open.keys()]) this.#close(context);
  }

  #close(context: string): void {
    const report = this.#open.get(context);
    if (!report) return;
    for (const [key, value] of this.#open) if (value === report) this.#open.delete(key);
    if (!report.confirmed || report.retracted) return;
    this.#done.push(report.finding());
    const { firstLine, lastLine, lastTime } = report;
    if (!traitsOf(report.kind).innocent)
      this.#cause = { firstLine: report.follows ?? firstLine, lastLine, time: lastTime };
  }
}

/** What is equal in two accounts of one moment. */
function moment({ kind, title, time, pid }: Finding): string {
  return `${kind} ${time} ${pid} ${title}`;
}

/** Whether the lines of a report have come to their end. */
function isOver(report: Report, line: LogLine): boolean {
  const quiet = line.number - report.lastLine;
  const late =
    line.time !== undefined && report.lastTime !== undefined && line.time - report.lastTime > limit.seconds;
  const body = report.isListing ? limit.list : limit.body;
  return quiet > limit.quiet || late || line.number - report.firstLine > body;
}

/**
 * Every finding of a kernel log, in the order of their first lines.
 *
 * @example parseKernelLog(await readFile("dmesg.txt", "utf8")).map((finding) => finding.title)
 */
export function parseKernelLog(text: string): Finding[] {
  const parser = new KernelLogParser();
  return [...parser.push(text), ...parser.end()].sort((a, b) => a.firstLine - b.firstLine);
}
