import { oneLine } from "../base/text.ts";
import type { LogLine } from "../kernel-lines/line.ts";
import {
  facts,
  instruction,
  lastLine,
  lockPlace,
  readHead,
  registerLine,
  sections,
  stalledCpu,
} from "./body.ts";
import { CallChains } from "./chains.ts";
import type { Finding, Frame } from "./finding.ts";
import { warningFlavour } from "./flavour.ts";
import type { Format } from "./formats/index.ts";
import { plainName, readFrames } from "./frame.ts";
import { guiltyFrame, isBlameless, isMachinery } from "./guilty.ts";
import { type FindingKind, traitsOf } from "./kinds.ts";
import { asWritten, clip } from "./noted.ts";
import { fillTitle } from "./title.ts";

/** Bounds that keep a hostile log from filling memory. */
const limit = { registers: 40, details: 32 } as const;

/** The stack of an interrupt that cannot be masked ends, in the words of old and new kernels. */
const endOfNmi = /^(?:<<EOE>>|<\/NMI>)/;

/** A report whose lines still come in. */
export class Report {
  readonly kind: FindingKind;
  readonly context: string;
  readonly firstLine: number;
  confirmed: boolean;
  /** It turned out to be no finding. */
  retracted = false;
  /** The first line of the finding that this one follows from. */
  follows: number | undefined;
  /** The last line that said something, and when. */
  lastLine: number;
  lastTime: number | undefined;
  readonly #format: Format;
  readonly #time: number | undefined;
  readonly #date: string | undefined;
  readonly #detail = new Map<string, string>();
  readonly #registers: string[] = [];
  readonly #chains = new CallChains();
  #headFunction: string | undefined;
  readonly #headCpu: string | undefined;
  #lockFunction: string | undefined;
  #userMode = false;
  #inDebugger = false;
  #ended = false;

  constructor(
    format: Format,
    match: RegExpExecArray,
    line: LogLine,
    firstLine: number,
    messages: readonly string[],
  ) {
    this.kind = format.kind;
    this.context = line.context;
    this.firstLine = firstLine;
    this.lastLine = line.until ?? line.number;
    this.lastTime = line.time;
    this.confirmed = format.confirm === undefined;
    this.#format = format;
    this.#time = line.time;
    // A date is what stands where one is expected: whatever a log has there.
    this.#date = line.date === undefined ? undefined : asWritten(line.date);
    this.#note(match.groups);
    this.#headFunction = headFunction(match);
    this.#headCpu = match.groups?.cpu;
    if (this.kind === "rcu-stall") this.#readStalledCpu(line.text);
    const message = messages.join(" ");
    if (message) this.#set("message", message);
  }

  /** Whether the finding's own call chain has begun. */
  get hasStack(): boolean {
    return this.#chains.begun;
  }

  /** Whether lines of another printk context can belong to it: detectors ask other CPUs for their stacks. */
  get asksOthers(): boolean {
    return traitsOf(this.kind).stallOfCpu === true;
  }

  /** Whether a line of this format, in the same context, is part of this report. */
  takes(format: Format, match: RegExpExecArray): boolean {
    if (!format.joins?.includes(this.kind) || (this.hasStack && !format.late)) return false;
    return format.same === undefined || match.groups?.[format.same] === this.#detail.get(format.same);
  }

  /** A debugger prints now. */
  get inDebugger(): boolean {
    return this.#inDebugger;
  }

  /** A list comes in that can have any number of lines. */
  get isListing(): boolean {
    return this.#format.list !== undefined && !this.#ended;
  }

  /** Whether the stack of this task (a pid) that is printed now is a report of its own. */
  isOver(pid: string | undefined): boolean {
    return (
      (this.kind === "hung-task" || this.kind === "task-stack") &&
      this.hasStack &&
      pid !== this.#detail.get("pid")
    );
  }

