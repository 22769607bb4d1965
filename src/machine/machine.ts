import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Within } from "../base/deadline.ts";
import { onProcessExit } from "../base/on-exit.ts";
import type { Pace } from "../base/pace.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, withDeadline } from "../base/wait.ts";
import type { Confinement } from "../confine/confinement.ts";
import type { Platform } from "../platform/platform.ts";
import type { Console } from "./console.ts";
import { ConnectionLost, crashIn, MachineFault } from "./fault.ts";
import { diskFault, layersOf } from "./layers.ts";
import type { MachineOptions } from "./options.ts";
import type { Qmp } from "./qmp.ts";
import type { Relay } from "./relay.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { Seed } from "./seed.ts";

/** The socket of a second monitor, for a person. */
export const userMonitorName = "user-qmp";

/** How QEMU ended. */
export interface MachineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the machine shut down, if QEMU said so: `guest-shutdown`, `guest-reset`, `guest-panic`, `host-qmp-quit`, ... */
  readonly reason: string | undefined;
}

/** What a running machine is put together from: see `startMachine`. */
export interface MachineParts {
  readonly platform: Platform;
  readonly options: MachineOptions;
  readonly qmp: Qmp;
  readonly console: Console;
  readonly seed: Seed;
  readonly shell: { readonly commands: Socket; readonly errors: Socket };
  readonly process: ChildProcess;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly sshPort: number;
  readonly relay: Relay | undefined;
  readonly confinement: Confinement;
  readonly pace: Pace;
  readonly exited: Promise<MachineExit>;
  readonly directory: RunDirectory;
}

/** A running QEMU. Dispose it to end it; nothing of it is left then but its evidence. */
export class Machine implements AsyncDisposable {
  /** @internal */
  readonly platform: Platform;
  readonly qmp: Qmp;
  readonly console: Console;
  /** @internal */
  readonly seed: Seed;
  /**
   * What it was started with.
   *
   * @internal
   */
  readonly options: MachineOptions;
  /**
   * The host's ends of the two virtio-serial ports that the guest's root shell is behind.
   *
   * @internal
   */
  readonly shell: { readonly commands: Socket; readonly errors: Socket };
  readonly pid: number;
  /** The command that started it: the program and its arguments. */
  readonly command: readonly string[];
  /** Port on 127.0.0.1 that leads to the guest's ssh. */
  readonly sshPort: number;
  /** How much of its time the host gives it. */
  readonly pace: Pace;
  /** Resolves when QEMU has ended, whoever ended it. Never rejects. */
  readonly exited: Promise<MachineExit>;
  readonly #faultListeners = new Set<(fault: MachineFault) => void>();
  /** How QEMU is held on this host. */
  readonly confinement: Confinement;
  readonly #directory: RunDirectory;
  readonly #relay: Relay | undefined;
  readonly #process: ChildProcess;
  readonly #onExit: Disposable;
  #fatal: MachineFault | undefined;

  constructor(parts: MachineParts) {
    this.platform = parts.platform;
    this.qmp = parts.qmp;
    this.console = parts.console;
    this.seed = parts.seed;
    this.options = parts.options;
    this.shell = parts.shell;
    this.#process = parts.process;
    this.pid = parts.process.pid ?? 0;
    this.command = parts.command;
    this.sshPort = parts.sshPort;
    this.pace = parts.pace;
    this.exited = parts.exited;
    this.#directory = parts.directory;
    this.#relay = parts.relay;
    this.confinement = parts.confinement;
    this.#onExit = onProcessExit(() => this.#endNow());
    const evidence = { evidence: parts.console.logFile };
    this.console.onLine(({ text }) => {
      const kind = crashIn(text);
      if (kind)
        this.#fault(
          new MachineFault(kind, `the guest's kernel crashed: ${text.trim().slice(0, 200)}`, evidence),
        );
    });
    this.qmp.onEvent((event) => {
      const fault = diskFault(event, { ...parts.options, ...evidence });
      if (fault) this.#fault(fault);
    });
    void this.exited.then((exit) => {
      const how = exit.reason ?? (exit.signal ? `signal ${exit.signal}` : `exit code ${exit.code}`);
      this.#fault(new MachineFault("exit", `the machine ended (${how})`, evidence));
    });
  }

  /** The folder of its sockets: QEMU's own, which it may write to. */
  get runPath(): string {
    return this.#directory.own;
  }

  /** A folder on a large disk that QEMU may write to; it goes with the machine. */
  get layersPath(): string {
    return layersOf(this.options, this.#directory);
  }

  /** The socket of a second monitor: for a person, and for another dstate that asks while this one waits. */
  get userMonitor(): string {
    return join(this.runPath, userMonitorName);
  }

  /** The fault after which nothing more can come from this machine, if there was one. */
  get fatal(): MachineFault | undefined {
    return this.#fatal;
  }

  /**
   * Do work that waits for the guest, racing a deadline, the caller's signal, QEMU's exit, and a crash of the
   * guest's kernel on the console.
   *
   * @throws {MachineFault} on exit or panic, or when an oops appears while waiting.
   * @throws {DeadlineError} after `within`.
   */
  async race<T>(
    what: string,
    options: { within: Within; signal?: AbortSignal | undefined },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#fatal) throw this.#fatal;
    const controller = new AbortController();
    const listener = (fault: MachineFault): void => controller.abort(fault);
    this.#faultListeners.add(listener);
    try {
      const signal = options.signal
        ? AbortSignal.any([options.signal, controller.signal])
        : controller.signal;
      return await withDeadline(what, { within: options.within, pace: this.pace, signal }, work);
    } catch (error) {
      // A connection that breaks is often the first that is seen of QEMU's end: the end is the better story.
      if (error instanceof ConnectionLost)
        await Promise.race([this.exited, pause(timeouts.machine.loss.milliseconds)]);
      throw (error instanceof ConnectionLost && this.#fatal) || error;
    } finally {
      this.#faultListeners.delete(listener);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      // `quit` lets QEMU flush the console's log; a QEMU that does not answer is killed.
      await this.qmp.call("quit", {}, { within: timeouts.machine.quit }).catch(() => {});
      await withDeadline(
        "QEMU to end",
        { within: timeouts.machine.exit, pace: this.pace },
        () => this.exited,
      ).catch(() => this.#process.kill("SIGKILL"));
      await this.exited;
    }
    this.qmp[Symbol.dispose]();
    this.#relay?.[Symbol.dispose]();
    this.shell.commands.destroy();
    this.shell.errors.destroy();
    await this.console[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
    // Last: who is told to end at once in the middle of that does the rest of it at once.
    this.#onExit[Symbol.dispose]();
  }

  #endNow(): void {
    this.#process.kill("SIGKILL");
    this.#directory.removeNow();
  }

  #fault(fault: MachineFault): void {
    if (fault.kind !== "oops") this.#fatal ??= fault;
    for (const listener of [...this.#faultListeners]) listener(fault);
  }
}
