import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import type { Within } from "../base/deadline.ts";
import { messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import type { TlsAudit } from "../diagnose/audit-tls.ts";
import { guestFilesTls, guestProcessTls } from "../diagnose/guest-tls.ts";
import { Guest } from "../guest/guest.ts";
import { adoptIdentity, mountWorkload } from "../guest/identity.ts";
import { type PowerOffVerdict, powerOff } from "../guest/power-off.ts";
import { type GuestShell, guestShell } from "../guest/zx.ts";
import { guestSystems } from "../image/systems.ts";
import type { Finding } from "../kernel-log/finding.ts";
import { parseKernelLog } from "../kernel-log/kernel-log.ts";
import { probeAccelerator } from "../machine/accelerator.ts";
import { MachineFault } from "../machine/fault.ts";
import { type Lease, takeRoom } from "../machine/lease.ts";
import type { Machine } from "../machine/machine.ts";
import { slowdownOf } from "../machine/speed.ts";
import { startMachine } from "../machine/start.ts";
import { TimelineRecorder } from "../record/record-timeline.ts";
import { awaitBoot, BootError } from "./await-boot.ts";
import { bootOptions } from "./boot.ts";
import type { Parts, Shape, VmOptions } from "./parts.ts";
import { startRecorded } from "./recorded.ts";
import { provideSnapshot, restoreOptions, snapshotKey, snapshotStore, watchSnapshot } from "./snapshot.ts";

/** The kernel log of a guest, from the best source that answers, with what the parser found in it. */
export interface KernelLog {
  readonly source: "guest" | "console";
  readonly text: string;
  readonly findings: readonly Finding[];
}

/** A machine that runs, with its guest. Dispose it to end it. */
export class Vm implements AsyncDisposable {
  readonly machine: Machine;
  readonly guest: Guest;
  readonly parts: Parts;
  /** How the machine runs and why, for the report. */
  readonly acceleration: string;
  /** `warm`: it went on from a frozen machine; `cold`: it booted; `revived`: it was kept. */
  readonly start: "warm" | "cold" | "revived";
  /** Where its evidence is. */
  readonly evidenceDir: string;
  /**
   * zx's `$` in the guest, as root in the workload's folder or, without one, at home.
   *
   * @see https://google.github.io/zx/api
   * @example const { stdout } = await vm.$`npm ci --offline`;
   */
  readonly $: GuestShell;
  /** What happens to it is written down here. */
  readonly #timeline: TimelineRecorder;
  /** Memory that was taken for this machine alone. */
  readonly #ownRoom: Lease | undefined;
  #beforePowerOff: ((signal: AbortSignal | undefined) => Promise<void>) | undefined;
  #onStall: (() => void) | undefined;
  #poweringOff = false;
  /** What is to be looked at when the machine has ended. */
  readonly #ended: (() => Promise<void>) | undefined;

  private constructor(
    machine: Machine,
    options: VmOptions,
    about: {
      acceleration: string;
      start: Vm["start"];
      room: Lease;
      progress: Progress;
      ended?: () => Promise<void>;
    },
  ) {
    this.machine = machine;
    this.#timeline = new TimelineRecorder(join(options.evidenceDir, "timeline.jsonl"), machine);
    this.guest = new Guest(machine, {
      system: guestSystems[options.parts.image.kind],
      env: options.env,
      watch: (event) => {
        this.#timeline.watch(event);
        if (event.type === "stall") this.#onStall?.();
      },
    });
    this.$ = guestShell(this.guest, {
      cwd: options.parts.workload === undefined ? "/root" : "/srv/work",
      show: (text) => about.progress({ type: "output", text }),
    });
    this.parts = options.parts;
    this.evidenceDir = options.evidenceDir;
    if (options.room === undefined) this.#ownRoom = about.room;
    about.room.claim(machine.pid);
    this.acceleration = about.acceleration;
    this.start = about.start;
    this.#ended = about.ended;
  }

  /**
   * A machine with a guest that answers. It goes on from a frozen one of the same parts and shape, which the
   * first such machine makes; with `cold`, or where freezing does not work, it boots.
   *
   * @throws {InfraError} when QEMU or the boot fails; the console's log is named.
   * @example await using vm = await Vm.start({ parts, cpus: 2, memory: 2 ** 30, evidenceDir }, context);
   */
  static async start(options: VmOptions, context: Context): Promise<Vm> {
    const { accelerator, because } = await probeAccelerator(options.parts.kernel, context);
    const acceleration = `${accelerator.type.toUpperCase()} (${because})`;
    await mkdir(options.evidenceDir, { recursive: true });
    // The kernel's own configuration is part of the evidence.
    if (options.parts.kernel.config)
      await copyFile(options.parts.kernel.config, join(options.evidenceDir, "kernel-config"));
    const shape = { ...options, accelerator, slowdown: await slowdownOf(context) };
    const room = options.room ?? (await takeRoom(options.memory, context));
    try {
      if (options.recordInto !== undefined) {
        const machine = await startRecorded(
          bootOptions(shape, context),
          options.parts,
          options.recordInto,
          options.recordedMoves,
        );
        const about = { acceleration: "TCG, recorded: one processor, its clock counts instructions", room };
        return await Vm.#ready(machine, options, { ...about, start: "cold" }, context);
      }
      if (options.cold !== true) {
        const vm = await Vm.#warm(shape, { acceleration, room }, context);
        if (vm) return vm;
      }
      const machine = await startMachine(bootOptions(shape, context));
      return await Vm.#ready(machine, options, { acceleration, start: "cold", room }, context);
    } catch (error) {
      if (options.room === undefined) room[Symbol.dispose]();
      throw error;
    }
  }

  /** A machine that was kept and runs again: its guest stays who it was. See `reviveVm`. */
  static revived(machine: Machine, options: VmOptions, room: Lease, { progress }: Context): Vm {
    const { type } = machine.options.accelerator;
    return new Vm(machine, options, { acceleration: type.toUpperCase(), start: "revived", room, progress });
  }

  static async #warm(
    shape: Shape,
    about: { acceleration: string; room: Lease },
    context: Context,
  ): Promise<Vm | undefined> {
    const store = snapshotStore(context);
    const key = await snapshotKey(shape, context);
    try {
      const snapshot = await provideSnapshot(shape, key, context);
      const machine = await startMachine(restoreOptions(shape, snapshot, context));
      const ended = await watchSnapshot(snapshot, context);
      return await Vm.#ready(machine, shape, { ...about, start: "warm", ended }, context);
    } catch (error) {
      context.signal.throwIfAborted();
      // Nothing says that the same boot goes better without being frozen, or on the same full disk.
      if (error instanceof BootError || (error instanceof MachineFault && error.kind === "host")) throw error;
      context.progress({ type: "note", text: `no warm start, booting instead: ${messageOf(error)}` });
      await store.remove(key);
      return undefined;
    }
  }

  static async #ready(
    machine: Machine,
    options: VmOptions,
    about: { acceleration: string; start: "warm" | "cold"; room: Lease; ended?: () => Promise<void> },
    context: Context,
  ): Promise<Vm> {
    const vm = new Vm(machine, options, { ...about, progress: context.progress });
    const wait = {
      within:
        about.start === "warm"
          ? timeouts.machine.restore
          : (options.bootWithin ?? guestSystems[options.parts.image.kind].bootWithin),
      signal: context.signal,
    } as const;
    try {
      if (about.start === "warm") await adoptIdentity(vm.guest, wait);
      else await awaitBoot(vm.guest, { ...wait, evidence: machine.console.logFile });
      if (options.parts.workload !== undefined) await mountWorkload(vm.guest, wait);
      return vm;
    } catch (error) {
      // Not its room: another machine is started in it.
      await vm.#end();
      throw error;
    }
  }

  /**
   * The kernel log with its findings: from the guest while it answers, else from the console.
   *
   * @example expect(await vm.kernelLog()).toBeClean()
   */
  async kernelLog(
    options: { within?: Within | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<KernelLog> {
    const read = { within: options.within ?? timeouts.guest.kernelLog, signal: options.signal } as const;
    const fromGuest = await this.guest.quick("dmesg", read).then(
      ({ stdout }) => stdout,
      () => {
        options.signal?.throwIfAborted();
        return undefined;
      },
    );
    const text = sanitize(fromGuest ?? this.machine.console.text);
    return { source: fromGuest === undefined ? "console" : "guest", text, findings: parseKernelLog(text) };
  }

  /** Note in the timeline of the machine what is being done now. @example vm.mark("installing") */
  mark(text: string): void {
    this.#timeline.phase(text);
  }

  /** Have something done whenever a job is found stuck. */
  whenStalled(hook: () => void): void {
    this.#onStall = hook;
  }

  /** Have something done before the guest is told to power off: what only the guest can tell is read then. */
  beforePowerOff(hook: (signal: AbortSignal | undefined) => Promise<void>): void {
    this.#beforePowerOff = hook;
  }

  /** Whether the guest was told to power off: it has no shell any more then, even if it got stuck. */
  get poweringOff(): boolean {
    return this.#poweringOff;
  }

  /**
   * Thread-local storage of every object that a process in the guest has mapped, or of files in it: largest first,
   * with the variables that take it.
   *
   * @throws {UsageError} when there is no such process or file.
   * @example (await vm.tls({ pid: job.pid }))[0]?.symbols
   */
  async tls(
    target:
      | { readonly pid: number }
      | { readonly files: readonly string[]; readonly others?: "skip" | undefined },
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<TlsAudit[]> {
    const { node } = this.parts;
    // Node is large, and this host has it.
    const known = node ? { "/opt/node/bin/node": join(node.dir, "bin/node") } : {};
    if ("pid" in target) return await guestProcessTls(this.guest, target.pid, { ...options, known });
    return await guestFilesTls(this.guest, target.files, {
      ...options,
      known,
      others: target.others ?? "refuse",
    });
  }

  /** Tell the guest to power off and judge what happens. @example (await vm.powerOff({ within: "30s" })).state */
  async powerOff(options: { within: Within; signal?: AbortSignal | undefined }): Promise<PowerOffVerdict> {
    if (!this.#poweringOff) await this.#beforePowerOff?.(options.signal);
    this.#poweringOff = true;
    return await powerOff(this.guest, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    this.#ownRoom?.[Symbol.dispose]();
  }

  async #end(): Promise<void> {
    this.guest[Symbol.dispose]();
    await this.machine[Symbol.asyncDispose]();
    await this.#timeline[Symbol.asyncDispose]();
    await this.#ended?.();
  }
}