  /** Take the line that a joining format matched. */
  join(match: RegExpExecArray, line: LogLine): void {
    this.#note(match.groups);
    this.#headFunction ??= headFunction(match);
    this.confirmed ||= this.#format.confirm?.test(line.text) ?? false;
    if (this.isListing && match.groups?.victim !== undefined) this.#ended = true;
    this.#touch(line);
  }

  /** A panic that this report's trouble led to. */
  panic(reason: string, line: LogLine): void {
    this.#set("panic", reason);
    this.confirmed ||= this.#format.confirm?.test(line.text) ?? false;
    this.#touch(line);
    this.#chains.section({ part: "panic", aside: this.hasStack });
    this.#ended ||= this.hasStack;
  }

  /**
   * Take a line, if it says something about this report.
   *
   * @returns whether it does.
   */
  feed(line: LogLine): boolean {
    const text = line.text;
    if (text === "") return false;
    if (!this.confirmed && this.#format.confirm?.test(text)) this.confirmed = true;
    if (!this.#ended && this.#format.retract?.test(text)) this.retracted = true;
    const taken = this.#ended ? false : this.#feed(text);
    if (taken) this.#touch(line);
    return taken;
  }

  #feed(text: string): boolean {
    if (lastLine.test(text) || (/^={40,}$/.test(text) && this.hasStack)) {
      this.#ended = true;
      return true;
    }
    if (endOfNmi.test(text)) this.#chains.interrupted();
    if (text.includes("+0") && this.#readFrames(text)) return true;
    if (this.#format.list?.test(text)) return true;
    if (this.kind === "rcu-stall") this.#readStalledCpu(text);
    for (const section of sections) {
      if (!section.pattern.test(text)) continue;
      this.#chains.section(section);
      return true;
    }
    if (text.includes(":") && this.#readFrames(text)) return true;
    return this.#readInstruction(text) || this.#readHead(text) || this.#readFact(text);
  }

  #readFrames(text: string): boolean {
    const frames = readFrames(text);
    if (frames.length === 0) return false;
    this.#push(frames);
    return true;
  }

  #readInstruction(text: string): boolean {
    const match = instruction.exec(text);
    if (match) {
      const selector = match.groups?.selector;
      if (selector !== undefined && selector.length > 2 && (Number.parseInt(selector, 16) & 3) === 3) {
        this.#userMode = true;
        this.#chains.leave();
        return true;
      }
      const [frame] = readFrames((match.groups?.rest ?? "").replace(/^\(| (?:ra|lr) : .*$/g, ""));
      if (frame) this.#chains.instruction(frame);
      return true;
    }
    if (registerLine.test(text) && !/^r\d+:\S/.test(text)) {
      if (!this.#userMode && this.#registers.length < limit.registers) this.#registers.push(clip(text));
      return true;
    }
    return false;
  }

  #readHead(text: string): boolean {
    const match = readHead(text);
    if (!match) return false;
    this.#inDebugger ||= /: Vector: /.test(text);
    const { state, cpu } = match.groups ?? {};
    // A stall's other tasks follow the one it is about.
    if (state !== undefined && this.hasStack)
      this.#chains.section({ part: "task", aside: this.kind !== "rcu-stall" });
    else if (state !== undefined && this.#chains.isAside) return true;
    else if (cpu !== undefined && this.#isOfOtherCpu(cpu)) this.#ended = true;
    else this.#note(match.groups);
    return true;
  }

  /** The exception's first line named its CPU, and this line is of another one's. */
  #isOfOtherCpu(cpu: string): boolean {
    return this.#headCpu !== undefined && this.#headCpu !== cpu && traitsOf(this.kind).beforeOops === true;
  }

  /** The first CPU that RCU names. The line can say more. */
  #readStalledCpu(text: string): void {
    for (const pattern of stalledCpu) {
      const cpu = pattern.exec(text)?.groups?.cpu;
      if (cpu !== undefined) this.#set("cpu", cpu);
    }
  }

  #readFact(text: string): boolean {
    if (this.#lockFunction === undefined && this.kind.startsWith("lockdep")) {
      const place = lockPlace.exec(text);
      if (place) {
        this.#lockFunction = place.groups?.fn;
        return true;
      }
    }
    for (const pattern of facts) {
      const match = pattern.exec(text);
      if (!match) continue;
      this.#note(match.groups);
      this.#headFunction ??= headFunction(match);
      return true;
    }
    return /^(?:Modules linked in|Code:|Hardware name|\d+ locks? held by|#\d+:|other info|Possible|<)/.test(
      text,
    );
  }

  #touch(line: LogLine): void {
    this.lastLine = line.until ?? line.number;
    this.lastTime = line.time ?? this.lastTime;
  }

  #push(frames: readonly Frame[]): void {
    if (this.kind === "lockdep-unlock-balance" && this.#chains.untouched) {
      // "... is trying to release lock (...) at:" and the place in the next line.
      this.#lockFunction ??= frames[0]?.function;
      return;
    }
    this.#userMode = false;
    this.#chains.push(frames);
  }

