import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import type { Duration } from "../base/duration.ts";
import { messageOf } from "../base/errors.ts";
import { Guest } from "../guest/guest.ts";
import { type PowerOffVerdict, powerOff } from "../guest/power-off.ts";
import type { Image } from "../image/image.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { probeAccelerator } from "../machine/accelerator.ts";
import type { Disk } from "../machine/argv.ts";
import { Machine } from "../machine/machine.ts";
import type { Finding } from "../observe/finding.ts";
import { parseKernelLog } from "../observe/kernel-log.ts";
import { sanitize } from "../observe/text.ts";
import type { NodeRuntime } from "../runtime/node.ts";

/** Everything a machine of a cell is made from, ready on the host's disk. */
export interface Parts {
  readonly kernel: Kernel;
  readonly image: Image;
  readonly node?: NodeRuntime | undefined;
  /** A file system that the guest mounts at /srv/work, written to privately. */
  readonly workload?: string | undefined;
}

export interface VmOptions {
  readonly parts: Parts;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Where the console's log and all other evidence of this machine go. */
  readonly evidenceDir: string;
  readonly network?: "isolated" | "user";
  readonly bootWithin?: Duration;
  /** More words for the kernel's command line. */
  readonly commandLine?: readonly string[];
}

/** The kernel log of a guest, from the best source that answers, with what the parser found in it. */
export interface KernelLog {
  readonly source: "guest" | "console";
  readonly text: string;
  readonly findings: readonly Finding[];
}

/** A booted machine with its guest. Dispose it to end it. */
export class Vm implements AsyncDisposable {
  readonly machine: Machine;
  readonly guest: Guest;
  /** A connection opened while the guest was healthy, used only for evidence. */
  readonly spare: Guest;
  readonly parts: Parts;
  /** How the machine runs and why, for the report. */
  readonly acceleration: string;

  private constructor(machine: Machine, guest: Guest, spare: Guest, parts: Parts, acceleration: string) {
    this.machine = machine;
    this.guest = guest;
    this.spare = spare;
    this.parts = parts;
    this.acceleration = acceleration;
  }

  /**
   * Boot a machine and wait for its guest.
   *
   * @throws {InfraError} when QEMU or the boot fails; the console's log is named.
   * @example await using vm = await Vm.start({ parts, cpus: 2, memory: 2 ** 30, evidenceDir }, context);
   */
  static async start(options: VmOptions, context: Context): Promise<Vm> {
    const { parts } = options;
    const answer = await probeAccelerator(parts.kernel, context);
    const machine = await Machine.start({
      accelerator: answer.accelerator,
      cpus: options.cpus,
      memory: options.memory,
      kernel: parts.kernel,
      commandLine: [...guestCommandLine, ...(options.commandLine ?? [])].join(" "),
      disks: disksOf(parts),
      network: options.network ?? "isolated",
      hostname: "dstate",
      runtimeRoot: context.settings.runtimeDir,
      evidenceDir: options.evidenceDir,
      signal: context.signal,
    });
    const guest = new Guest(machine);
    try {
      // The kernel's own configuration is part of the evidence.
      if (parts.kernel.config)
        await copyFile(parts.kernel.config, join(options.evidenceDir, "kernel-config"));
      const within = options.bootWithin ?? "90s";
      await guest.ready({ within, signal: context.signal });
      const spare = await guest.openSpare({ within, signal: context.signal });
      const how = `${answer.accelerator.type.toUpperCase()} (${answer.because})`;
      return new Vm(machine, guest, spare, parts, how);
    } catch (error) {
      guest[Symbol.dispose]();
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * The kernel log with its findings: from the guest while it answers, else from the console.
   *
   * @example expect(await vm.kernelLog()).toBeClean()
   */
  async kernelLog(options: { within?: Duration; signal?: AbortSignal } = {}): Promise<KernelLog> {
    const read = { within: options.within ?? "10s", signal: options.signal } as const;
    const fromGuest = await this.spare.exec(["dmesg"], read).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        options.signal?.throwIfAborted();
        return messageOf(error) && undefined;
      },
    );
    const text = sanitize(fromGuest ?? this.machine.console.text);
    return { source: fromGuest === undefined ? "console" : "guest", text, findings: parseKernelLog(text) };
  }

  /** Tell the guest to power off and judge what happens. @example (await vm.powerOff({ within: "30s" })).state */
  async powerOff(options: { within: Duration; signal?: AbortSignal }): Promise<PowerOffVerdict> {
    return await powerOff(this.spare, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.guest[Symbol.dispose]();
    this.spare[Symbol.dispose]();
    await this.machine[Symbol.asyncDispose]();
  }
}

/**
 * What every guest is booted with. Hung tasks are reported after 10 s, not 120, so that a trial does not take
 * minutes; a panicked kernel stands still, so that evidence can be had.
 *
 * @see https://www.kernel.org/doc/html/latest/admin-guide/kernel-parameters.html
 * @see https://www.kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html
 */
const guestCommandLine = [
  "console=ttyS0",
  "root=/dev/vda",
  "rw",
  "rootfstype=ext4",
  "loglevel=7",
  "systemd.show_status=0",
  "systemd.log_level=warning",
  "net.ifnames=0",
  "mitigations=off",
  "random.trust_cpu=on",
  "panic=0",
  "sysctl.kernel.hung_task_timeout_secs=10",
  "sysctl.kernel.hung_task_check_interval_secs=5",
  "sysctl.kernel.hung_task_warnings=40",
  "sysctl.kernel.sysrq=1",
];

function disksOf(parts: Parts): Disk[] {
  return [
    { serial: "dstate-root", path: parts.image.path, format: "raw", access: "private" },
    ...(parts.node
      ? [{ serial: "dstate-node", path: parts.node.image, format: "raw", access: "read-only" } as const]
      : []),
    ...(parts.workload === undefined
      ? []
      : [{ serial: "dstate-work", path: parts.workload, format: "raw", access: "private" } as const]),
  ];
}
