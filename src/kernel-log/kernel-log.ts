import type { Finding } from "./finding.ts";
import { type Format, formats, harmless, panicLine } from "./formats/index.ts";
import { Input, maxLine } from "./input.ts";
import { traitsOf } from "./kinds.ts";
import { type LogLine, readLine } from "./line.ts";
import { Report } from "./report.ts";
import { trigger } from "./triggers.ts";

export type { Finding, Frame } from "./finding.ts";
export { type FindingKind, findingKinds, type Severity } from "./kinds.ts";

/** Bounds that keep memory and attention bounded, and a report from taking lines that are not its own. */
const limit = { open: 64, quiet: 60, body: 4000, seconds: 60, cutMessages: 4, silent: 500 } as const;

const cutLine = /^-+\[ cut here \]-+|^8<--- cut here ---/;
const bootLine = /^(?:Linux version \d|SeaBIOS \(version|Booting the kernel\.|Decompressing Linux\.\.\.)/;
const orderlyEnd =
  /^(?:reboot: |Restarting system|Power down\.|kexec_core: Starting new kernel|Starting new kernel|sysrq: (?:SysRq : )?Resetting|Rebooting in \d+ seconds|-- (?:Reboot|Boot))/;
/** sysrq starts to print the state of tasks or CPUs: what was open before is over. */
const dumpLine = /^sysrq: (?:SysRq : )?Show /;
/**
 * The machine is up: any kernel line but those of the first second, or the programs that syzkaller prints to the
 * console before it runs them.
 */
const uptime = /\[ *[1-9]\d*\.\d{6}\]|^(?:r\d+ = )?[a-z_]\w*(?:\$\w+)?\(.*\)$|executing program/;
/** A panic within this many lines and seconds of a report is taken for its consequence. */
const reach = { lines: 1000, seconds: 120 } as const;

/**
 * Finds what a kernel log says went wrong, piece by piece and in bounded memory. Lines of several tasks and CPUs are
 * put apart by printk's context (`CONFIG_PRINTK_CALLER`) where the log has it. How the log is cut into pieces makes
 * no difference.
 *
 * @example
 * const parser = new KernelLogParser();
 * for await (const chunk of console) for (const finding of parser.push(chunk)) report(finding);
 * for (const finding of parser.end()) report(finding);
 */
export class KernelLogParser {
  readonly #input = new Input();
  readonly #open = new Map<string, Report>();
  readonly #cuts = new Map<string, { line: number; messages: string[] }>();
  readonly #devices = new Set<string>();
  #line = 0;
  #done: Finding[] = [];
  /** The latest finding that can have led to a panic. */
  #cause: { firstLine: number; lastLine: number; time: number | undefined } | undefined;
  /** Whether a kernel has been running for a while, and has neither panicked nor been told to stop. */
  #running = false;

  /** How many lines were read so far; one that has not ended yet counts once it has, or the log has. */
  get lines(): number {
    return this.#line;
  }

  /** Take the next piece of the log. @returns the findings that are complete now. */
  push(chunk: string | Uint8Array): Finding[] {
    this.#scan(this.#input.push(chunk));
    return this.#take();
  }

  /** The log ends here. @returns the findings that were still open. */
  end(): Finding[] {
    this.#scan(this.#input.end());
    for (const context of [...this.#open.keys()]) this.#close(context);
    return this.#take();
  }

  /** The findings whose lines still come in, as they are now: a live watcher need not wait for their last line. */
  peek(): Finding[] {
    return [...new Set(this.#open.values())]
      .filter((report) => report.confirmed)
      .map((report) => report.finding());
  }

  #take(): Finding[] {
    const done = this.#done.sort((a, b) => a.firstLine - b.firstLine);
    this.#done = [];
    return done;
  }

  #scan(text: string): void {
    let at = 0;
    while (at < text.length) {
      const end = text.indexOf("\n", at);
      const stop = end < 0 ? text.length : end;
      const line = text.slice(at, Math.min(stop, at + maxLine));
      at = stop + 1;
      this.#line += 1;
      if (!this.#running && uptime.test(line)) this.#running = true;
      if (this.#line % 128 === 0) this.#expire();
      const matters = trigger.test(line);
      if (!matters && this.#open.size === 0 && this.#cuts.size === 0) continue;
      for (const part of readLine(line, this.#line)) this.#read(part, matters);
    }
  }

  /** A context that fell silent for good must not keep the parser looking at every line. */
  #expire(): void {
    const oldest = this.#line - limit.silent;
    for (const [context, report] of [...this.#open]) if (report.lastLine < oldest) this.#close(context);
    for (const [context, cut] of [...this.#cuts]) if (cut.line < oldest) this.#cuts.delete(context);
  }

  #read(line: LogLine, matters: boolean): void {
    if (matters && this.#start(line)) return;
    const cut = this.#cuts.get(line.context);
    if (cut && line.text !== "" && !cutLine.test(line.text)) {
      cut.messages.push(line.text.slice(0, 300));
      if (cut.messages.length > limit.cutMessages) this.#cuts.delete(line.context);
    }
    const report = this.#open.get(line.context) ?? this.#adopt(line);
    if (report) {
      report.feed(line);
      const quiet = line.number - report.lastLine;
      const late =
        line.time !== undefined &&
        report.lastTime !== undefined &&
        line.time - report.lastTime > limit.seconds;
      if (quiet > limit.quiet || late || line.number - report.firstLine > limit.body)
        this.#close(line.context);
    }
  }

  /** A CPU that was asked for its stack answers in a context of its own. */
  #adopt(line: LogLine): Report | undefined {
    if (!/^(?:NMI backtrace for cpu|Task dump for CPU)/.test(line.text)) return undefined;
    for (const report of this.#open.values()) {
      if (!report.asksOthers || report.hasStack) continue;
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
    if (orderlyEnd.test(text)) {
      this.#running = false;
      return false;
    }
    if (bootLine.test(text)) return this.#boot(line);
    if (dumpLine.test(text)) this.#close(line.context);
    const open = this.#open.get(line.context);
    for (const format of formats) {
      if (format.stamped && !line.stamped) continue;
      const match = format.pattern.exec(text);
      if (!match) continue;
      if (panicLine.test(text)) {
        this.#running = false;
        if (open && !traitsOf(open.kind).innocent && (format.kind === "panic" || format.kind === open.kind)) {
          open.panic(match.groups?.reason ?? "", line);
          return true;
        }
      }
      if (open?.takes(format)) {
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

  /** The kernel says every ten seconds that it still waits. */
  #repeats(device = ""): boolean {
    if (this.#devices.has(device)) return true;
    if (this.#devices.size < limit.open) this.#devices.add(device);
    return false;
  }

  #boot(line: LogLine): boolean {
    const unexpected =
      this.#running && line.date === undefined && !(line.time !== undefined && line.time >= 1);
    for (const context of [...this.#open.keys()]) this.#close(context);
    this.#running = false;
    this.#cause = undefined;
    this.#devices.clear();
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

  #close(context: string): void {
    const report = this.#open.get(context);
    if (!report) return;
    for (const [key, value] of this.#open) if (value === report) this.#open.delete(key);
    if (!report.confirmed) return;
    this.#done.push(report.finding());
    const { firstLine, lastLine, lastTime } = report;
    if (!traitsOf(report.kind).innocent)
      this.#cause = { firstLine: report.follows ?? firstLine, lastLine, time: lastTime };
  }
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
