import { createReadStream } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Within } from "../base/deadline.ts";
import { messageOf } from "../base/errors.ts";
import { oneLine, sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import type { Finding } from "../kernel-log/finding.ts";
import { KernelLogParser, parseKernelLog } from "../kernel-log/kernel-log.ts";
import { parseSystemMap, type SymbolTable } from "../kernel-log/symbols.ts";
import { describeWaits, readWaits } from "../kernel-log/waits.ts";
import type { Vm } from "../lab/vm.ts";
import { dumpMemory } from "../machine/memory-dump.ts";
import { sendNmi } from "../machine/nmi.ts";
import { describeRegisters, readRegisters } from "../machine/registers.ts";
import { askSysrq, type SysrqAnswer } from "../machine/sysrq.ts";
import type { EvidenceFolder } from "./evidence.ts";

/** One thing that was collected, or could not be. */
export interface Collected {
  /** Such as `kernel log`, `sysrq w t l d m`, `registers`. */
  readonly what: string;
  /** In the trial's folder. */
  readonly file?: string;
  /** Milliseconds that it took. */
  readonly ms: number;
  /** Why there is none, or not all of it, as a sentence. */
  readonly error?: string;
  /** What a person should know of the file, such as how to open it. */
  readonly note?: string;
}

/**
 * How much is worth having.
 * - `log`: the kernel log and what the parser finds in it.
 * - `light`: also what a healthy kernel tells about blocked tasks and CPUs within a second.
 * - `full`: everything.
 */
export type Depth = "log" | "light" | "full";

export interface CollectOptions {
  readonly signal: AbortSignal;
  /** Told what is being done. */
  readonly say?: ((text: string) => void) | undefined;
  /** Also write the guest's memory to a file, at `full` depth. */
  readonly memoryDump?: boolean | undefined;
}

/** The end of the journal that is kept; all of a trial's is a few kilobytes. */
const journalBytes = 2 * 1024 ** 2;
const screenLines = 50;
const light = ["w", "l"] as const;
/** Blocked tasks, all tasks, CPUs, locks, memory. */
const full = ["w", "t", "l", "d", "m"] as const;

/**
 * Collects what a machine still tells when a trial is over, most harmless first, each thing with a deadline of its
 * own. What fails is written down as a sentence; nothing but the caller's signal is thrown.
 */
export class EvidenceCollector {
  readonly #vm: Vm;
  readonly #folder: EvidenceFolder;
  readonly #options: CollectOptions;
  readonly #list: Collected[] = [];
  /** Text in which the kernel may say who waits for whom. */
  readonly #said: string[] = [];
  #log: "guest" | "console" | undefined;
  #sysrqAnswers = false;

  constructor(vm: Vm, folder: EvidenceFolder, options: CollectOptions) {
    this.#vm = vm;
    this.#folder = folder;
    this.#options = options;
  }

  /** What was collected so far, and what was not. */
  get collected(): readonly Collected[] {
    return this.#list;
  }

  /** Read what only the guest itself can tell; before it is told to power off, for instance. */
  async throughGuest(): Promise<void> {
    await this.#readLog();
    if (this.#log === "guest") await this.#readJournal();
  }

  /** Collect at the end of a trial, before the machine is ended. */
  async collect(depth: Depth): Promise<void> {
    const { machine } = this.#vm;
    // One that QEMU stopped for want of the host's disk answers nothing either.
    const ended = machine.fatal?.kind === "exit" || machine.fatal?.kind === "host";
    if (machine.fatal?.kind === "panic") await this.#letPanicEnd();
    const monitor = ended || depth === "log" || (await this.#readRegisters(depth));
    // Told to power off, a guest has no shell any more: what it had to tell was read then.
    if (!ended && monitor && !this.#vm.poweringOff && machine.fatal === undefined) {
      if (depth === "full") await this.throughGuest();
      else await this.#readLog();
    }
    if (this.#log === undefined) await this.#useConsole();
    if (!ended && depth !== "log" && monitor) await this.#askKernel(depth);
    if (depth === "full") {
      await this.#saveUnfinished();
      if (!ended && monitor) await this.#lastMeans();
      await this.#step("last screen", timeouts.evidence.screen, async () => {
        const lines = sanitize(machine.console.text).trimEnd().split("\n").slice(-screenLines);
        return await this.#save("last-screen.txt", `${lines.join("\n")}\n`);
      });
    }
    await this.#folder.saveJson("evidence.json", { collected: this.#list });
  }

  async #readLog(): Promise<void> {
    await this.#step("kernel log", timeouts.evidence.kernelLog, async (signal) => {
      const { guest } = this.#vm;
      const read = async (within: Within): Promise<string> =>
        (await guest.quick("dmesg", { within, signal })).stdout;
      // The fast channel may be held up by an earlier command: the second try goes over ssh then.
      const text = sanitize(
        await read(timeouts.evidence.firstWayIn).catch(async (error: unknown) => {
          signal.throwIfAborted();
          if (guest.fast.idle || guest.machine.fatal) throw error;
          return await read(timeouts.evidence.secondWayIn);
        }),
      );
      this.#log = "guest";
      this.#said.push(text);
      await this.#folder.saveJson("findings.json", parseKernelLog(text));
      return await this.#save("dmesg.txt", text);
    });
  }

  /** What the guest's commands had printed that nobody saw the end of. */
  async #saveUnfinished(): Promise<void> {
    const unfinished = this.#vm.guest.unfinished.list();
    if (unfinished.length === 0) return;
    await this.#step("unfinished commands", "5s", async () => {
      const texts = unfinished.map(({ command, stdout, stderr, truncated }) =>
        [
          `$ ${oneLine(command, { maxLength: 2000 })}`,
          "--- standard output",
          stdout.trimEnd(),
          "--- standard error",
          stderr.trimEnd(),
          ...(truncated ? ["--- it printed more than was kept"] : []),
        ].join("\n"),
      );
      return await this.#save("unfinished-commands.txt", `${texts.join("\n\n")}\n`);
    });
  }

  async #readJournal(): Promise<void> {
    await this.#step("journal", timeouts.evidence.journal, async (signal) => {
      const { guest } = this.#vm;
      const { stdout } = await guest.quick(guest.system.init.journal(journalBytes), {
        within: timeouts.guest.quick,
        signal,
      });
      return await this.#save("journal.txt", stdout);
    });
  }

  /** The first line of a panic ends the trial; its stack is still being printed then. */
  async #letPanicEnd(): Promise<void> {
    const { signal } = this.#options;
    await this.#vm.machine.console
      .waitForLine("the end of the panic", (line) => line.includes("end Kernel panic"), {
        within: timeouts.evidence.panic,
        signal,
      })
      .catch(() => signal.throwIfAborted());
  }

  /** The guest does not tell its log: the console has what of it was printed there. */
  async #useConsole(): Promise<void> {
    await this.#step("findings from the console", timeouts.evidence.console, async () => {
      this.#log = "console";
      const text = sanitize(this.#vm.machine.console.text, { maxLength: 4 * 1024 ** 2 });
      this.#said.push(text);
      await this.#folder.saveJson("findings.json", parseKernelLog(text));
      return "findings.json";
    });
  }

  /** @returns whether QEMU answers at all. */
  async #readRegisters(depth: Depth): Promise<boolean> {
    if (depth === "light") return true;
    return await this.#step("registers", timeouts.evidence.registers, async (signal) => {
      const symbols = await readSymbols(this.#vm.parts.kernel.boot);
      const registers = await readRegisters(this.#vm.machine, {
        within: timeouts.machine.monitor,
        signal,
        symbols,
      });
      return await this.#save("registers.txt", describeRegisters(registers));
    });
  }

  async #askKernel(depth: Depth): Promise<void> {
    const keys = depth === "full" ? full : light;
    const what = `sysrq ${keys.join(" ")}`;
    if (this.#vm.machine.fatal?.kind === "panic") {
      return this.#skip(what, "not asked: a kernel that panicked prints nothing more");
    }
    await this.#step(what, timeouts.evidence.sysrq, async (signal) => {
      const limits = { first: timeouts.evidence.firstKey, within: timeouts.evidence.key, signal } as const;
      let { answers, failure } = await askSysrq(this.#vm.machine, keys, limits);
      if (answers.length === 0 && this.#log === "guest" && !this.#vm.poweringOff) {
        // A kernel without sysrq on its serial line has it behind a file.
        const press = async (key: string): Promise<void> =>
          void (await this.#vm.guest.quick(`echo ${key} > /proc/sysrq-trigger`, {
            within: timeouts.evidence.firstKey,
            signal,
          }));
        ({ answers, failure } = await askSysrq(this.#vm.machine, keys, { ...limits, press }));
      }
      this.#sysrqAnswers = answers.length > 0;
      if (this.#sysrqAnswers) await this.#saveAnswers(answers);
      if (failure !== undefined)
        throw new PartialEvidence(failure, answers.length > 0 ? "sysrq.txt" : undefined);
      return "sysrq.txt";
    });
  }

  async #saveAnswers(answers: readonly SysrqAnswer[]): Promise<void> {
    const text = answers.map((answer) => answer.text).join("\n\n");
    await this.#save("sysrq.txt", `${text}\n`);
    const blocked = parseKernelLog(answers.find(({ key }) => key === "w")?.text ?? "");
    const waits = readWaits([...this.#said, text].join("\n"));
    await this.#folder.saveJson("blocked.json", {
      tasks: blocked.filter((finding: Finding) => finding.kind === "task-stack"),
      waits,
      chains: describeWaits(waits),
    });
  }

  /** What stops the guest for a while, and what changes it. */
  async #lastMeans(): Promise<void> {
    const { machine } = this.#vm;
    if (this.#options.memoryDump) {
      await this.#step("memory dump", timeouts.evidence.memoryDump, async (signal) => {
        const base = join(this.#folder.dir, "guest-memory");
        const dump = await dumpMemory(machine, base, { within: timeouts.evidence.memoryDump, signal });
        return { file: dump.path.slice(this.#folder.dir.length + 1), note: dump.open };
      });
    }
    const answered = (this.#log === "guest" && !this.#vm.poweringOff) || this.#sysrqAnswers;
    if (answered || machine.fatal) return;
    // What QEMU's monitor does to a machine is no part of a recording.
    if (machine.options.recording) return this.#skip("NMI", "not sent: it would not be in the recording");
    await this.#step("NMI", timeouts.evidence.nmiStep, async (signal) => {
      const said = await sendNmi(machine, { within: timeouts.evidence.nmi, signal });
      if (said === "") throw new Error("nothing came on the console after an NMI either");
      return await this.#save("nmi.txt", `${said}\n`);
    });
  }

  /** @returns whether it went well. */
  async #step(
    what: string,
    within: Within,
    work: (signal: AbortSignal) => Promise<string | { file: string; note: string }>,
  ): Promise<boolean> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    this.#options.say?.(`collecting: ${what}`);
    const start = performance.now();
    const took = (): number => Math.round(performance.now() - start);
    try {
      const made = await withDeadline(what, { within, pace: this.#vm.machine.pace, signal }, work);
      this.#list.push({ what, ...(typeof made === "string" ? { file: made } : made), ms: took() });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const file = error instanceof PartialEvidence ? error.file : undefined;
      this.#list.push({
        what,
        ...(file === undefined ? {} : { file }),
        ms: took(),
        error: sanitize(messageOf(error)).slice(0, 500),
      });
      return false;
    }
  }

  #skip(what: string, error: string): void {
    this.#list.push({ what, ms: 0, error });
  }

  async #save(name: string, text: string): Promise<string> {
    await this.#folder.saveText(name, text);
    return name;
  }
}

