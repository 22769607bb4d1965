import { createWriteStream, type WriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { processorTime } from "../base/processor-time.ts";
import { sanitize } from "../base/text.ts";
import type { GuestEvent } from "../guest/events.ts";
import type { Machine } from "../machine/machine.ts";
import type { ProcessSnapshot, Thread } from "../process/threads.ts";
import { parseTicks } from "./host.ts";
import type { TimelineEvent } from "./timeline.ts";

/** A timeline is a small file, whatever a guest does. */
const mostBytes = 4 * 1024 ** 2;
/** Texts of output that are kept with their times; all of it is in the trial's own files. */
const mostOutput = 256 * 1024;
/** Lines of the console and pieces of output that come closer together than this are one event, in milliseconds. */
const grain = 50;

type Untimed<Event> = Event extends { t: number } ? Omit<Event, "t"> : never;
type NewEvent = Untimed<TimelineEvent>;

/**
 * Writes down what happens to a machine and in its guest while it happens: one line of JSON an event. It asks the
 * guest nothing, and the host once a second what QEMU takes. Dispose it when the machine has ended.
 *
 * @example
 * const timeline = new TimelineRecorder(join(evidenceDir, "timeline.jsonl"), machine);
 * timeline.phase("powering off");
 */
export class TimelineRecorder implements AsyncDisposable {
  readonly #file: WriteStream;
  readonly #start = performance.now();
  readonly #machine: Machine;
  readonly #listeners: Disposable[];
  readonly #timer: NodeJS.Timeout;
  readonly #threads = new Map<string, string>();
  readonly #stacks = new Map<string, number>();
  #bytes = 0;
  #outputKept = 0;
  #cut = false;
  #broken = false;
  #lines = 0;
  /** Lines that the file knows of. */
  #told = 0;
  #output: Extract<TimelineEvent, { type: "output" }> | undefined;
  #lastCpu: { at: number; qemu: number; total: number; idle: number; steal: number } | undefined;

  constructor(path: string, machine: Machine) {
    this.#machine = machine;
    this.#file = createWriteStream(path);
    // A full disk must not end a trial.
    this.#file.on("error", () => {
      this.#broken = true;
    });
    this.#add({ type: "start", version: 1, at: new Date().toISOString() });
    this.#listeners = [
      machine.console.onLine(({ number }) => {
        this.#lines = number;
      }),
      machine.qmp.onEvent(({ name, data }) => this.#add({ type: "qmp", name, data: { ...data } })),
    ];
    let ticks = 0;
    this.#timer = setInterval(() => {
      this.#flush();
      ticks += 1;
      if (ticks % (1000 / grain) === 0) void this.#measure();
    }, grain);
    this.#timer.unref();
  }

  /** What is being done now, in a few words. */
  phase(text: string): void {
    this.#add({ type: "phase", text: sanitize(text, { maxLength: 200 }) });
  }

  /** To be told of everything that is done to the guest. */
  readonly watch = (event: GuestEvent): void => {
    if (event.type === "output") this.#take(event);
    else if (event.type === "look") this.#look(event);
    else if (event.type === "command" || event.type === "job")
      this.#add({ ...event, command: sanitize(event.command, { maxLength: 400 }) });
    else this.#add(event);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    this.#flush();
    this.#add({ type: "end" });
    this.#file.end();
    await finished(this.#file).catch(() => {});
  }

  #add(event: NewEvent): void {
    // What came before it stands before it.
    if (event.type !== "console" && event.type !== "output") this.#flush();
    this.#write({ t: Math.round(performance.now() - this.#start), ...event } as TimelineEvent);
  }

  #write(event: TimelineEvent): void {
    if (this.#broken || (this.#cut && event.type !== "end")) return;
    const line = `${JSON.stringify(event)}\n`;
    if (this.#bytes + line.length > mostBytes && event.type !== "end") {
      this.#cut = true;
      this.#file.write(`${JSON.stringify({ t: event.t, type: "cut" } satisfies TimelineEvent)}\n`);
      return;
    }
    this.#bytes += line.length;
    this.#file.write(line);
  }

  /** Write what is pending: lines of the console, and output. */
  #flush(): void {
    const t = Math.round(performance.now() - this.#start);
    if (this.#lines !== this.#told) {
      this.#told = this.#lines;
      this.#write({ t, type: "console", lines: this.#lines });
    }
    if (this.#output) {
      const output = this.#output;
      this.#output = undefined;
      this.#write(output);
    }
  }

  #take({ pid, stream, text }: Extract<GuestEvent, { type: "output" }>): void {
    const pending = this.#output;
    if (pending && (pending.pid !== pid || pending.stream !== stream)) this.#flush();
    const before = this.#output;
    const kept = sanitize(text.slice(0, Math.max(0, mostOutput - this.#outputKept)));
    this.#outputKept += kept.length;
    const whole = `${before?.text ?? ""}${kept}`;
    this.#output = {
      t: before?.t ?? Math.round(performance.now() - this.#start),
      type: "output",
      pid,
      stream,
      bytes: (before?.bytes ?? 0) + Buffer.byteLength(text),
      ...(whole === "" ? {} : { text: whole }),
    };
  }

  #look({ pid, at, processes }: Extract<GuestEvent, { type: "look" }>): void {
    const threads = processes.flatMap((process) => process.threads.map((thread) => ({ process, thread })));
    const changed = threads.filter(({ process, thread }) => this.#changed(pid, process, thread));
    const here = new Set(threads.map(({ thread }) => `${pid} ${thread.tid}`));
    const gone = [...this.#threads.keys()].filter((key) => key.startsWith(`${pid} `) && !here.has(key));
    for (const key of gone) this.#threads.delete(key);
    const told = changed.map(({ process, thread }) => ({
      pid: process.pid,
      tid: thread.tid,
      comm: sanitize(thread.comm, { maxLength: 64 }),
      state: thread.state,
      wchan: sanitize(thread.wchan, { maxLength: 80 }),
      cpu: Math.round(thread.cpuTime / 1e6),
      ...this.#stackOf(thread),
    }));
    const tids = gone.map((key) => Number(key.split(" ")[1]));
    this.#add({ type: "look", pid, guest: at, threads: told, gone: tids });
  }

  /** Whether a thread is not as it was at the last look. */
  #changed(job: number, process: ProcessSnapshot, { tid, state, wchan, comm, cpuTime }: Thread): boolean {
    const now = `${process.pid} ${state} ${wchan} ${comm} ${Math.round(cpuTime / 1e6)}`;
    const key = `${job} ${tid}`;
    if (this.#threads.get(key) === now) return false;
    this.#threads.set(key, now);
    return true;
  }

  #stackOf({ stack }: Thread): { stack: number } | undefined {
    if (stack.length === 0) return undefined;
    const frames = stack
      .map((frame) => frame.function)
      .join(" < ")
      .slice(0, 1000);
    const known = this.#stacks.get(frames);
    if (known !== undefined) return { stack: known };
    const id = this.#stacks.size + 1;
    this.#stacks.set(frames, id);
    this.#add({ type: "stack", id, frames });
    return { stack: id };
  }

  async #measure(): Promise<void> {
    const [qemu, host] = await Promise.all([
      processorTime(this.#machine.pid),
      readFile("/proc/stat", "utf8").catch(() => ""),
    ]);
    if (qemu === undefined || !host) return;
    const now = { at: performance.now(), qemu, ...parseTicks(host) };
    const before = this.#lastCpu;
    this.#lastCpu = now;
    if (!before || now.total <= before.total) return;
    const round = (value: number): number => Math.round(value * 100) / 100;
    const all = now.total - before.total;
    this.#add({
      type: "cpu",
      qemu: round((now.qemu - before.qemu) / (now.at - before.at)),
      busy: round(1 - (now.idle - before.idle) / all),
      steal: round((now.steal - before.steal) / all),
    });
  }
}