  #note(groups: Record<string, string | undefined> | undefined): void {
    for (const [name, value] of Object.entries(groups ?? {})) {
      if (value !== undefined && name !== "fn") this.#set(name === "cpu2" ? "cpu" : name, value);
    }
  }

  #set(name: string, value: string): void {
    if (this.#detail.has(name) || this.#detail.size >= limit.details) return;
    const text = clip(value);
    if (text !== "") this.#detail.set(name, text);
  }

  /** The finding, as far as its lines have come in. */
  finding(): Finding {
    const { frames, own } = this.#chains.main({ ofCpu: traitsOf(this.kind).stallOfCpu === true });
    const detail = Object.fromEntries(this.#detail);
    const { task, pid, cpu, taint, kernel, ...rest } = detail;
    const flavour = this.kind === "warning" ? warningFlavour(this.#headFunction, rest) : undefined;
    const guilty = this.#guilty(own);
    const tainted = taint?.startsWith("Tainted:")
      ? oneLine(taint.slice("Tainted:".length).replaceAll("-", " "))
      : undefined;
    return {
      kind: this.kind,
      title: fillTitle(this.#format.title, {
        ...rest,
        ...(flavour ? { flavour } : {}),
        ...(guilty ? { fn: guilty } : {}),
      }),
      ...(guilty === undefined ? {} : { guilty }),
      ...(this.#time === undefined ? {} : { time: this.#time }),
      ...(this.#date === undefined ? {} : { date: this.#date }),
      ...(task === undefined ? {} : { task }),
      ...(pid === undefined ? {} : { pid: Number(pid) }),
      ...(cpu === undefined ? {} : { cpu: Number(cpu) }),
      frames,
      ...(this.#registers.length === 0 ? {} : { registers: this.#registers.join("\n") }),
      ...(tainted ? { taint: tainted } : {}),
      ...(kernel === undefined ? {} : { kernel }),
      firstLine: Math.min(this.firstLine, this.lastLine),
      lastLine: Math.max(this.firstLine, this.lastLine),
      ...(Object.keys(rest).length === 0 ? {} : { detail: rest }),
      ...(this.follows === undefined ? {} : { follows: this.follows }),
    };
  }

  #guilty(frames: readonly Frame[]): string | undefined {
    for (const name of [this.#headFunction, this.#lockFunction]) {
      if (name !== undefined && !isBlameless(this.kind, name)) return plainName(name);
    }
    const frame = guiltyFrame(this.kind, frames)?.function;
    const name = frame ?? [this.#headFunction, this.#lockFunction].find((head) => head && !isMachinery(head));
    return name === undefined ? undefined : plainName(name);
  }
}

function headFunction(match: RegExpExecArray): string | undefined {
  const name = match.groups?.fn;
  return name === undefined ? undefined : clip(name);
}