/** Some of it is there. */
class PartialEvidence extends Error {
  readonly file: string | undefined;
  constructor(message: string, file: string | undefined) {
    super(message);
    this.file = file;
  }
}

/** A kernel that was built here has its System.map beside it, and starts at the address it was linked for. */
async function readSymbols(boot: string): Promise<SymbolTable | undefined> {
  const text = await readFile(join(dirname(boot), "System.map"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseSystemMap(text);
}

/**
 * Make sure that a trial's folder has its findings, whatever happened: from the console's log on disk, where nothing
 * better was written.
 *
 * @returns what was done, if anything.
 */
export async function ensureFindings(folder: EvidenceFolder): Promise<Collected[]> {
  const start = performance.now();
  const there = async (name: string): Promise<boolean> =>
    await access(join(folder.dir, name)).then(
      () => true,
      () => false,
    );
  if ((await there("findings.json")) || !(await there("console.log"))) return [];
  const parser = new KernelLogParser();
  const findings: Finding[] = [];
  for await (const chunk of createReadStream(join(folder.dir, "console.log"))) {
    findings.push(...parser.push(chunk as Buffer));
  }
  findings.push(...parser.end());
  await folder.saveJson("findings.json", findings);
  return [
    { what: "findings from the console", file: "findings.json", ms: Math.round(performance.now() - start) },
  ];
}
